"""manage.py create_project: a project with its questions and members."""

import sys
from pathlib import Path
from typing import Any

from django.contrib.auth import get_user_model
from django.core.management.base import BaseCommand, CommandParser

from annotation.errors import HoneError, NotFound
from annotation.protocols.presets import PRESETS
from annotation.services.projects import create_project


class Command(BaseCommand):
    help = "Make a project."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("slug")
        parser.add_argument("--name", default="")
        parser.add_argument("--preset", choices=sorted(PRESETS), default="compare")
        parser.add_argument("--overlap", type=int, help="without it, the preset's")
        parser.add_argument(
            "--guidelines",
            type=Path,
            help="a Markdown file; without it, the preset's template",
        )
        parser.add_argument("--validation-share", type=float, default=0.1)
        parser.add_argument("--test-share", type=float, default=0.1)
        parser.add_argument(
            "--member",
            action="append",
            default=[],
            metavar="USER:ROLE",
            help="such as ann:annotator; may be given several times",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        guidelines = options["guidelines"]
        try:
            project = create_project(
                slug=options["slug"],
                name=options["name"],
                preset=options["preset"],
                overlap=options["overlap"],
                guidelines=guidelines.read_text() if guidelines else "",
                validation_share=options["validation_share"],
                test_share=options["test_share"],
                members=dict(self._member(item) for item in options["member"]),
            )
        except HoneError as error:
            self.stderr.write(self.style.ERROR(str(error)))
            sys.exit(2)
        self.stdout.write(f"Made the project {project.slug}.")

    def _member(self, given: str) -> tuple[Any, str]:
        username, _, role = given.partition(":")
        user = get_user_model().objects.filter(username=username).first()
        if user is None:
            raise NotFound(
                "There is no such user.",
                expected="a user name",
                found=repr(username),
                fix="Make the user in the panel, or: manage.py createsuperuser.",
            )
        return user, role or "annotator"
