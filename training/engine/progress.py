"""Progress of work that is not a training loop: a bar for people, events for all."""

from __future__ import annotations

import sys
import time
from types import TracebackType
from typing import Self

from tqdm import tqdm

from training.engine.context import RunContext

_EVENT_SECONDS = 1.0


class Progress:
    """Counts finished items; ``tick`` also obeys the supervisor's orders.

    At most one event a second is written, and always the last one.
    """

    def __init__(
        self, context: RunContext, *, total: int, unit: str, label: str, done: int = 0
    ) -> None:
        self._context = context
        self._total = total
        self._unit = unit
        self._label = label
        self._done = done
        self._skipped = done
        self._began = time.monotonic()
        self._told = 0.0
        self._bar = tqdm(
            total=total,
            initial=done,
            unit=f" {unit}",
            desc=label,
            file=sys.stderr,
            disable=not sys.stderr.isatty(),
        )

    def tick(self, count: int) -> None:
        """Count items as done.

        Raises:
            Interrupted: if the supervisor asked for an end.
        """
        self._done += count
        self._bar.update(count)
        now = time.monotonic()
        if now - self._told >= _EVENT_SECONDS or self._done >= self._total:
            self._told = now
            self._tell(now - self._began)
        self._context.control.check(self._done)

    def _tell(self, spent: float) -> None:
        here = self._done - self._skipped
        rate = here / spent if spent > 0 else 0.0
        left = (self._total - self._done) / rate if rate > 0 else None
        self._context.events.emit(
            "metrics",
            step=self._done,
            metrics={f"{self._unit}_per_second": round(rate, 3)},
            progress={
                "label": self._label,
                "done": self._done,
                "total": self._total,
                "unit": self._unit,
                "elapsed_seconds": round(spent, 3),
                "remaining_seconds": None if left is None else round(left, 1),
            },
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._bar.close()
