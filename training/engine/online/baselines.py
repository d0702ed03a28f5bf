"""What a score is compared with, and what the difference is divided by."""

from __future__ import annotations

import torch
from torch import Tensor

from training.engine import processes
from training.engine.errors import FixableError
from training.engine.ppo.masked import (
    masked_mean,
    masked_variance,
)

EPSILON = 1e-4
"""Added to a group's deviation, as TRL does."""

LEAST_VARIANCE = 1e-9
"""Success rates that vary less are equal but for rounding."""


def members(groups: Tensor) -> Tensor:
    """Return which completions share a group, (N, N)."""
    return groups[:, None] == groups[None, :]


def group_mean(values: Tensor, groups: Tensor) -> Tensor:
    """Return the mean of each completion's group, (N,).

    Exactly the value itself where all of a group have the same, so that rounding makes
    no differences where there are none.
    """
    same = members(groups).to(values)
    return values + _gaps(values, same) / same.sum(1)


def _gaps(values: Tensor, same: Tensor) -> Tensor:
    """Return the summed differences of a group's values to each of them, (N,)."""
    return ((values[None, :] - values[:, None]) * same).sum(1)


def leave_one_out(values: Tensor, groups: Tensor) -> Tensor:
    """Return the mean of the other members of each completion's group, (N,).

    Raises:
        ValueError: if one has no others.

    Source: Ahmadian et al. 2024, Back to Basics (RLOO).
    """
    same = members(groups).to(values)
    count = same.sum(1)
    if (count < 2).any():
        raise ValueError("expected at least two completions a prompt, found one alone")
    return values + _gaps(values, same) / (count - 1)


def partner_gap(values: Tensor, groups: Tensor) -> Tensor:
    """Return half the difference to the other completion of a pair, (N,).

    Raises:
        ValueError: if a group is no pair.

    Source: Wu et al. 2024, Pairwise Proximal Policy Optimization (P3O).
    """
    if (members(groups).sum(1) != 2).any():
        raise ValueError("expected exactly two completions a prompt")
    return (values - leave_one_out(values, groups)) / 2


def group_deviation(values: Tensor, groups: Tensor) -> Tensor:
    """Return the unbiased standard deviation of each completion's group, (N,)."""
    same = members(groups).to(values)
    centred = (values[None, :] - group_mean(values, groups)[:, None]) * same
    return ((centred**2).sum(1) / (same.sum(1) - 1).clamp(min=1)).sqrt()


def by_group(advantages: Tensor, values: Tensor, groups: Tensor) -> Tensor:
    """Return advantages in units of their group's deviation, (N,).

    Source: Shao et al. 2024, DeepSeekMath (GRPO), section 4.1.
    """
    return advantages / (group_deviation(values, groups) + EPSILON)


def by_batch(advantages: Tensor) -> Tensor:
    """Return advantages in units of the whole batch's deviation, (N,)."""
    everywhere = torch.ones_like(advantages, dtype=torch.bool)
    return advantages / (masked_variance(advantages, everywhere).sqrt() + EPSILON)


def by_skew(rewards: Tensor, groups: Tensor) -> Tensor:
    """Return advantages from a group's table of differences D_ij = r_i - r_j, (N,).

    A_i = sum_j D_ij / sqrt(G / (2 (G - 1)) sum_ij D_ij^2 + eps). Up to eps these are
    GRPO's, (r_i - mean) / deviation.

    Source: Hong et al. 2025, Think-RM (pairwise RLHF).
    """
    same = members(groups).to(rewards)
    return skew_advantages((rewards[:, None] - rewards[None, :]) * same, groups)


def skew_advantages(table: Tensor, groups: Tensor) -> Tensor:
    """Return the advantages of any antisymmetric table of strengths, (N,).

    Args:
        table: D_ij, how much better i is than j of its group, 0 elsewhere, (N, N).
    """
    same = members(groups).to(table)
    size = same.sum(1)
    squares = same @ (table**2).sum(1)
    scale = size / (2 * (size - 1).clamp(min=1)) * squares
    return table.sum(1) / (scale + 1e-8).sqrt()


def beta_weights(rewards: Tensor, groups: Tensor) -> Tensor:
    """Return what advantages are multiplied by: one over a Beta density, (N,).

    The success rates p of all prompts of the batch give a Beta distribution by their
    moments; a third of its parameters, plus one, are those of the density at p. Where
    the rates do not differ there is nothing to fit, and every weight is 1.

    Args:
        rewards: in [0, 1], (N,).

    Raises:
        FixableError: if a reward is not.

    Source: Xiao et al. 2025, BNPO: Beta Normalization Policy Optimization, and code.
    """
    outside = rewards[(rewards < 0) | (rewards > 1)]
    if len(outside):
        raise FixableError(
            "Success rates cannot be taken of these rewards.",
            expected="rewards from 0 to 1, such as a verifier's",
            found=f"{float(outside[0]):g}",
            fix="Choose a rule or a model with such rewards, weigh several so that "
            "they add up to at most 1, take penalties off, or choose grpo.",
            field="params.reward_model",
        )
    rates = group_mean(rewards, groups)
    first = torch.stack([rates[groups == g][0] for g in groups.unique()])
    everywhere = torch.ones_like(first, dtype=torch.bool)
    if processes.across(everywhere.sum()) < 2:
        return torch.ones_like(rates)
    mean = masked_mean(first, everywhere)
    variance = masked_variance(first, everywhere)
    if variance < LEAST_VARIANCE:
        return torch.ones_like(rates)
    concentration = mean * (1 - mean) / variance - 1
    alpha = (1 + concentration * mean / 3).clamp(min=1)
    beta = (1 + concentration * (1 - mean) / 3).clamp(min=1)
    return inverse_density(rates, alpha, beta)


def inverse_density(rates: Tensor, alpha: Tensor, beta: Tensor) -> Tensor:
    """Return 1 / Beta(rates; alpha, beta), at most a million."""
    inside = rates.clamp(1e-6, 1 - 1e-6)
    log_density = (alpha - 1) * inside.log() + (beta - 1) * (1 - inside).log()
    log_density += torch.lgamma(alpha + beta) - torch.lgamma(alpha) - torch.lgamma(beta)
    return (-log_density).exp().clamp(0, 1e6)
