"""`manage.py demo`: make the demo project and show how its sampling comes along."""

import os
import time
from typing import Any

from django.core.management.base import BaseCommand, CommandParser
from tqdm import tqdm

from training.models import TrainingRun
from workers.demo.setup import Login, set_up_demo

QUIET_SECONDS = 20.0  # how often a log without a terminal gets a line


class Command(BaseCommand):
    help = "Make the demo project with its log-ins; running it again changes nothing."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--no-wait",
            action="store_true",
            help="do not wait for the sampling of completions to end",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        project, run, logins = set_up_demo()
        self.greet(project.slug, logins)
        if not options["no_wait"] and run.state in TrainingRun.OPEN_STATES:
            self.watch(run)

    def greet(self, slug: str, logins: list[Login]) -> None:
        url = os.environ.get("HONE_URL", "").rstrip("/")
        pages = {"annotator": ("label", "/app/"), "owner": ("train", "/admin/")}
        lines = [f"The demo project {slug!r} is ready. Log in:"]
        for login in logins:
            verb, page = pages[login.role]
            lines.append(
                f"  to {verb}:  {url}{page}  as  {login.username}  "
                f"with  {login.password}"
            )
        self.stdout.write("\n".join(lines) + "\n")
        self.stdout.flush()

    def watch(self, run: TrainingRun) -> None:
        """Show how many completions there are until the run ends."""
        total = len(run.inputs["prompt_ids"]) * run.params["samples"]
        label = "SmolLM2 writes completions; label while it does"
        spoke_at = 0.0
        with tqdm(total=total, desc=label, unit="", disable=None) as bar:
            while run.state in TrainingRun.OPEN_STATES:
                done = run.project.prompts.filter(completions__isnull=False).count()
                done = min(done, total)
                bar.update(done - bar.n)
                if bar.disable and time.monotonic() - spoke_at > QUIET_SECONDS:
                    spoke_at = time.monotonic()
                    self.stdout.write(f"{label}: {done} of {total}")
                    self.stdout.flush()
                time.sleep(1)
                run.refresh_from_db()
        if run.state == TrainingRun.State.SUCCEEDED:
            self.stdout.write(f"All {total} completions are there.")
        else:
            self.stderr.write(
                f"The sampling {run.state}: {run.error or 'no error was recorded'}. "
                "See the run's page in the panel."
            )
