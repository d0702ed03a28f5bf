"""manage.py snapshot: freeze a project's answers into Parquet files."""

import json
import sys
from typing import Any, get_args

from django.core.management.base import BaseCommand, CommandParser
from tqdm import tqdm

from annotation.errors import HoneError
from annotation.projections.query import Aggregate
from annotation.projections.views import VIEWS
from annotation.services.answers import named_project
from training.models import Snapshot
from training.services.artifacts import snapshot_dir
from training.services.freezing import create_snapshot, freeze


class Command(BaseCommand):
    help = "Freeze a view over a project's answers (docs/data.md)."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--project", required=True, help="its slug")
        parser.add_argument("--name", default="")
        parser.add_argument("--view", choices=VIEWS, default="pairs")
        parser.add_argument(
            "--query", type=json.loads, default={}, help="further filters, as JSON"
        )
        parser.add_argument("--aggregate", choices=get_args(Aggregate))
        parser.add_argument("--ties", choices=["keep", "drop"])
        parser.add_argument(
            "--kind", action="append", help="human or model; may be given several times"
        )
        parser.add_argument("--json", action="store_true", help="print JSON")

    def handle(self, *args: Any, **options: Any) -> None:
        query = dict(options["query"])
        for name, value in (
            ("aggregate", options["aggregate"]),
            ("ties", options["ties"]),
            ("kinds", options["kind"]),
        ):
            if value:
                query[name] = value
        try:
            snapshot = create_snapshot(
                project=named_project(options["project"]),
                name=options["name"],
                view=options["view"],
                query=query,
            )
            with tqdm(unit=" rows", disable=None, leave=False) as bar:
                snapshot = freeze(snapshot.pk, progress=bar.update)
        except HoneError as error:
            self.stderr.write(self.style.ERROR(str(error)))
            sys.exit(1)
        self._report(snapshot, as_json=options["json"])

    def _report(self, snapshot: Snapshot, *, as_json: bool) -> None:
        where = snapshot_dir(snapshot.pk)
        if as_json:
            found = {"id": str(snapshot.pk), "path": str(where), **snapshot.manifest}
            self.stdout.write(json.dumps(found))
            return
        counts = snapshot.manifest["counts"]
        parts = ", ".join(f"{split} {count:,}" for split, count in counts.items())
        self.stdout.write(f"Snapshot {snapshot.pk}: {parts} rows\n{where}")
        for reason, count in snapshot.manifest["dropped"].items():
            self.stdout.write(f"  dropped {count:,}: {reason}")
