"""What a reward model's loss is given: a batch, and what the model says of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from torch import Tensor

from training.engine.layout import Layout
from training.engine.rewards.heads import Features, Output
from training.engine.rewards.model import RewardModel

Params = Mapping[str, Any]


@dataclass(frozen=True)
class RewardBatch:
    """B examples over U distinct sequences.

    Attributes:
        ids, mask: shape (U, T).
        prompts: tokens of each sequence's prompt, shape (U,).
        members: which sequences an example compares, -1 for none, shape (B, K). Of
            pairs the chosen one first; further ones are the user's other pairs.
        columns: numbers of the examples, shape (B,) or (B, ...), NaN for none.
        ends: True at segments' last tokens, shape (U, T).
        row_ids: names of the examples.
        weights: shape (B,), one on average over the training set.
        step: optimiser steps done so far.
        layout: the same sequences where they share their prompts' passes.
        is_filler: True where nothing is learned: a process that a step leaves without
            rows takes part in it so.
    """

    ids: Tensor
    mask: Tensor
    prompts: Tensor
    members: Tensor
    columns: Mapping[str, Tensor] = field(default_factory=dict)
    ends: Tensor | None = None
    row_ids: tuple[str, ...] = ()
    weights: Tensor | None = None
    step: int = 0
    layout: Layout | None = None
    is_filler: bool = False

    @property
    def counted(self) -> int:
        """How many examples are learned from."""
        return 0 if self.is_filler else len(self)

    def __len__(self) -> int:
        return len(self.members)


@dataclass(frozen=True)
class Terms:
    """What a loss is given."""

    model: RewardModel
    batch: RewardBatch
    features: Features
    output: Output

    def side(self, of: Tensor, place: int) -> Tensor:
        """Return what belongs to one member of every example."""
        return of[self.batch.members[:, place]]

    def scores(self) -> tuple[Tensor, Tensor]:
        """Return the values of chosen and rejected, both (B,)."""
        value = self.model.value(self.output)
        return self.side(value, 0), self.side(value, 1)

    def gap(self) -> Tensor:
        """Return chosen value less rejected value, less the margin if one is given."""
        chosen, rejected = self.scores()
        gap = chosen - rejected
        margin = self.batch.columns.get("margin")
        return gap if margin is None else gap - margin

    def gaps(self) -> Tensor:
        """Return the difference of every component, (B, K)."""
        return self.side(self.output.values, 0) - self.side(self.output.values, 1)

    @property
    def label(self) -> Tensor:
        """Probability that the chosen side is better, (B,)."""
        return self.batch.columns["soft_label"]

    def listed(self) -> tuple[Tensor, Tensor, Tensor]:
        """Return scores, values and presence of lists, all (B, K)."""
        members = self.batch.members
        scores = self.model.value(self.output)[members.clamp(min=0)]
        return scores, self.batch.columns["values"], members >= 0
