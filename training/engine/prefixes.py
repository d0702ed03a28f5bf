"""What sequences of a batch have in common at their beginning, found once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Run:
    """The part of a sequence that is its own, as it stands in one long row.

    Attributes:
        sequence: which sequence it belongs to.
        parent: the run before it in the row that has the tokens before, -1 for none.
        past: how many tokens those are, from the beginning of the sequence.
        begin, end: where the run stands.
    """

    sequence: int
    parent: int
    past: int
    begin: int
    end: int


def runs_of(sequences: Sequence[Sequence[int]], most: Sequence[int]) -> list[Run]:
    """Return sequences as runs that cover one row, each shared beginning once.

    Args:
        most: the tokens that each sequence may share at most; fewer than it has.
    """
    # Among sorted sequences, of those before one its neighbour has most in common.
    order = sorted(range(len(sequences)), key=lambda i: tuple(sequences[i]))
    found: list[Run] = []
    at = 0
    for place, i in enumerate(order):
        parent, past = -1, 0
        if place:
            parent = place - 1
            past = min(_common(sequences[order[parent]], sequences[i]), most[i])
            # The run that has these tokens itself, or none for no tokens.
            while parent >= 0 and found[parent].past >= past:
                parent = found[parent].parent
        end = at + len(sequences[i]) - past
        found.append(Run(i, parent, past, at, end))
        at = end
    return found


def standing(runs: Sequence[Run]) -> dict[int, np.ndarray]:
    """Return where every token of every sequence stands in the row."""
    of_run: list[np.ndarray] = []
    for run in runs:
        own = np.arange(run.begin, run.end)
        before = of_run[run.parent][: run.past] if run.past else own[:0]
        of_run.append(np.concatenate([before, own]))
    return {run.sequence: found for run, found in zip(runs, of_run, strict=True)}


def _common(first: Sequence[int], second: Sequence[int]) -> int:
    for place, (one, other) in enumerate(zip(first, second, strict=False)):
        if one != other:
            return place
    return min(len(first), len(second))
