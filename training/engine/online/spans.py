"""Rewards of parts of a completion, put where the parts end."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class Span:
    """A reward for a part of one completion.

    Attributes:
        row: which completion.
        end: the part's last token, counted from the completion's first.
        category: what was judged.
        reward: how good it is.
    """

    row: int
    end: int
    category: str
    reward: float


def placed(
    spans: Sequence[Span], weights: dict[str, float], rows: int, width: int
) -> Tensor:
    """Return the rewards of every token, (rows, width): parts' rewards at their ends.

    They are added to what else a token earns, so span annotations and segment models
    reach a critic without another code path.

    Args:
        weights: of categories; one without a weight counts 1.

    Raises:
        ValueError: for a span that ends outside its completion's columns.

    Source: Wu et al. 2023, Fine-Grained Human Feedback Gives Better Rewards, section
    2.2.
    """
    rewards = torch.zeros(rows, width)
    for span in spans:
        if not (0 <= span.row < rows and 0 <= span.end < width):
            raise ValueError(
                f"expected a span inside {rows} x {width} tokens, "
                f"found its end at {span.row}, {span.end}"
            )
        rewards[span.row, span.end] += weights.get(span.category, 1.0) * span.reward
    return rewards
