"""manage.py token USER --scopes read,annotate: a key for a program, shown once."""

from datetime import timedelta
from typing import Any

from django.contrib.auth import get_user_model
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from annotation.errors import HoneError
from annotation.models import Project
from annotation.permissions import SCOPES
from annotation.services.tokens import make_token


class Command(BaseCommand):
    help = "Make an API token for a person's programs and print it, this once."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("user", help="user name of the person it acts for")
        parser.add_argument(
            "--scopes", default="read", help=f"some of {','.join(SCOPES)}"
        )
        parser.add_argument("--project", help="slug; without it, all of the person's")
        parser.add_argument("--name", default="made by manage.py token")
        parser.add_argument("--days", type=int, help="days until it ends")

    def handle(self, *args: Any, **options: Any) -> None:
        user = get_user_model().objects.filter(username=options["user"]).first()
        if user is None:
            raise CommandError(
                f"Expected the user name of a person; found {options['user']!r}, "
                "who is not here. Add them in the admin panel."
            )
        project = None
        if options["project"]:
            project = Project.objects.filter(slug=options["project"]).first()
            if project is None:
                raise CommandError(
                    f"Expected the slug of a project; found {options['project']!r}, "
                    "which is not here. See the admin panel for the slugs."
                )
        days = options["days"]
        try:
            _, secret = make_token(
                user=user,
                name=options["name"],
                scopes=[scope.strip() for scope in options["scopes"].split(",")],
                project=project,
                expires_at=timezone.now() + timedelta(days=days) if days else None,
            )
        except HoneError as error:
            raise CommandError(str(error)) from error
        self.stdout.write(secret)
