"""The pairs view's columns in Parquet, written in row groups. pyarrow comes lazily."""

from collections.abc import Iterable
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from annotation.projections.rows import PAIR_COLUMNS, PairRow, row_dict

ROW_GROUP = 1000
ROW_GROUP_CHARACTERS = 16 * 2**20


def pair_schema() -> Any:
    """Return the Arrow schema of the pairs view, columns in the order of PairRow."""
    import pyarrow as pa

    chat = pa.list_(pa.struct([("role", pa.string()), ("content", pa.string())]))
    source = pa.struct([("feedback", pa.string()), ("judgment", pa.int32())])
    types = {
        "prompt": chat,
        "chosen": chat,
        "rejected": chat,
        "src": pa.list_(source),
        "soft_label": pa.float64(),
        "margin": pa.float64(),
        "weight": pa.float64(),
        "round": pa.int32(),
        "strength": pa.int32(),
        "flipped": pa.bool_(),
        "confidence": pa.list_(pa.float64()),
        "targets": pa.list_(pa.list_(pa.int32())),
        "chosen_group": pa.int32(),
        "rejected_group": pa.int32(),
        "chosen_place": pa.int32(),
        "rejected_place": pa.int32(),
        "unranked": pa.list_(pa.string()),
        "chosen_value": pa.float64(),
        "rejected_value": pa.float64(),
        "votes": pa.int32(),
        "agreement": pa.float64(),
    }
    return pa.schema([(name, types.get(name, pa.string())) for name in PAIR_COLUMNS])


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
    """Return about how long a row's texts are, those of messages included."""
    size = 0
    for value in row.values():
        if isinstance(value, str):
            size += len(value)
        elif isinstance(value, list):
            size += sum(
                len(item.get("content", "")) for item in value if isinstance(item, dict)
            )
    return size


def write_pairs(path: Path, rows: Iterable[PairRow]) -> int:
    """Write rows to a Parquet file; return how many."""
    with ParquetRows(path, pair_schema()) as file:
        for row in rows:
            file.add(row_dict(row))
    return file.count
