"""manage.py export: a view of a project's answers as a file."""

import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, get_args

from django.core.management.base import BaseCommand, CommandParser
from tqdm import tqdm

from annotation.errors import HoneError, InvalidInput
from annotation.projections.query import Aggregate, read_query
from annotation.projections.trl import Shape
from annotation.services.answers import named_project
from annotation.services.cards import card
from annotation.services.exporting import EXPORTS, Export, Format


class Command(BaseCommand):
    help = "Export answers as JSON Lines or Parquet (docs/data.md)."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--project", required=True, help="its slug")
        parser.add_argument("--view", choices=EXPORTS, default="pairs")
        parser.add_argument("--shape", choices=get_args(Shape), default="rows")
        parser.add_argument("--format", choices=get_args(Format))
        parser.add_argument(
            "-o", "--output", type=Path, help="default: standard output"
        )
        parser.add_argument(
            "--split",
            action="append",
            choices=["train", "validation", "test", "all"],
            help="TRL's shapes: train alone; rows: all",
        )
        parser.add_argument("--kind", action="append", help="of actor: human, model")
        parser.add_argument("--aggregate", choices=get_args(Aggregate))
        parser.add_argument(
            "--margins", action="store_true", help="a margin column in TRL shapes"
        )

        parser.add_argument(
            "--card", type=Path, help="write a dataset card (Markdown) to this file"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            export = self._export(options)
            self._write(export, options["output"], options["format"])
            if options["card"]:
                with _beside(options["card"]) as draft:
                    draft.write_text(card(export), encoding="utf-8")
        except HoneError as error:
            self.stderr.write(self.style.ERROR(str(error)))
            sys.exit(2)
        except OSError as error:
            self.stderr.write(
                self.style.ERROR(
                    f"The export could not be written. Found {error}. Free some space "
                    "or choose another file; nothing half-written was kept."
                )
            )
            sys.exit(2)
        for reason, count in sorted(export.tally.dropped.items()):
            self.stderr.write(f"left out {count:,}: {reason}")
        for kind, count in sorted(export.tally.other_kinds.items()):
            self.stderr.write(f"not of this view {count:,}: {kind}")

    def _export(self, options: dict[str, Any]) -> Export:
        asked: dict[str, Any] = {}
        if options["shape"] != "rows":
            asked["splits"] = ["train"]
        if options["split"]:
            asked["splits"] = options["split"]
            if "all" in options["split"]:
                del asked["splits"]
        if options["kind"]:
            asked["kinds"] = options["kind"]
        if options["aggregate"]:
            asked["aggregate"] = options["aggregate"]
        return Export(
            project=named_project(options["project"]),
            view=options["view"],
            shape=options["shape"],
            query=read_query(asked),
            margins=options["margins"],
        )

    def _write(self, export: Export, output: Path | None, form: str | None) -> None:
        if form is None:
            parquet = output is not None and output.suffix == ".parquet"
            form = "parquet" if parquet else "jsonl"
        if output is None:
            if form == "parquet":
                raise InvalidInput(
                    "Parquet does not go to standard output.",
                    expected="a file",
                    found="none",
                    fix="Name one with -o.",
                )
            for lines in export.jsonl():
                sys.stdout.buffer.write(lines)
            sys.stdout.buffer.flush()
            return
        with _beside(output) as draft:
            if form == "parquet":
                count = export.write_parquet(draft)
            else:
                count = self._jsonl(export, draft)
        self.stderr.write(f"{count:,} rows in {output}")

    def _jsonl(self, export: Export, draft: Path) -> int:
        count = 0
        with (
            open(draft, "wb") as file,
            tqdm(unit=" rows", disable=None, leave=False) as bar,
        ):
            for lines in export.jsonl():
                file.write(lines)
                written = lines.count(b"\n")
                count += written
                bar.update(written)
        return count


@contextmanager
def _beside(output: Path) -> Iterator[Path]:
    """A file to write that takes the output's name when it is whole."""
    descriptor, name = tempfile.mkstemp(dir=output.parent, prefix=f".{output.name}.")
    os.close(descriptor)
    draft = Path(name)
    try:
        yield draft
        draft.chmod(0o644)
        draft.replace(output)
    except BaseException:
        draft.unlink(missing_ok=True)
        raise
