"""Files of rows for tests."""

import gzip
import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

Row = dict[str, Any]


def jsonl(path: Path, rows: Iterable[Row | bytes | str]) -> Path:
    """Write rows as JSON Lines; bytes and texts are lines as they are."""
    with open(path, "wb") as file:
        for row in rows:
            if isinstance(row, dict):
                row = json.dumps(row)
            file.write((row.encode() if isinstance(row, str) else row) + b"\n")
    return path


def gzipped(path: Path, rows: Iterable[Row | bytes | str]) -> Path:
    plain = jsonl(path.with_suffix(".plain"), rows)
    path.write_bytes(gzip.compress(plain.read_bytes()))
    return path


def parquet(path: Path, rows: Iterable[Row]) -> Path:
    import pyarrow as pa
    import pyarrow.parquet

    pa.parquet.write_table(pa.Table.from_pylist(list(rows)), path)
    return path


def pair(number: int, **fields: Any) -> Row:
    """A neutral row with two people's labels and a judge's."""
    row: Row = {
        "id": f"toy:{number}",
        "source": "toy",
        "split": "train",
        "lang": "en",
        "prompt": [{"role": "user", "content": f"Question {number}?"}],
        "a": {"text": f"First answer to {number}.", "model": "m1"},
        "b": {"text": f"Second answer to {number}.", "model": None},
        "labels": [
            label("ann", "a", reason="It is first."),
            label("ben", "b"),
            label("gpt", "tie", kind="ai"),
        ],
        "gold": "a",
        "tags": {"topic": "numbers"},
    }
    return row | fields


def label(
    annotator: str,
    choice: str | None,
    *,
    kind: str = "human",
    aspect: str = "overall",
    **more: Any,
) -> Row:
    return {
        "annotator": annotator,
        "kind": kind,
        "aspect": aspect,
        "choice": choice,
    } | more
