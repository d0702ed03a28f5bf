"""What a run tells the world: an event log that only grows, and a final status."""

from __future__ import annotations

import contextlib
import json
import math
import os
import sys
import tempfile
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Any, Literal, Self

EventName = Literal["started", "metrics", "checkpoint", "sample", "finished", "failed"]
_DURABLE = ("started", "checkpoint", "finished", "failed")


class EventLog:
    """Appends one JSON object a line to ``events.jsonl`` and echoes it on stdout.

    Opening an existing log continues its numbering; a last line that a killed process
    left half written is ended first, so that it spoils no later line.
    """

    def __init__(self, directory: Path | None, *, echo: bool = True) -> None:
        # Of several processes in one run, all but the first keep no log.
        self.path = directory / "events.jsonl" if directory else Path(os.devnull)
        self._echo = echo and directory is not None
        self._seq = _last_seq(self.path)
        self._file = self.path.open("a", encoding="utf-8")
        if _ends_mid_line(self.path):
            self._file.write("\n")

    def emit(self, event: EventName, *, step: int | None = None, **fields: Any) -> None:
        """Write one event; the ones a resume depends on reach the disk at once.

        Numbers that JSON cannot hold (NaN and infinities) are written as strings.
        """
        self._seq += 1
        record = {
            "seq": self._seq,
            "at": datetime.now(UTC).isoformat(timespec="milliseconds"),
            "event": event,
            "step": step,
            **fields,
        }
        line = json.dumps(jsonable(record), ensure_ascii=False, allow_nan=False)
        self._file.write(line + "\n")
        self._file.flush()
        if event in _DURABLE:
            # A pipe or character device has no disk to wait for.
            with contextlib.suppress(OSError):
                os.fsync(self._file.fileno())
        if self._echo:
            # A supervisor that stopped reading must not end the run.
            with contextlib.suppress(OSError, ValueError):
                sys.stdout.write(line + "\n")
                sys.stdout.flush()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        with contextlib.suppress(OSError):
            self._file.close()


def _ends_mid_line(path: Path) -> bool:
    if not path.is_file() or path.stat().st_size == 0:
        return False
    with path.open("rb") as file:
        file.seek(-1, os.SEEK_END)
        return file.read(1) != b"\n"


def _last_seq(path: Path) -> int:
    """Return the highest sequence number in the log; unreadable lines are skipped."""
    if not path.is_file():
        return 0
    last = 0
    with path.open(encoding="utf-8", errors="replace") as file:
        for line in file:
            try:
                record = json.loads(line)
            except json.JSONDecodeError:
                continue
            if isinstance(record, dict) and isinstance(record.get("seq"), int):
                last = max(last, record["seq"])
    return last


def read_events(directory: Path) -> list[dict[str, Any]]:
    """Return the complete events of a run, oldest first."""
    path = directory / "events.jsonl"
    events = []
    if path.is_file():
        for line in path.read_text(encoding="utf-8", errors="replace").splitlines():
            with contextlib.suppress(json.JSONDecodeError):
                events.append(json.loads(line))
    return events


def write_json(path: Path, value: Mapping[str, Any], *, replace: bool = True) -> bool:
    """Write JSON so that a reader sees the old file or the new one, never half.

    Returns:
        Whether it was written: without ``replace`` the first to write stays.
    """
    text = json.dumps(jsonable(value), indent=2, ensure_ascii=False, allow_nan=False)
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(text + "\n")
            file.flush()
            os.fsync(file.fileno())
        os.chmod(name, 0o644)
        if replace:
            os.replace(name, path)
            return True
        try:
            os.link(name, path)
        except FileExistsError:
            return False
        finally:
            os.unlink(name)
        return True
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(name)
        raise


def jsonable(value: Any) -> Any:
    """Return ``value`` with paths and non-finite numbers made fit for JSON."""
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    if isinstance(value, Mapping):
        return {str(key): jsonable(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [jsonable(item) for item in value]
    if isinstance(value, Path):
        value = str(value)
    if isinstance(value, str) and not value.isascii():
        # Half a character, as odd file names hold, cannot be written.
        return value.encode("utf-8", "backslashreplace").decode("utf-8")
    if hasattr(value, "item") and not isinstance(value, str | bytes):
        return jsonable(value.item())
    return value
