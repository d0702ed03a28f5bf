"""A sequence's score: its log-probability, less what frozen models say of it.

``s_i = norm_i * sum_t a_it * (lp_it - sum_m c_m * l^m_it) + o_i``
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from training.engine.logprobs import sequence_logprobs
from training.engine.objectives.batch import Batch, Params, number
from training.engine.registry.algebra import MASKED, Objective


def coefficients(
    settings: Objective, params: Params, models: Sequence[str] = ()
) -> dict[str, float]:
    """Return c: the frozen models a method takes off the policy, and how much of each.

    Models of no weight are left out, so that they need not be run.

    Args:
        models: the further models a run was given; teachers are found among them.

    Source: mixtures of iterates as in Zhang et al. 2024 (INPO); extrapolation
    as in He et al. 2024 (accelerated preference optimisation).
    """
    if settings.mix == "none":
        found = {}
    elif settings.mix == "reference":
        found = {"reference": 1.0}
    elif settings.mix == "scaled":
        found = {"reference": number(params, "reference_weight")}
    elif settings.mix == "history":
        ratio = number(params, "reference_ratio")
        older = number(params, "older_weight") if "older_weight" in params else 0.0
        found = {
            "reference": ratio,
            "previous": (1 - ratio) * (1 - older),
            "previous_2": (1 - ratio) * older,
        }
    elif settings.mix == "extrapolated":
        alpha = number(params, "extrapolation")
        found = {"previous": 1 + alpha, "previous_2": -alpha}
    else:
        teachers = [name for name in models if name.startswith("teacher")]
        found = {name: 1 / len(teachers) for name in teachers}
    return {name: weight for name, weight in found.items() if weight}


def token_scores(
    settings: Objective, batch: Batch, params: Params, models: Sequence[str] = ()
) -> Tensor:
    """Return each token's part of its sequence's score, before weights, (N, T)."""
    found = batch.policy
    for name, weight in coefficients(settings, params, models).items():
        found = found - weight * batch.under(name)
    return found


def scores(settings: Objective, batch: Batch, params: Params) -> Tensor:
    """Return the score of every sequence of a batch, shape (N,)."""
    names = tuple(batch.frozen)
    tokens = token_scores(settings, batch, params, names)
    found = sequence_logprobs(
        tokens,
        batch.mask,
        norm=settings.norm,
        weights=_weights(settings, batch, params),
    )
    if settings.tokens in MASKED:
        # The masked divergence of each token's whole distribution, taken off as k.
        kl = sequence_logprobs(
            batch.weights["divergence"],
            batch.mask,
            weights=batch.weights["divergence_mask"],
        )
        found = found - kl
    if settings.offset == "inverse_length":
        found = found + 1 / batch.lengths.to(found.dtype)
    return found


def _weights(settings: Objective, batch: Batch, params: Params) -> Tensor | None:
    """Return a, the factor of every token; None where all are 1.

    Counting prompt tokens, or a suffix alone, is a matter of where a branch's prompt
    ends, so it is settled before the model runs.
    """
    if settings.tokens == "discounted":
        steps = torch.arange(batch.policy.shape[1], device=batch.policy.device)
        discount = number(params, "discount") ** steps.to(batch.policy.dtype)
        return discount[None, :].expand_as(batch.policy)
    if settings.tokens in MASKED:
        return batch.weights["ratio_mask"]
    return None
