"""From a head's components to one number, by name; shaping comes after it.

Shaping against references (PAR, log-sigmoid-centred) and multipliers of constraints
act while a policy trains; their one home is ``training.engine.online``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import torch
from torch import Tensor

from training.engine.registry.rewards_algebra import Aggregation


def identity(values: Tensor, weights: Tensor | None, penalty: float) -> Tensor:
    """Return the only component."""
    if values.shape[-1] != 1:
        raise ValueError(f"expected one component, found {values.shape[-1]}")
    return values[..., 0]


def weighted(values: Tensor, weights: Tensor | None, penalty: float) -> Tensor:
    """Return sum_k w_k r_k, weights fixed or given by a gate."""
    if weights is None:
        raise ValueError("expected weights for the components, found none")
    return (values * weights).sum(-1)


def mean(values: Tensor, weights: Tensor | None, penalty: float) -> Tensor:
    """Return the mean of an ensemble's members."""
    return values.mean(-1)


def minimum(values: Tensor, weights: Tensor | None, penalty: float) -> Tensor:
    """Return the lowest member (worst case, or worst-off group)."""
    return values.min(-1).values


def mean_less_variance(
    values: Tensor, weights: Tensor | None, penalty: float
) -> Tensor:
    """Return mean - c var, with the population variance.

    The published code divides by k in one place and by k - 1 in another.

    Source: Coste et al. 2024, Reward Model Ensembles Help Mitigate Overoptimization.
    """
    return values.mean(-1) - penalty * values.var(-1, correction=0)


AGGREGATIONS: Mapping[Aggregation, Callable[[Tensor, Tensor | None, float], Tensor]] = {
    "identity": identity,
    "weighted": weighted,
    "mean": mean,
    "minimum": minimum,
    "mean_less_variance": mean_less_variance,
}


def combine(
    how: Aggregation,
    values: Tensor,
    weights: Tensor | None = None,
    penalty: float = 0.0,
) -> Tensor:
    """Return one number a row, (N,).

    Args:
        values: components, shape (N, K).
        weights: shape (N, K) or (K,), for weighted sums.
        penalty: c, for ``mean_less_variance``.

    Raises:
        KeyError: if there is no such aggregation.
        ValueError: if the components do not fit it.
    """
    return AGGREGATIONS[how](values, weights, penalty)


def against_others(log_odds: Tensor) -> Tensor:
    """Return each row's mean log-odds against all rows, itself included as 0, (n,).

    For odds from scores it gives the scores back, less their mean.

    Args:
        log_odds: entry (i, j) is the log-odds that i beats j, shape (n, n).
    """
    own = torch.eye(len(log_odds), dtype=torch.bool, device=log_odds.device)
    return log_odds.masked_fill(own, 0.0).mean(-1)


def debias(reference: Tensor, threshold: float) -> Tensor:
    """Return how much of the last attribute to take off each one, (K,).

    The smallest of 0, 0.05 .. 0.95 at which the attribute's rank correlation with
    the last one (verbosity) on the reference set is at most the threshold, else 1;
    of the last attribute nothing is left.

    Args:
        reference: components on a reference set, shape (R, K).

    Source: Wang et al. 2024, ArmoRM, stage 2 (verbosity debiasing).
    """
    wordy = reference[:, -1]
    shares = []
    for column in reference[:, :-1].unbind(1):
        found = 1.0
        for step in range(20):
            share = step / 20
            if _spearman(column - share * wordy, wordy) <= threshold:
                found = share
                break
        shares.append(found)
    return reference.new_tensor([*shares, 1.0])


def _spearman(one: Tensor, other: Tensor) -> float:
    """Return the rank correlation; equal values share their mean rank."""
    ranks = torch.stack([_ranks(one), _ranks(other)])
    centred = ranks - ranks.mean(1, keepdim=True)
    norms = centred.norm(dim=1)
    if bool((norms == 0).any()):
        return 0.0
    return float(centred[0] @ centred[1] / norms.prod())


def _ranks(values: Tensor) -> Tensor:
    below = (values[None, :] < values[:, None]).sum(1)
    equal = (values[None, :] == values[:, None]).sum(1)
    return (below + (equal + 1) / 2).double()
