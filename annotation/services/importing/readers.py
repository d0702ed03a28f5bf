"""Files to rows, streamed: JSON Lines, the same under gzip, and Parquet.

Memory holds one line, or one Parquet batch. A line that cannot be read is yielded as
a RowError, and reading goes on with the next; a file that ends or breaks in the
middle is one too, and all that came before it stands.
"""

import gzip
import json
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

from annotation.errors import InvalidInput
from annotation.services.importing.records import RowError

MAX_LINE_BYTES = 64 * 2**20
GZIP, PARQUET = b"\x1f\x8b", b"PAR1"
FOREIGN_MARKS = {
    b"\xff\xfe": "UTF-16 (little endian)",
    b"\xfe\xff": "UTF-16 (big endian)",
}
Row = dict[str, Any] | RowError


def read_rows(path: Path, name: str = "") -> Iterator[tuple[int, Row]]:
    """Yield (line, row) from a file, whatever of the three it is.

    Args:
        name: what the sender called it, where `path` is a temporary file.

    Raises:
        InvalidInput: when nothing of it can be read.
    """
    name = name or path.name
    try:
        with open(path, "rb") as file:
            start = file.read(4)
    except OSError as error:
        raise InvalidInput(
            f"{name} cannot be opened.",
            expected="a file that can be read",
            found=error.strerror or str(error),
            fix="Check the path and its permissions.",
        ) from error
    if not start:
        raise InvalidInput(
            f"{name} is empty.",
            expected="JSON Lines, gzip of it, or Parquet",
            found="0 bytes",
            fix="Export the file again.",
        )
    if start == PARQUET:
        yield from _parquet(path, name)
    elif name.endswith(".parquet"):
        raise InvalidInput(
            f"{name} is no Parquet file.",
            expected="a file that starts with PAR1",
            found=repr(start),
            fix="Export it again, or give it the ending of what it is.",
        )
    elif start[:2] == GZIP:
        with gzip.open(path, "rb") as unpacked:
            yield from _lines(unpacked, name)  # type: ignore[arg-type]
    else:
        with open(path, "rb") as plain:
            yield from _lines(plain, name)


def _lines(file: IO[bytes], name: str) -> Iterator[tuple[int, Row]]:
    number = 0
    while True:
        try:
            raw = file.readline(MAX_LINE_BYTES + 1)
        except (EOFError, gzip.BadGzipFile, zlib.error, OSError) as error:
            broken = RowError(
                "", "a whole gzip file", f"broken after this line: {error}"
            )
            yield number + 1, broken
            return
        if not raw:
            return
        number += 1
        if len(raw) > MAX_LINE_BYTES and not raw.endswith(b"\n"):
            size = len(raw)
            while (more := file.readline(2**20)) and not more.endswith(b"\n"):
                size += len(more)
            size += len(more)
            yield number, RowError("", "a line of at most 64 MiB", f"{size:,} bytes")
            continue
        if number == 1:
            for mark, encoding in FOREIGN_MARKS.items():
                if raw.startswith(mark):
                    raise InvalidInput(
                        f"{name} is not UTF-8.",
                        expected="UTF-8",
                        found=encoding,
                        fix="Convert it: iconv -f UTF-16 -t UTF-8 IN > OUT",
                    )
            raw = raw.removeprefix(b"\xef\xbb\xbf")
        if raw.strip():
            yield number, _parse(raw)


def _parse(raw: bytes) -> Row:
    try:
        line = raw.decode()
    except UnicodeDecodeError as error:
        bad = raw[max(0, error.start - 20) : error.start + 20]
        return RowError("", f"UTF-8 (byte {error.start + 1} is not)", repr(bad))
    try:
        row = json.loads(line, parse_constant=_no_constant)
    except json.JSONDecodeError as error:
        around = line[max(0, error.pos - 30) : error.pos + 30]
        return RowError("", f"JSON ({error.msg} at column {error.colno})", around)
    except (ValueError, RecursionError) as error:
        return RowError("", f"JSON that can be read ({error})", line)
    if isinstance(row, list):
        return RowError(
            "", "one object a line, not a list (jq -c '.[]' splits it)", row
        )
    if not isinstance(row, dict):
        return RowError("", "an object", row)
    return row


def _no_constant(name: str) -> None:
    raise ValueError(f"{name} is no JSON number")


def _parquet(path: Path, name: str) -> Iterator[tuple[int, Row]]:
    import pyarrow
    import pyarrow.parquet

    try:
        file = pyarrow.parquet.ParquetFile(path)
    except (pyarrow.ArrowException, OSError) as error:
        raise InvalidInput(
            f"{name} is a broken Parquet file.",
            expected="a whole Parquet file",
            found=str(error).splitlines()[0][:300],
            fix="Export or upload it again.",
        ) from error
    number = 0
    with file:
        batches = file.iter_batches(batch_size=256, use_threads=False)
        while True:
            try:
                batch = next(batches, None)
                rows = batch.to_pylist() if batch is not None else []
            except (pyarrow.ArrowException, OSError, UnicodeDecodeError) as error:
                found = str(error).splitlines()[0]
                yield number + 1, RowError("", "a whole Parquet file", found)
                return
            if batch is None:
                return
            for row in rows:
                number += 1
                yield number, row
