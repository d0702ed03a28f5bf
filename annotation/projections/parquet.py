"""Rows into Parquet files, in row groups. pyarrow comes lazily."""

from collections.abc import Iterable
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from annotation.projections.columns import as_json, schema_of
from annotation.projections.rows import Row

ROW_GROUP = 1000
ROW_GROUP_CHARACTERS = 16 * 2**20


class ParquetRows:
    """A Parquet file that takes dictionaries and holds one row group in memory."""

    def __init__(self, path: Path, schema: Any, *, row_group: int = ROW_GROUP) -> None:
        import pyarrow.parquet

        self.count = 0
        self._schema = schema
        self._size = row_group
        self._waiting: list[dict[str, Any]] = []
        self._characters = 0
        self._writer = pyarrow.parquet.ParquetWriter(path, schema, compression="zstd")

    def add(self, row: dict[str, Any]) -> None:
        self._waiting.append(row)
        self._characters += _characters(row)
        self.count += 1
        if len(self._waiting) >= self._size or self._characters >= ROW_GROUP_CHARACTERS:
            self._flush()

    def _flush(self) -> None:
        import pyarrow as pa

        if self._waiting:
            batch = pa.RecordBatch.from_pylist(self._waiting, schema=self._schema)
            self._writer.write_batch(batch)
            self._waiting = []
            self._characters = 0

    def close(self) -> None:
        self._flush()
        self._writer.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if kind is None:
            self.close()
        else:
            self._writer.close()


def _characters(row: dict[str, Any]) -> int:
    """Return about how long a row's texts are, nested ones included."""
    return sum(_length(value) for value in row.values())


def _length(value: Any) -> int:
    if isinstance(value, str):
        return len(value)
    if isinstance(value, dict):
        return sum(map(_length, value.values()))
    if isinstance(value, list):
        return sum(map(_length, value))
    return 0


def write_rows(path: Path, kind: type[Row], rows: Iterable[Row]) -> int:
    """Write rows of one type to a Parquet file; return how many."""
    with ParquetRows(path, schema_of(kind)) as file:
        for row in rows:
            file.add(as_json(row))
    return file.count
