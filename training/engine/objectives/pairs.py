"""Before the link: each side's factor, the margin, and the label of a pair."""

from __future__ import annotations

import torch
from torch import Tensor

from training.engine.logprobs import sequence_logprobs
from training.engine.objectives.batch import Batch, Params, number
from training.engine.objectives.pair_links import PairTerms
from training.engine.registry.algebra import Objective


def pair_terms(
    settings: Objective, batch: Batch, found: Tensor, params: Params
) -> PairTerms:
    """Return what a link needs of B pairs.

    Args:
        found: the scores of all sequences, shape (N,).
    """
    chosen = batch.of(found, batch.members[:, 0])
    rejected = batch.of(found, batch.members[:, 1])
    factor_chosen, factor_rejected = _factors(settings, batch, params)
    scaled_chosen, scaled_rejected = factor_chosen * chosen, factor_rejected * rejected
    z = scaled_chosen - scaled_rejected - _margin(settings, batch, params)
    return PairTerms(
        chosen=chosen,
        rejected=rejected,
        scaled_chosen=scaled_chosen,
        scaled_rejected=scaled_rejected,
        z=z,
        label=_label(settings, batch, z, params),
        batch=batch,
    )


def _factors(
    settings: Objective, batch: Batch, params: Params
) -> tuple[Tensor | float, Tensor | float]:
    if settings.scale == "one":
        return 1.0, 1.0
    if settings.scale == "sides":
        return number(params, "beta_chosen"), number(params, "beta_rejected")
    beta = number(params, "beta")
    if settings.scale == "share":
        return beta / first_weight(params), beta / first_weight(params)
    if settings.scale == "bias":
        return beta, beta * number(params, "rejected_bias")
    if settings.scale == "strength":
        factor = strength_beta(
            batch.column("margin"),
            beta,
            number(params, "strength_weight"),
            number(params, "strength_rate"),
        )
        return factor, factor
    return beta, beta


def strength_beta(margin: Tensor, beta: float, weight: float, rate: float) -> Tensor:
    """Return beta (1 + w (1 - exp(-k delta))), from beta at 0 to (1 + w) beta.

    Args:
        margin: reward difference delta of each pair, shape (B,); below 0 counts as 0.

    Source: Zhang et al. 2025 (MM-RLHF), dynamic reward scaling.
    """
    return beta * (1 + weight * (1 - torch.exp(-rate * margin.clamp(min=0))))


def other_weights(params: Params) -> list[float]:
    """Return the weights of the second and further objectives, as written."""
    return [float(part) for part in str(params["other_weights"]).split(",")]


def first_weight(params: Params) -> float:
    """Return the weight of the objective that the pairs were labelled for."""
    return 1 - sum(other_weights(params))


def _margin(settings: Objective, batch: Batch, params: Params) -> Tensor | float:
    if settings.margin == "gamma":
        return number(params, "gamma")
    if settings.margin == "rewards":
        # (1/w_1) sum_k w_k (m_k(yw) - m_k(yl)). Source: Zhou et al. 2023.
        gaps = batch.column("margins")  # (B, K-1)
        weights = gaps.new_tensor(other_weights(params))
        return (gaps * weights).sum(-1) / first_weight(params)
    if settings.margin == "reference_probability":
        # gamma (1/p_w + 1/p_l) with length-normalised reference probabilities.
        mean = sequence_logprobs(batch.under("reference"), batch.mask, norm="mean")
        inverse = torch.exp(-mean)
        sides = batch.of(inverse, batch.members[:, 0]) + batch.of(
            inverse, batch.members[:, 1]
        )
        return number(params, "gamma") * sides.detach()
    return 0.0


def _label(settings: Objective, batch: Batch, z: Tensor, params: Params) -> Tensor:
    if settings.label == "soft":
        return batch.column("soft_label")
    if settings.label == "smoothed":
        return torch.full_like(z, 1 - number(params, "label_smoothing")).detach()
    if settings.label == "value_gap":
        values = batch.column("values")
        return torch.sigmoid(values[:, 0] - values[:, 1])
    if settings.label == "state":
        return batch.column("label_state")
    if settings.label == "self":
        return self_label(batch, params)
    return torch.ones_like(z)


def self_label(batch: Batch, params: Params) -> Tensor:
    """Return labels from the previous iterate's implicit reward, shape (B,).

    The least confident share of the batch gets its label smoothed. Unverified: the
    source of the confidence was not found.
    """
    gap = sequence_logprobs(
        batch.under("previous") - batch.under("reference"), batch.mask
    )
    z = batch.of(gap, batch.members[:, 0]) - batch.of(gap, batch.members[:, 1])
    label = torch.sigmoid(number(params, "beta") * z)
    confidence = (label - 0.5).abs()
    kept = round(len(label) * (1 - number(params, "doubtful_share")))
    doubtful = torch.ones_like(label, dtype=torch.bool)
    doubtful[confidence.argsort(descending=True)[:kept]] = False
    e = number(params, "label_smoothing")
    return torch.where(doubtful, (1 - e) * label + e * (1 - label), label)


def updated_label(state: Tensor, z: Tensor, rate: float) -> Tensor:
    """Return (1 - g) l + g sig(z): labels drift to what the policy believes.

    Args:
        state, z: shape (B,); no gradient flows.

    Source: Rashidinejad and Tian 2024 (POWER-DL); this rule is unverified.
    """
    return (1 - rate) * state + rate * torch.sigmoid(z.detach())
