"""`manage.py up`: run all of Hone on this machine (config/up.py)."""

import sys
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from config.env import env_int, env_str
from config.services import ServiceError
from config.up import up


class Command(BaseCommand):
    help = "Run web, workers, beat and the databases in one foreground process tree."
    requires_system_checks = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--host", default=env_str("HONE_HOST", "127.0.0.1"))
        parser.add_argument("--port", type=int, default=env_int("HONE_PORT", 8000))
        parser.add_argument(
            "--demo", action="store_true", help="make the demo project and its people"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            status = up(
                host=options["host"], port=options["port"], demo=options["demo"]
            )
        except ServiceError as error:
            raise CommandError(str(error)) from error
        sys.exit(status)
