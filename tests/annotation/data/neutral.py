"""Real rows through the record and out again."""

import gzip
import json
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from annotation.models import Import, Project
from annotation.services.exporting import Export
from annotation.services.importing import import_file
from tests.annotation.data.files import jsonl

Row = dict[str, Any]


def rows_in(path: Path) -> Iterator[Row]:
    """Yield a file's rows; a list of objects counts as one row each."""
    if path.suffix == ".json":
        yield from json.loads(path.read_text())
        return
    opened = gzip.open if path.suffix == ".gz" else open
    with opened(path, "rt", encoding="utf-8") as file:
        for line in file:
            yield json.loads(line)


def files_of(folder: Path) -> list[Path]:
    return sorted([*folder.glob("*.jsonl"), *folder.glob("*.jsonl.gz")])


def sampled(rows: list[Row], most: int) -> list[Row]:
    """Return the rows, or so many of them, always the same."""
    if len(rows) <= most:
        return rows
    return random.Random(0).sample(rows, most)


def spelt(row: Row) -> str:
    """Return a row so that 1, 1.0 and true differ and the order of keys does not."""
    return json.dumps(row, sort_keys=True, ensure_ascii=False)


def brought_in(project: Project, rows: list[Row], folder: Path) -> Import:
    return import_file(project=project, path=jsonl(folder / "rows.jsonl", rows))


def taken_out(project: Project) -> list[Row]:
    lines = b"".join(Export(project, view="neutral").jsonl()).decode().splitlines()
    return [json.loads(line) for line in lines]
