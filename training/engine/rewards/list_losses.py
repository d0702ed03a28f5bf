"""Losses of lists of scores: Plackett-Luce with ties and gaps, and lambda ranking."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from training.engine.objectives.list_links import lambda_weights


def plackett_luce_loss(scores: Tensor, values: Tensor, present: Tensor) -> Tensor:
    """Return each list's negative log-likelihood, (B,), in nats; ties by Efron.

    Items are taken best first; each stage is a softmax over what is left. Of m tied
    items the l-th stage leaves out l/m of their weight. Items that nobody ranked
    (value NaN) stand below all others and have no stage of their own.

    Args:
        scores: shape (B, K).
        values: how good each item was said to be, larger better, shape (B, K).
        present: True where there is an item, shape (B, K).

    Source: Plackett 1975; ties: Efron 1977, section 3.
    """
    ranked = present & ~values.isnan()
    level = torch.where(ranked, values, -torch.inf)
    left = (level[:, None, :] <= level[:, :, None]) & present[:, None, :]  # (B, K, K)
    tied = (level[:, None, :] == level[:, :, None]) & ranked[:, None, :]
    # Which of its tied items this one is counted as, l, and how many there are, m.
    before = torch.tril(torch.ones_like(tied[0], dtype=torch.bool), -1)
    place = (tied & before).sum(-1)
    share = place / tied.sum(-1).clamp(min=1)
    kept = torch.where(tied, 1 - share[:, :, None], 1.0)
    kept = torch.where(left, kept, 0.0).to(scores.dtype)
    # Items that are not there must not reach the exponential.
    finite = torch.where(present, scores, 0.0)
    peak = finite.masked_fill(~present, -torch.inf).amax(-1, keepdim=True).detach()
    weight = torch.where(present, (finite - peak).exp(), 0.0)
    total = (kept * weight[:, None, :]).sum(-1)
    total = torch.where(ranked, total, 1.0)
    stage = finite - peak - torch.log(total)
    return -torch.where(ranked, stage, 0.0).sum(-1)


def lambda_loss(scores: Tensor, values: Tensor, present: Tensor) -> Tensor:
    """Return all ordered pairs' logistic losses, weighted by what order is worth, (B,).

    Args:
        scores, values, present: shape (B, K); values in [0, 1], NaN: not ranked.

    Source: Liu et al. 2024 (LiPO), for rewards; the exponent of the gain is unverified.
    """
    ranked = present & ~values.isnan()
    known = torch.where(ranked, values, 0.0)
    finite = torch.where(present, scores, 0.0)
    weights = lambda_weights(finite, known, ranked)
    better = known[:, :, None] > known[:, None, :]
    better &= ranked[:, :, None] & ranked[:, None, :]
    losses = -F.logsigmoid(finite[:, :, None] - finite[:, None, :])
    return torch.where(better, weights * losses, 0.0).sum((-1, -2))
