"""Numbers that are none: told with the rows, or the weights, that they come from."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

import torch
from torch import Tensor

from training.engine import processes
from training.engine.errors import FixableError

_NAMED = 5
"""Rows that a refusal names."""


def refuse_no_numbers(values: Tensor, rows: Sequence[str], what: str) -> None:
    """Stop a run whose loss or gradient is no number, and say at which rows.

    Raises:
        FixableError: naming the rows; all of the batch where they cannot be told apart.
    """
    fine = torch.isfinite(values.detach())
    if bool(fine.all()):
        return
    if len(fine) == len(rows):
        named = [row for row, good in zip(rows, fine.tolist(), strict=True) if not good]
    else:
        named = list(rows)
    more = f" and {len(named) - _NAMED} more" if len(named) > _NAMED else ""
    raise FixableError(
        f"The {what} is not a number.",
        expected=f"a finite {what}",
        found=f"NaN or infinity at the rows {', '.join(named[:_NAMED])}{more}",
        fix="Look at those rows; lower learning_rate, or use float32. Checkpoints "
        "from before are kept.",
        field="data.train",
    )


def refuse_no_gradient(norm: float | None, rows: Sequence[str]) -> None:
    """Stop a run whose gradient is no number; all processes must call.

    Args:
        norm: its length, the same in all processes.
        rows: of this process's last batch.

    Raises:
        FixableError: naming the rows of all of them.
    """
    if norm is None:
        return
    every = [row for found in processes.everyones(list(rows)) for row in found]
    refuse_no_numbers(torch.tensor([norm]), every, "gradient")


def refuse_no_number(value: float, what: str, step: int) -> None:
    """Stop a run one of whose metrics is no number, at the step that reports it.

    Raises:
        FixableError: naming the step.
    """
    if math.isfinite(value):
        return
    raise FixableError(
        f"The {what} is not a number.",
        expected=f"a finite {what}",
        found=f"NaN or infinity at step {step}",
        fix="Lower learning_rate, or use float32; look at rows with extreme margins "
        "or weights. Checkpoints from before are kept.",
        field="params.learning_rate",
    )


def finite_parameters(named: Iterator[tuple[str, Tensor]], source: str) -> None:
    """Refuse a model with weights that are no numbers, before anything runs.

    Raises:
        FixableError: naming the first such parameter.
    """
    for name, value in named:
        if not bool(torch.isfinite(value).all()):
            raise FixableError(
                "The model has weights that are no numbers.",
                expected="finite weights",
                found=f"NaN or infinity in {name} of {source}",
                fix="Take an earlier checkpoint of the model, or its original.",
                field="model.source",
            )
