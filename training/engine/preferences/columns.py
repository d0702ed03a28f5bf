"""Columns a method needs: checked before the run starts, the row named."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from training.engine.errors import FixableError
from training.engine.registry import Preset
from training.engine.registry.wanted import remedy, required, wanted

__all__ = ["lacking", "number", "numbers", "required", "scaled", "wanted"]


def lacking(preset: Preset, name: str, row_id: str, found: object) -> FixableError:
    """Return the refusal of a row without a value that the method cannot do without."""
    return FixableError(
        f"A row lacks {name}, which {preset.title} needs.",
        expected=f"a value of {name} in every row",
        found=f"{found!r} in row {row_id}",
        fix=f"{remedy(name)} Every row must have it; or choose another method.",
        field="data.train",
    )


def number(preset: Preset, name: str, row_id: str, value: Any) -> float:
    """Return a column's finite number.

    Raises:
        FixableError: if there is none.
    """
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise lacking(preset, name, row_id, value)
    if not math.isfinite(value):
        raise lacking(preset, name, row_id, value)
    return float(value)


def numbers(
    preset: Preset, name: str, row_id: str, values: Any, count: int
) -> tuple[float, ...]:
    """Return a column's list of finite numbers of a given length.

    Raises:
        FixableError: if it is shorter, longer or has gaps.
    """
    if not isinstance(values, list) or len(values) != count:
        raise FixableError(
            f"A row's {name} do not fit.",
            expected=f"{count} number(s) in {name}",
            found=f"{values!r} in row {row_id}",
            fix="Give one for each; see the method's help.",
            field="data.train",
        )
    return tuple(number(preset, name, row_id, value) for value in values)


def scaled(values: Sequence[float]) -> tuple[float, ...]:
    """Return values moved to [0, 1]; all 1 if they are equal."""
    low, high = min(values), max(values)
    if low == high:
        return tuple(1.0 for _ in values)
    return tuple((value - low) / (high - low) for value in values)
