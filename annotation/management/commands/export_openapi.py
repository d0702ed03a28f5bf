"""manage.py export_openapi [FILE]: the API's schema, from which types are made."""

import json
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandParser
from django.utils.module_loading import import_string


class Command(BaseCommand):
    help = "Write the OpenAPI schema of the HTTP API as JSON."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("file", nargs="?", help="without it, standard output")

    def handle(self, *args: Any, **options: Any) -> None:
        # By name: this room may not import the one that mounts every room's API.
        api = import_string("config.api.api")
        schema = json.dumps(api.get_openapi_schema(), indent=2) + "\n"
        if options["file"]:
            Path(options["file"]).write_text(schema, encoding="utf-8")
        else:
            self.stdout.write(schema, ending="")
