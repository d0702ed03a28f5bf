"""Losses of single completions: attributes, reactions, segments."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

IGNORED = -100
"""The label of a token or segment that nobody judged."""

ALPHAS = (1e-4, 1e-3, 1e-2, 0.1, 1.0, 10.0, 100.0, 1e3, 1e4)


def masked_squared_error(found: Tensor, values: Tensor) -> Tensor:
    """Return the mean squared error over the attributes that were rated, (B,).

    Args:
        found: shape (B, K).
        values: ratings, NaN where there is none, shape (B, K).

    Source: Wang et al. 2024, HelpSteer2, section 4.1.
    """
    rated = ~values.isnan()
    errors = torch.where(rated, found - torch.where(rated, values, 0.0), 0.0)
    return (errors**2).sum(-1) / rated.sum(-1).clamp(min=1)


def ridge(features: Tensor, values: Tensor, alpha: float) -> Tensor:
    """Return each attribute's weights without an intercept, (K, H).

    ``(X'X + alpha I)^-1 X'y`` over the rows where the attribute was rated.

    Args:
        features: X, shape (N, H).
        values: y, NaN where there is none, shape (N, K).

    Source: Wang et al. 2024, ArmoRM, stage 1.
    """
    weights = []
    for column in values.unbind(1):
        rated = ~column.isnan()
        x, y = features[rated], column[rated]
        gram = x.T @ x + alpha * torch.eye(x.shape[1], dtype=x.dtype)
        weights.append(torch.linalg.solve(gram, x.T @ y))
    return torch.stack(weights)


def best_ridge(
    train: tuple[Tensor, Tensor],
    validation: tuple[Tensor, Tensor],
    alphas: Sequence[float] = ALPHAS,
) -> tuple[Tensor, list[float]]:
    """Return weights (K, H), and for each attribute the alpha of least error.

    Source: Wang et al. 2024, ArmoRM, stage 1 (alpha by validation error).
    """
    fits = [ridge(*train, alpha) for alpha in alphas]
    features, values = validation
    rated = ~values.isnan()
    errors = torch.stack(
        [
            torch.where(rated, features @ fit.T - values.nan_to_num(), 0.0)
            .square()
            .sum(0)
            for fit in fits
        ]
    )  # (A, K)
    best = errors.argmin(0).tolist()
    chosen = torch.stack([fits[a][k] for k, a in enumerate(best)])
    return chosen, [alphas[a] for a in best]


def unary_loss(scores: Tensor, label: Tensor) -> Tensor:
    """Return the cross-entropy of a reaction, (B,), in nats.

    Args:
        scores: log-odds of the reaction, shape (B,).
        label: 1 where it came, 0 where it did not, shape (B,).

    Source: RLUF (reinforcement learning from user feedback), P[Love].
    """
    return -(label * F.logsigmoid(scores) + (1 - label) * F.logsigmoid(-scores))


def prior_shift(base_rate: float, trained_rate: float) -> float:
    """Return what is added to log-odds learned at one rate to hold at another.

    ``logit(p) - logit(q)``: positives that were upsampled to q occur with rate p.

    Raises:
        ValueError: if a rate is not strictly between 0 and 1.
    """
    for rate in (base_rate, trained_rate):
        if not 0 < rate < 1:
            raise ValueError(f"expected rates strictly between 0 and 1, found {rate}")
    return (
        math.log(base_rate)
        - math.log1p(-base_rate)
        - math.log(trained_rate)
        + math.log1p(-trained_rate)
    )


def td_targets(
    values: Tensor, first: Tensor, last: Tensor, rewards: Tensor, trace: float
) -> Tensor:
    """Return what every state's value should have been, by TD(lambda), (B, T).

    ``G_last = R`` and before it ``G_t = (1 - lambda) V_(t+1) + lambda G_(t+1)``, not
    discounted; 0 where there is no state.

    Args:
        values: V of every state, shape (B, T).
        first, last: places of a row's first and last state, shape (B,).
        rewards: R, earned behind the last state, shape (B,).
        trace: lambda; 1 takes the reward alone, 0 the next state's value.

    Source: Sutton 1988; used by Han et al. 2024 (Value Augmented Sampling).
    """
    targets = torch.zeros_like(values)
    carried = rewards.to(values)
    for t in reversed(range(values.shape[1])):
        if t + 1 < values.shape[1]:
            mixed = (1 - trace) * values[:, t + 1] + trace * carried
            carried = torch.where(t < last, mixed, carried)
        targets[:, t] = torch.where((t >= first) & (t <= last), carried, 0.0)
    return targets


def td_loss(
    values: Tensor, first: Tensor, last: Tensor, rewards: Tensor, trace: float
) -> Tensor:
    """Return half the mean squared error of a row's values to their targets, (B,).

    Args: as in `td_targets`; the targets carry no gradient.
    """
    targets = td_targets(values.detach(), first, last, rewards, trace)
    places = torch.arange(values.shape[1], device=values.device)[None, :]
    there = (places >= first[:, None]) & (places <= last[:, None])
    errors = torch.where(there, (values - targets) ** 2, 0.0)
    return errors.sum(-1) / there.sum(-1) / 2


def token_loss(logits: Tensor, labels: Tensor) -> Tensor:
    """Return the mean cross-entropy of the labelled tokens of each sequence, (B,).

    Args:
        logits: shape (B, T, C).
        labels: class of each token, ``IGNORED`` where there is none, shape (B, T).

    Source: Wu et al. 2023, Fine-Grained Human Feedback, section 3.
    """
    losses = F.cross_entropy(
        logits.transpose(1, 2), labels, ignore_index=IGNORED, reduction="none"
    )
    return losses.sum(-1) / (labels != IGNORED).sum(-1).clamp(min=1)
