"""What several reward models say of one pair: strength, doubt and action."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor


@dataclass(frozen=True)
class Votes:
    """Agreement of models with a label; both tensors have shape (N,).

    Attributes:
        strength: mean of chosen score less rejected score; below 0 the models think
            the label wrong.
        spread: population standard deviation over models.
    """

    strength: Tensor
    spread: Tensor

    @property
    def suspect(self) -> Tensor:
        """True where the models together contradict the label."""
        return self.strength < 0


def votes(gaps: Tensor) -> Votes:
    """Return the vote on every pair.

    The models must not have trained on the pairs they vote on (or only briefly): a
    model that remembers a wrong label defends it.

    Args:
        gaps: one row a model, shape (M, N).

    Source: Wang et al. 2024, Secrets of RLHF in Large Language Models Part II,
    eqs. 3-4.
    """
    return Votes(gaps.mean(0), gaps.std(0, correction=0))
