"""Means, variances and whitening over the positions that count."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

WHITEN_EPSILON = 1e-8


def across_processes(value: Tensor) -> Tensor:
    """Return the sum of ``value`` over all processes of the run (itself if alone)."""
    if torch.distributed.is_available() and torch.distributed.is_initialized():
        value = value.clone()
        torch.distributed.all_reduce(value)
    return value


def of_all_processes(values: list[float]) -> list[float]:
    """Return the values of all processes of the run, in their order."""
    if torch.distributed.is_available() and torch.distributed.is_initialized():
        every: list[Any] = [None] * torch.distributed.get_world_size()
        torch.distributed.all_gather_object(every, values)
        return [value for part in every for value in part]
    return values


def masked_mean(values: Tensor, mask: Tensor) -> Tensor:
    """Return the mean over positions where ``mask`` is True, over all processes.

    Args:
        values, mask: the same shape, usually (B, T).

    Raises:
        ValueError: if no position counts.
    """
    count = across_processes(mask.sum().to(values.dtype))
    if count == 0:
        raise ValueError("expected at least one position that counts, found none")
    return across_processes((values * mask).sum()) / count


def masked_variance(values: Tensor, mask: Tensor) -> Tensor:
    """Return the unbiased variance (n - 1) over positions where ``mask`` is True.

    Raises:
        ValueError: if fewer than two positions count.
    """
    count = across_processes(mask.sum().to(values.dtype))
    if count < 2:
        raise ValueError(
            f"expected at least two positions for a variance, found {int(count)}"
        )
    centred = (values - masked_mean(values, mask)) * mask
    return across_processes((centred**2).sum()) / (count - 1)


def whiten(values: Tensor, mask: Tensor, *, shift_mean: bool = True) -> Tensor:
    """Return values with unit variance and, if asked, zero mean; 0 elsewhere.

    Rewards are scaled without moving their mean, since a shift of the reward changes
    how long a completion should be; advantages are also centred.

    Source: Huang et al. 2024, The N+ Implementation Details of RLHF with PPO, detail
    on whitening; Ziegler et al. 2019, reward and advantage whitening.
    """
    mean = masked_mean(values, mask)
    scaled = (values - mean) * torch.rsqrt(
        masked_variance(values, mask) + WHITEN_EPSILON
    )
    if not shift_mean:
        scaled = scaled + mean
    return torch.where(mask, scaled, torch.zeros_like(scaled))
