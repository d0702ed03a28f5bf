"""What cannot be shared by several processes, known before anything starts."""

from __future__ import annotations

from dataclasses import dataclass

from training.engine.registry.online_rows import OnlineRow
from training.engine.registry.rewards_algebra import RewardRow
from training.engine.registry.types import Preset

_TABLES = ("balanced", "membership")
_WHOLE_UPDATE = "all of an update's completions in one process"


@dataclass(frozen=True)
class Alone:
    """Why a run must be one process.

    Attributes:
        field: of the specification.
        message: what cannot be.
        fix: what to do, beside launching one process.
    """

    field: str
    message: str
    fix: str = ""


def needs_one_process(preset: Preset, *, seconds: float | None) -> Alone | None:
    """Return why a run of this method must be one process; None where it need not.

    Args:
        seconds: the run's time limit, if it has one.
    """
    if not preset.is_trainable:
        return Alone(
            "task",
            f"A {preset.task} run is one pass over its rows and is not shared.",
            "Give each process a part of the rows as a run of its own.",
        )
    if seconds is not None:
        # Each process would measure its own speed and stop at its own step.
        return Alone(
            "limits.seconds",
            "A time limit cannot be met by several processes.",
            "Limit the run by limits.max_rows or limits.max_steps.",
        )
    row = preset.settings
    if isinstance(row, RewardRow) and row.loss in _TABLES:
        return Alone(
            "preset",
            f"{preset.name} keeps a table of all rows it has met while it learns.",
        )
    if not isinstance(row, OnlineRow):
        return None
    if row.select == "spread":
        return Alone("preset", f"{preset.name} chooses among {_WHOLE_UPDATE}.")
    if row.prompts in ("answered", "conversation"):
        return Alone("preset", f"{preset.name} asks as often as each prompt needs.")
    if row.judge == "learns":
        return Alone(
            "preset", f"The reward model of {preset.name} learns from {_WHOLE_UPDATE}."
        )
    return None
