"""What the commands that launch runs share: choosing, launching and following one."""

import json
import sys
import time
from argparse import ArgumentTypeError
from collections.abc import Callable
from typing import Any
from uuid import UUID

from django.core.management.base import BaseCommand, CommandParser
from tqdm import tqdm

from annotation.errors import HoneError, InvalidInput
from annotation.models import Project
from annotation.services.answers import named_project
from training.engine.registry import get
from training.models import ModelVersion, Snapshot, TrainingRun
from training.services import health
from training.services.frozen_facts import warnings_of
from training.services.promoting import base_model

LOOK_SECONDS = 1.0


def setting(text: str) -> tuple[str, Any]:
    """Read name=value; the value is JSON where it can be, else text."""
    name, found, value = text.partition("=")
    if not found or not name:
        raise ArgumentTypeError(f"expected name=value, found {text!r}")
    try:
        return name, json.loads(value)
    except ValueError:
        return name, value


class LaunchCommand(BaseCommand):
    """A command that launches one run and, with --wait, sees it to its end."""

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--project", required=True, help="its slug")
        parser.add_argument("--model", type=UUID, help="id of a model version")
        parser.add_argument(
            "--source",
            help="a model from outside instead: a directory, hub id, .gguf file, "
            "wheel:smollm2 or wheel:minilm",
        )
        parser.add_argument("--preset", default="", help="a method of the registry")
        parser.add_argument(
            "--param",
            action="append",
            type=setting,
            default=[],
            metavar="NAME=VALUE",
            help="a setting of the preset; may be given several times",
        )
        parser.add_argument("--seed", type=int, default=0)
        parser.add_argument("--name", default="")
        parser.add_argument("--priority", type=int, default=0)
        parser.add_argument("--seconds", type=float, help="upper bound of the run")
        parser.add_argument("--max-rows", type=int)
        parser.add_argument("--max-steps", type=int)
        parser.add_argument(
            "--wait", action="store_true", help="follow it to its end; 1 if it fails"
        )
        parser.add_argument("--json", action="store_true", help="print JSON")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            run = self.launch(named_project(options["project"]), options)
        except HoneError as error:
            self.fail(error)
        for warning in warnings_of(get(run.preset), run.snapshot):
            self.stderr.write(self.style.WARNING(warning))
        if options["wait"]:
            run = follow(run, quiet=options["json"])
        self.report(run, as_json=options["json"])
        if options["wait"] and run.state != TrainingRun.State.SUCCEEDED:
            sys.exit(1)

    def launch(self, project: Project, options: dict[str, Any]) -> TrainingRun:
        raise NotImplementedError

    def common(self, options: dict[str, Any]) -> dict[str, Any]:
        """Return the arguments of `launch` that every kind has."""
        limits = {
            name: options[name]
            for name in ("seconds", "max_rows", "max_steps")
            if options[name] is not None
        }
        return {
            "preset": options["preset"],
            "params": dict(options["param"]),
            "limits": limits,
            "seed": options["seed"],
            "name": options["name"],
            "priority": options["priority"],
        }

    def fail(self, error: HoneError) -> Any:
        self.stderr.write(self.style.ERROR(str(error)))
        sys.exit(2)

    def report(self, run: TrainingRun, *, as_json: bool) -> None:
        models = [str(model.pk) for model in run.models.all()]
        if as_json:
            found = {
                "id": str(run.pk),
                "state": run.state,
                "metrics": run.metrics,
                "error": run.error,
                "models": models,
            }
            self.stdout.write(json.dumps(found))
            return
        self.stdout.write(f"Run {run.pk} is {run.get_state_display()}.")
        for model in models:
            self.stdout.write(f"  model {model}")
        for name, value in sorted(run.metrics.items()):
            if isinstance(value, int | float):
                self.stdout.write(f"  {name} {value:.6g}")
        if run.error:
            for name in ("message", "expected", "found", "fix"):
                if run.error.get(name):
                    self.stderr.write(f"  {name}: {run.error[name]}")


def chosen_model(
    project: Project, options: dict[str, Any], *, role: str
) -> ModelVersion | None:
    """Return the model that --model or --source names; None where neither does.

    Raises:
        InvalidInput: for an id that the project does not have.
    """
    if options["source"]:
        return base_model(project=None, source=options["source"], role=role)
    if options["model"] is None:
        return None
    return known_model(project, options["model"])


def known_model(project: Project, pk: UUID) -> ModelVersion:
    found = ModelVersion.objects.filter(pk=pk).first()
    if found is None or found.project_id not in (None, project.pk):
        raise InvalidInput(
            "There is no such model.",
            expected=f"the id of a model of {project.slug}",
            found=str(pk),
            fix="Read the ids in the panel, or name a --source.",
        )
    return found


def chosen_snapshot(project: Project, text: str) -> Snapshot | None:
    """Return the snapshot of an id, or the newest ready one for "latest"."""
    ready = project.snapshots.filter(state=Snapshot.State.READY)
    if text == "latest":
        return ready.first()
    try:
        return project.snapshots.filter(pk=UUID(text)).first()
    except ValueError as error:
        raise InvalidInput(
            "This is no snapshot's id.",
            expected="an id, or latest",
            found=repr(text),
            fix="manage.py snapshot prints the id.",
        ) from error


def follow(
    run: TrainingRun,
    *,
    quiet: bool = False,
    wait: Callable[[float], None] = time.sleep,
) -> TrainingRun:
    """Show a run's progress until it ends; return it as it is then."""
    warned = False
    with tqdm(desc=run.name, unit="", disable=True if quiet else None) as bar:
        while True:
            run.refresh_from_db()
            bar.total = run.total_steps
            bar.update(run.step - bar.n)
            if run.state in TrainingRun.FINAL_STATES:
                return run
            if run.state in TrainingRun.WAITING_STATES and not warned:
                warned = _warn_of_missing_worker()
            wait(LOOK_SECONDS)


def _warn_of_missing_worker() -> bool:
    gpu = next(item for item in health.queue_health() if item.queue == "gpu")
    if gpu.is_stuck:
        print(gpu.advice, file=sys.stderr)
    return gpu.is_stuck
