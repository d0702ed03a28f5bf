"""The losses of an update, token by token, and how they are added up."""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor

Reduction = Literal["token_mean", "sequence_mean", "sequence_sum", "constant"]
REDUCTIONS: tuple[Reduction, ...] = (
    "token_mean",
    "sequence_mean",
    "sequence_sum",
    "constant",
)


def clipped_surrogate(
    log_ratio: Tensor,
    advantages: Tensor,
    *,
    low: float,
    high: float,
    dual: float | None = None,
) -> Tensor:
    """Return -min(r A, clip(r, 1 - low, 1 + high) A) for every token.

    Args:
        log_ratio: log of new over old probability, with gradient, (B, T).
        advantages: shape (B, T), or (B, 1) for one a completion.
        dual: for negative advantages the loss is at most ``-dual * A``, so that one
            token with a huge ratio cannot rule the update; None leaves it unbounded.

    Source: Schulman et al. 2017, eq. 7; separate bounds: Yu et al. 2025 (DAPO), eq. 10;
    dual clip: Ye et al. 2020, eq. 5.
    """
    ratio = log_ratio.exp()
    loss = torch.max(-ratio * advantages, -ratio.clamp(1 - low, 1 + high) * advantages)
    if dual is not None:
        loss = torch.where(advantages < 0, torch.min(loss, -dual * advantages), loss)
    return loss


def clipped_value_loss(
    values: Tensor, old_values: Tensor, returns: Tensor, *, clip: float | None
) -> Tensor:
    """Return each state's value loss, half the larger of two squared errors, (B, T).

    The second error is that of the value kept within ``clip`` of its old self; None
    takes the plain squared error.

    Source: Schulman et al. 2017 (the authors' code); Huang et al. 2024.
    """
    plain = (values - returns) ** 2
    if clip is None:
        return plain / 2
    kept = old_values + (values - old_values).clamp(-clip, clip)
    return torch.max(plain, (kept - returns) ** 2) / 2


def reduce(
    losses: Tensor, mask: Tensor, how: Reduction, *, total: Tensor, longest: int = 1
) -> Tensor:
    """Return one part's share of the loss of a whole optimiser step.

    The shares of all parts of a step sum to the step's loss, however it is split into
    forward passes or processes, because the denominator is that of the whole step.

    Args:
        losses, mask: shape (B, T).
        how: ``token_mean`` over all tokens; ``sequence_mean`` over tokens, then
            completions; ``sequence_sum`` over tokens, then mean over completions;
            ``constant``: sum over tokens divided by ``longest``, then mean over
            completions.
        total: tokens (for token_mean) or completions of the whole step.

    Source: token_mean: DAPO eq. 8; sequence_mean: Shao et al. 2024 (GRPO), eq. 3;
    constant: Liu et al. 2025 (Dr. GRPO).
    """
    losses = torch.where(mask, losses, torch.zeros_like(losses))
    if how == "token_mean":
        return losses.sum() / total
    sums = losses.sum(1)
    if how == "sequence_mean":
        sums = sums / mask.sum(1).clamp(min=1)
    elif how == "constant":
        sums = sums / longest
    return sums.sum() / total
