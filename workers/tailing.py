"""Reading files that another process still writes, whole lines only."""

import json
from collections import deque
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from training.services.runs import EngineEvent
from training.services.untrusted import clean, clean_text

CHUNK_BYTES = 1 << 20
TAIL_CHARACTERS = 12_000


class LineTail:
    """Yields the lines that were completed since the last look."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._offset = 0

    def lines(self) -> Iterator[str]:
        """Yield each new line without its end; a half-written one is left for later."""
        try:
            file = self.path.open("rb")
        except FileNotFoundError:
            return
        with file:
            file.seek(self._offset)
            while chunk := file.read(CHUNK_BYTES):
                end = chunk.rfind(b"\n") + 1
                if not end and len(chunk) == CHUNK_BYTES:
                    end = len(chunk)  # a line beyond all measure is taken in pieces
                if not end:
                    return
                for line in chunk[:end].splitlines():
                    yield line.decode("utf-8", "replace")
                self._offset += end
                file.seek(self._offset)

    def mark(self) -> int:
        """Return where the next look begins, to come back to with `rewind`."""
        return self._offset

    def rewind(self, mark: int) -> None:
        """Read again from a mark: what was read since could not be kept."""
        self._offset = mark


def parse_event(line: str) -> EngineEvent | None:
    """Return the event of one line, or None for what is no event."""
    try:
        raw: Any = json.loads(line)
        seq, kind = int(raw.pop("seq")), str(raw.pop("event"))
        at = datetime.fromisoformat(str(raw.pop("at")))
        step = raw.pop("step", None)
    except (ValueError, KeyError, TypeError, AttributeError):
        return None
    if at.tzinfo is None:
        at = at.replace(tzinfo=UTC)
    return EngineEvent(seq=seq, kind=kind, at=at, step=step, payload=clean(raw))


class LogTail:
    """The last of what the engine said, for people: events in words, then its log."""

    def __init__(self) -> None:
        self._lines: deque[str] = deque(maxlen=200)
        self._changed = False

    def add(self, line: str) -> None:
        """Keep a line as a terminal would show it last."""
        if text := clean_text(line).rstrip():
            self._lines.append(text.rsplit("\r", 1)[-1][:500])
            self._changed = True

    def add_event(self, event: EngineEvent) -> None:
        """Keep an event as one readable line."""
        words = [event.at.strftime("%H:%M:%S"), event.kind]
        words += [f"step {event.step}"] if event.step is not None else []
        with suppress(AttributeError):
            values = event.payload.get("metrics") or {}
            words += [f"{key} {_short(value)}" for key, value in values.items()]
        self.add(" ".join(words))

    def take(self) -> str | None:
        """Return the tail if it changed since the last call."""
        if not self._changed:
            return None
        self._changed = False
        return self.text()

    def text(self) -> str:
        return "\n".join(self._lines)[-TAIL_CHARACTERS:]


def _short(value: Any) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)[:60]
