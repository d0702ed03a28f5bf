"""manage.py round: open a project's next round, look at it, pause it, try again."""

import json
import sys
import time
from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from annotation.errors import HoneError, NotFound
from annotation.models import Project
from annotation.services.answers import named_project
from training.models import Round
from training.services import rounds

LOOK_SECONDS = 1.0


class Command(BaseCommand):
    help = "The loop of a project: collect, learn, sample, ask again (docs/rounds.md)."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "verb", choices=["start", "status", "pause", "resume", "retry", "advance"]
        )
        parser.add_argument("--project", required=True, help="its slug")
        parser.add_argument(
            "--settings",
            type=json.loads,
            help="of a new round, as JSON; those of the round before if left out",
        )
        parser.add_argument(
            "--wait", action="store_true", help="say what it waits for until it is over"
        )
        parser.add_argument("--json", action="store_true", help="print JSON")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            found = self._do(
                options["verb"], named_project(options["project"]), options
            )
        except HoneError as error:
            self.stderr.write(self.style.ERROR(str(error)))
            sys.exit(2)
        if options["wait"]:
            self._follow(found)
        self._report(found, as_json=options["json"])
        if found.state == Round.State.FAILED:
            sys.exit(1)

    def _do(self, verb: str, project: Project, options: dict[str, Any]) -> Round:
        if verb == "start":
            return rounds.start(project=project, settings=options["settings"])
        found = project.rounds.order_by("-number").first()
        if found is None:
            raise NotFound(
                "This project has no round yet.",
                expected="a round",
                found="none",
                fix=f"manage.py round start --project {project.slug}",
            )
        if verb == "retry":
            return rounds.retry(found)
        if verb in ("pause", "resume"):
            return rounds.set_paused(found, verb == "pause")
        if verb == "advance":
            while rounds.advance(found.pk):
                pass
            found.refresh_from_db()
        return found

    def _follow(self, found: Round) -> None:
        said = ""
        while found.state not in rounds.OVER and not found.paused:
            words = f"{found.get_state_display()}: {found.waiting_for}"
            if words != said:
                self.stdout.write(said := words)
                self.stdout.flush()
            time.sleep(LOOK_SECONDS)
            found.refresh_from_db()

    def _report(self, found: Round, *, as_json: bool) -> None:
        if as_json:
            told = {
                "number": found.number,
                "state": found.state,
                "waiting_for": found.waiting_for,
                "counts": found.counts,
                "error": found.error,
            }
            self.stdout.write(json.dumps(told))
            return
        self.stdout.write(f"Round {found.number}: {found.get_state_display()}")
        if found.waiting_for:
            self.stdout.write(f"  {found.waiting_for}")
        for name, count in found.counts.items():
            self.stdout.write(f"  {name} {count}")
        for name in ("message", "expected", "found", "fix"):
            if found.error and found.error.get(name):
                self.stderr.write(f"  {name}: {found.error[name]}")
