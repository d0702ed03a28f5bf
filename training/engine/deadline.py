"""When work that can be cut short has to stop."""

from __future__ import annotations

import math
import sys
import time
from collections.abc import Iterator, Sequence
from typing import Self, TypeVar

from training.engine.context import RunContext

FINISHING_SHARE = 0.95
"""Of a run's seconds; the rest pays for writing what was found."""

T = TypeVar("T")


class Deadline:
    """A moment on the monotonic clock, or none.

    Attributes:
        ends: the moment, in seconds; None: never.
    """

    def __init__(self, ends: float | None) -> None:
        self.ends = ends

    @classmethod
    def of(cls, context: RunContext) -> Self:
        """Return when a run under ``limits.seconds`` should be done with its work."""
        seconds = context.spec.limits.seconds
        if seconds is None:
            return cls(None)
        return cls(context.started_at + seconds * FINISHING_SHARE)

    def part(self, share: float) -> Deadline:
        """Return the end of a part that may take this share of the time left."""
        if self.ends is None:
            return self
        now = time.monotonic()
        return Deadline(now + max(self.ends - now, 0.0) * share)

    def within(self, rows: Sequence[T], size: int) -> Iterator[Sequence[T]]:
        """Yield the rows in chunks until the time is out; the first one always.

        The first chunk is one row and the next are at most twice the last, so that a
        slow machine shows its pace early; none is larger than ``size``, or than what
        that pace lets end in time. Without a deadline all rows come as one chunk, so
        that sorting them by length loses nothing.
        """
        if self.ends is None:
            yield rows
            return
        began, done, chunk = time.monotonic(), 0, 1
        while done < len(rows) and chunk >= 1:
            yield rows[done : done + chunk]
            done += chunk
            chunk = min(2 * chunk, size, self.room(began, done))

    def room(self, began: float, done: int) -> int:
        """Return how many more end in time, at the pace of those done since a moment.

        Args:
            began: on the monotonic clock, in seconds.
            done: at least one.
        """
        if self.ends is None:
            return sys.maxsize
        now = time.monotonic()
        return math.floor((self.ends - now) / max((now - began) / done, 1e-9))
