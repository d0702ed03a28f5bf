"""Means, variances and whitening over the positions that count."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import torch
from torch import Tensor, nn

from training.engine import processes

WHITEN_EPSILON = 1e-8

_AT_ONCE = 1 << 24
"""Numbers of gradients that are sent together."""


def of_all_processes(values: list[float]) -> list[float]:
    """Return the values of all processes of the run, in their order."""
    return [value for part in processes.everyones(values) for value in part]


def sum_gradients(parameters: Sequence[nn.Parameter]) -> None:
    """Put the sum of all processes' gradients in the place of each one's own.

    Once an optimiser step, whatever number of backward passes each process made.
    """
    if not processes.together():
        return
    if not parameters:
        return
    has = torch.tensor([float(p.grad is not None) for p in parameters])
    anywhere = processes.across(has.to(parameters[0].device)).tolist()
    for parameter, count in zip(parameters, anywhere, strict=True):
        # What no process used stays without one: the optimizer passes over it.
        if count and parameter.grad is None:
            parameter.grad = torch.zeros_like(parameter)
    for part in _chunks([p.grad for p in parameters if p.grad is not None]):
        flat = torch.cat([gradient.flatten() for gradient in part])
        torch.distributed.all_reduce(flat)
        sizes = [gradient.numel() for gradient in part]
        for gradient, summed in zip(part, flat.split(sizes), strict=True):
            gradient.copy_(summed.view_as(gradient))


def _chunks(gradients: Sequence[Tensor]) -> Iterator[list[Tensor]]:
    """Yield tensors of one type in groups that are sent together."""
    part: list[Tensor] = []
    size = 0
    for gradient in gradients:
        if part and (size > _AT_ONCE or gradient.dtype != part[0].dtype):
            yield part
            part, size = [], 0
        part.append(gradient)
        size += gradient.numel()
    if part:
        yield part


def masked_mean(values: Tensor, mask: Tensor) -> Tensor:
    """Return the mean over positions where ``mask`` is True, over all processes.

    Args:
        values, mask: the same shape, usually (B, T).

    Raises:
        ValueError: if no position counts.
    """
    count = processes.across(mask.sum().to(values.dtype))
    if count == 0:
        raise ValueError("expected at least one position that counts, found none")
    return processes.across((values * mask).sum()) / count


def masked_variance(values: Tensor, mask: Tensor) -> Tensor:
    """Return the unbiased variance (n - 1) over positions where ``mask`` is True.

    Raises:
        ValueError: if fewer than two positions count.
    """
    count = processes.across(mask.sum().to(values.dtype))
    if count < 2:
        raise ValueError(
            f"expected at least two positions for a variance, found {int(count)}"
        )
    centred = (values - masked_mean(values, mask)) * mask
    return processes.across((centred**2).sum()) / (count - 1)


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
