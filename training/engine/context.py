"""What every task is given, and what it gives back."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from training.engine import registry
from training.engine.control import Control
from training.engine.events import EventLog
from training.engine.registry import ParamValue
from training.engine.spec import Spec


@dataclass(frozen=True)
class RunContext:
    """One attempt at one run.

    Attributes:
        spec: what to do.
        params: the preset's settings, defaults filled in.
        out: this attempt's own directory.
        resume_from: directories of earlier attempts to continue from, newest first;
            contains ``out`` itself when it is to be continued.
        started_at: ``time.monotonic()`` when the process began.
    """

    spec: Spec
    params: dict[str, ParamValue]
    out: Path
    events: EventLog
    control: Control
    resume_from: tuple[Path, ...] = ()
    started_at: float = field(default_factory=time.monotonic)

    def number(self, name: str) -> float:
        """Return a numeric setting."""
        value = self.params[name]
        assert isinstance(value, int | float)
        return float(value)

    def optional(self, name: str) -> float | None:
        """Return a numeric setting that may be off."""
        return None if self.params[name] is None else self.number(name)

    def integer(self, name: str) -> int:
        """Return a whole-number setting."""
        return int(self.number(name))

    def flag(self, name: str) -> bool:
        """Return a yes-or-no setting."""
        return bool(self.params[name])

    def text(self, name: str) -> str:
        """Return a text setting."""
        return str(self.params[name])

    def started(self, *, step: int = 0, **facts: Any) -> None:
        """Report the start, and first of all what a user must know of the method.

        Args:
            facts: ``warnings`` and ``resumed_from`` among them, where there are any.
        """
        caution = registry.get(self.spec.preset).caution
        warnings = [caution, *facts.pop("warnings", [])]
        self.events.emit(
            "started",
            step=step,
            task=self.spec.task,
            preset=self.spec.preset,
            **{"resumed_from": None, **facts},
            warnings=[warning for warning in warnings if warning],
        )

    def elapsed(self) -> float:
        """Return the seconds since the process began."""
        return time.monotonic() - self.started_at


@dataclass(frozen=True)
class TaskResult:
    """How a task ended when nothing went wrong.

    Attributes:
        step: the last optimiser step, or the number of items handled.
        metrics: flat names to numbers, as shown on a run's page.
        model: the name of the model directory inside the output, if there is one.
        subset: which rows were used, if not all.
    """

    step: int
    metrics: dict[str, Any]
    model: str | None = None
    subset: dict[str, Any] | None = None
    files: tuple[str, ...] = ()
