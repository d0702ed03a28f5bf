"""What is done to a completion's score before it becomes a reward."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

MissingEnd = Literal["subtract", "replace"]
ScaleKind = Literal["none", "reference", "reference_scaled", "running"]


def penalise_missing_end(
    scores: Tensor, ended: Tensor, amount: float | None, how: MissingEnd
) -> Tensor:
    """Return scores in which completions that never ended are worth less.

    Args:
        scores: shape (B,).
        ended: True where the end token was written, (B,).
        amount: taken off the score (``subtract``), or its negative in place of the
            score (``replace``); None changes nothing.

    Source: replace by a fixed score: Huang et al. 2024 (the EOS trick); subtract: TRL.
    """
    if amount is None:
        return scores
    worse = scores - amount if how == "subtract" else torch.full_like(scores, -amount)
    return torch.where(ended, scores, worse)


def length_penalty(lengths: Tensor, *, free: int, per_token: float) -> Tensor:
    """Return what each completion loses: ``per_token`` for each token beyond ``free``.

    Args:
        lengths: tokens of each completion, shape (B,).
    """
    return per_token * (lengths - free).clamp(min=0)


@dataclass
class ScoreScale:
    """Moves and scales scores by numbers measured once, or as they come.

    ``reference`` moves the mean score of the reference's completions to zero;
    ``reference_scaled`` also makes their variance one (both measured once, before the
    first update); ``running`` divides by the standard deviation of all scores so far
    and takes their mean off. ``none`` changes nothing.

    Source: reference: Ziegler et al. 2019, section 2.2; Huang et al. 2024.
    """

    kind: ScaleKind = "none"
    count: float = 0.0
    mean: float = 0.0
    squares: float = 0.0

    def measure(self, scores: Sequence[float]) -> None:
        """Take further scores into the mean and variance (Welford's recurrence)."""
        for score in scores:
            self.count += 1
            change = score - self.mean
            self.mean += change / self.count
            self.squares += change * (score - self.mean)

    @property
    def deviation(self) -> float:
        """The unbiased standard deviation; 1 while fewer than two scores were seen."""
        if self.count < 2:
            return 1.0
        return max((self.squares / (self.count - 1)) ** 0.5, 1e-6)

    def __call__(self, scores: Tensor) -> Tensor:
        """Return the scores as they are used."""
        if self.kind == "none":
            return scores
        if self.kind == "reference":
            return scores - self.mean
        return (scores - self.mean) / self.deviation


def clip_scores(scores: Tensor, bound: float | None) -> Tensor:
    """Return scores within ``bound`` of zero; None leaves them."""
    return scores if bound is None else scores.clamp(-bound, bound)
