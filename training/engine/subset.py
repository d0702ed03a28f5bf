"""Training on a part: a seeded, recorded subset that fits a row or time limit."""

from __future__ import annotations

import json
import random
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from transformers import (
    TrainerCallback,
    TrainerControl,
    TrainerState,
    TrainingArguments,
)

from training.engine import processes
from training.engine.events import write_json

FILE = "subset.json"
TIMED_STEPS = 3
_WARM_UP_STEPS = 1


@dataclass(frozen=True)
class Subset:
    """Which rows a run trains on.

    Attributes:
        indices: positions in the full list, in ascending order.
        of: how many rows there were.
        seed: what the choice was drawn from.
        tokens_per_second: the measured speed, if a time limit asked for it; tokens
            are counted once per sequence of a pair, with padding.
        why: which limit bound: max_rows, seconds, or none.
    """

    indices: list[int]
    of: int
    seed: int
    why: str
    tokens_per_second: float | None = None

    def summary(self) -> dict[str, Any] | None:
        """Return what is reported, or None if nothing was left out or measured."""
        if self.why == "none" and self.tokens_per_second is None:
            return None
        return {
            "kept": len(self.indices),
            "of": self.of,
            "left_out": self.of - len(self.indices),
            "seed": self.seed,
            "limit": self.why,
            "tokens_per_second": self.tokens_per_second,
        }


def draw(of: int, seed: int) -> list[int]:
    """Return all positions in a seeded order; a longer prefix extends a shorter one."""
    order = list(range(of))
    random.Random(seed).shuffle(order)
    return order


def by_rows(of: int, max_rows: int | None, seed: int) -> Subset:
    """Keep at most ``max_rows`` rows."""
    if max_rows is None or max_rows >= of:
        return Subset(list(range(of)), of, seed, "none")
    return Subset(sorted(draw(of, seed)[:max_rows]), of, seed, "max_rows")


def by_seconds(
    rows: Subset,
    lengths: Sequence[int],
    *,
    tokens_per_second: float,
    seconds: float,
    epochs: float,
    at_least: int,
) -> Subset:
    """Keep as many of the rows, in seeded order, as the time allows.

    Args:
        lengths: tokens of each of the full list's pairs, its longer sequence.
        seconds: the time for all epochs together.
        at_least: rows kept however short the time is (one batch).
    """
    allowed = set(rows.indices)
    order = [i for i in draw(rows.of, rows.seed) if i in allowed]
    budget = seconds * tokens_per_second / max(epochs, 1e-9)
    kept, used = 0, 0.0
    for index in order:
        used += 2 * lengths[index]
        if used > budget and kept >= at_least:
            break
        kept += 1
    if kept == len(order):
        return Subset(
            rows.indices, rows.of, rows.seed, rows.why, round(tokens_per_second, 2)
        )
    return Subset(
        sorted(order[:kept]),
        rows.of,
        rows.seed,
        "seconds",
        round(tokens_per_second, 2),
    )


def save(subset: Subset, out: Path) -> None:
    """Record the choice beside the run; of several processes the first does."""
    if not processes.is_main():
        return
    write_json(
        out / FILE,
        {
            "indices": subset.indices,
            "of": subset.of,
            "seed": subset.seed,
            "why": subset.why,
            "tokens_per_second": subset.tokens_per_second,
        },
    )


def load(runs: Sequence[Path], *, of: int, seed: int) -> Subset | None:
    """Return the choice an earlier attempt recorded, if it is about the same rows."""
    for run in runs:
        try:
            stored = json.loads((run / FILE).read_text(encoding="utf-8"))
            subset = Subset(
                indices=[int(i) for i in stored["indices"]],
                of=int(stored["of"]),
                seed=int(stored["seed"]),
                why=str(stored["why"]),
                tokens_per_second=stored["tokens_per_second"],
            )
        except (OSError, ValueError, KeyError, TypeError):
            continue
        if subset.of == of and subset.seed == seed:
            return subset
    return None


@dataclass
class StepClock(TrainerCallback):
    """Times optimiser steps, the first apart, which pays for warming up."""

    seconds: list[float] = field(default_factory=list)
    _began: float = 0.0

    def on_step_begin(
        self,
        args: TrainingArguments,
        state: TrainerState,
        control: TrainerControl,
        **kwargs: Any,
    ) -> None:
        """Start the clock."""
        self._began = time.monotonic()

    def on_step_end(
        self,
        args: TrainingArguments,
        state: TrainerState,
        control: TrainerControl,
        **kwargs: Any,
    ) -> None:
        """Stop the clock."""
        self.seconds.append(time.monotonic() - self._began)

    def tokens_per_second(self, step_tokens: Sequence[int]) -> float:
        """Return the speed over the measured steps, given each step's tokens."""
        seconds = sum(self.seconds[_WARM_UP_STEPS:])
        tokens = sum(step_tokens[_WARM_UP_STEPS : len(self.seconds)])
        return tokens / max(seconds, 1e-9)


def timing_rows(lengths: Sequence[int], per_step: int, seed: int) -> list[int]:
    """Return rows for the timed steps: a seeded sample, one warm-up step more."""
    steps = TIMED_STEPS + _WARM_UP_STEPS
    order = draw(len(lengths), seed + 1)
    wanted = per_step * steps
    return (order * (wanted // len(order) + 1))[:wanted]


def step_tokens(lengths: Sequence[int], per_step: int) -> list[int]:
    """Return the padded tokens of consecutive steps of pairs with these lengths."""
    return [
        2 * len(chunk) * max(chunk)
        for start in range(0, len(lengths), per_step)
        if (chunk := list(lengths[start : start + per_step]))
    ]
