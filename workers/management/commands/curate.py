"""manage.py curate: verified and silver pools, votes on labels, one iteration."""

import json
import sys
from dataclasses import asdict
from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from annotation.errors import HoneError, NotFound
from annotation.models import Judge, Project
from annotation.services.answers import named_project


class Command(BaseCommand):
    help = "Pools of verified and silver labels, and doubts (docs/curation.md)."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "verb", choices=["pools", "verify", "votes", "recycle", "iterate"]
        )
        parser.add_argument("--project", required=True, help="its slug")
        parser.add_argument(
            "--share", type=float, help="verify: of human labels to keep for the pool"
        )
        parser.add_argument("--seed", type=int, default=0)
        parser.add_argument(
            "--snapshot", help="votes, recycle: a snapshot of the view pairs"
        )
        parser.add_argument(
            "--use",
            default="columns",
            help="votes: what becomes of the labels",
        )
        parser.add_argument("--models", type=int, default=10, help="votes: models")
        parser.add_argument(
            "--ask-again",
            type=int,
            default=0,
            help="votes, recycle: so many doubted labels",
        )
        parser.add_argument("--model", help="iterate: the reward model")
        parser.add_argument("--judge", help="iterate: the judge's name")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            project = named_project(options["project"])
            found = self._found(project, options)
        except HoneError as error:
            self.stderr.write(self.style.ERROR(str(error)))
            sys.exit(2)
        self.stdout.write(json.dumps(found, indent=1, default=str))

    def _found(self, project: Project, options: dict[str, Any]) -> dict[str, Any]:
        """Do what a curation job would; the settings have the jobs' own names."""
        from training.services.curation_jobs import SETTINGS, read_settings
        from training.services.curation_verified import pools
        from workers.curation.jobs import perform

        verb = options["verb"]
        if verb == "pools":
            return asdict(pools(project))
        given = dict(options)
        if verb == "iterate":
            judge = Judge.objects.filter(project=project, name=options["judge"])
            given["judge"] = _found_one(judge.first(), "judge", options["judge"]).pk
        fields = SETTINGS[verb].model_fields
        told = {name: given[name] for name in fields if given.get(name) is not None}
        return perform(project, read_settings(project, verb, told))


def _found_one(found: Any, what: str, given: str | None) -> Any:
    """Return what was found, or say what is missing."""
    if found is None:
        raise NotFound(
            f"The project has no such {what}.",
            expected=f"--{what} of the project's own",
            found=repr(given),
            fix="Look it up in the panel.",
        )
    return found
