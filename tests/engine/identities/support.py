"""Policies over a handful of arms, where every optimum has a closed form."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from itertools import permutations
from typing import Any

import torch
from torch import Tensor

from training.engine import registry
from training.engine.objectives.algebra import objective
from training.engine.objectives.batch import Batch
from training.engine.registry.algebra import Objective


def settings(name: str) -> Objective:
    """Return a preset's row of the algebra."""
    found = registry.get(name).settings
    assert isinstance(found, Objective)
    return found


def params(name: str, **given: Any) -> dict[str, Any]:
    """Return a preset's settings, as a run would have them."""
    return dict(registry.validate(name, given))


def losses(name: str, batch: Batch, **given: Any) -> Tensor:
    """Return each example's loss under a preset."""
    return objective(settings(name), batch, params(name, **given)).losses


def draw(*shape: int, seed: int = 0) -> Tensor:
    """Return normal numbers in double precision."""
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(*shape, generator=generator, dtype=torch.float64)


def arms(
    policy: Tensor,
    members: Sequence[Sequence[int]],
    *,
    frozen: Mapping[str, Tensor] | None = None,
    columns: Mapping[str, Tensor] | None = None,
    extras: Mapping[str, Tensor] | None = None,
    lengths: Sequence[int] | None = None,
) -> Batch:
    """Return a batch over arms, each a sequence of ``lengths`` equal tokens.

    Args:
        policy: log-probabilities of the arms, shape (A,).
        members: the arms of each example.
        frozen: log-probabilities of the arms under frozen models.
    """
    count = torch.tensor(lengths if lengths is not None else [1] * len(policy))
    mask = torch.arange(int(count.max()))[None, :] < count[:, None]

    def spread(values: Tensor) -> Tensor:
        return torch.where(mask, (values / count)[:, None], 0.0)

    return Batch(
        policy=spread(policy),
        mask=mask,
        members=torch.tensor(members),
        frozen={name: spread(v) for name, v in (frozen or {}).items()},
        columns=columns or {},
        extras=extras or {},
        row_ids=tuple(str(i) for i in range(len(members))),
    )


def every_pair(count: int) -> list[list[int]]:
    """Return all ordered pairs of arms."""
    return [list(pair) for pair in permutations(range(count), 2)]


def minimise(loss: Callable[[Tensor], Tensor], count: int) -> Tensor:
    """Return the log-probabilities of arms that minimise a loss, in double precision.

    Args:
        loss: takes log-probabilities, shape (A,), and returns a number.
    """

    def value(logits: Tensor) -> Tensor:
        return loss(torch.log_softmax(logits, 0))

    logits = torch.zeros(count, dtype=torch.float64)
    for _ in range(60):
        leaf = logits.clone().requires_grad_(True)
        slope = gradient(value(leaf), leaf)
        curve = torch.autograd.functional.hessian(value, logits)
        # Adding a number to all logits changes nothing, so that way is left flat.
        step = torch.linalg.pinv(curve + 1 / count) @ slope
        size = 1.0
        while value(logits - size * step) > value(logits) + 1e-13 and size > 1e-6:
            size /= 2
        logits = logits - size * step
        if step.abs().max() < 1e-13:
            break
    return torch.log_softmax(logits, 0)


def tilted(base: Tensor, reward: Tensor, beta: float) -> Tensor:
    """Return log of base exp(reward/beta)/Z."""
    return torch.log_softmax(base + reward / beta, 0)


def at_reference(values: Tensor) -> Tensor:
    """Return a leaf with these values, to take gradients at."""
    return values.clone().requires_grad_(True)


def gradient(loss: Tensor, leaf: Tensor) -> Tensor:
    """Return the gradient of a loss."""
    (found,) = torch.autograd.grad(loss, leaf, retain_graph=True)
    return found
