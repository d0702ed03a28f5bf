"""Anchors: terms about single sequences, added to a link's loss.

Each returns one value per example, shape (B,).
"""

from __future__ import annotations

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor

from training.engine.logprobs import sequence_logprobs
from training.engine.objectives.batch import Batch, Params, number

AnchorTerm = Callable[[Batch, Tensor, Params], Tensor]


def chosen_nll(batch: Batch, scores: Tensor, params: Params) -> Tensor:
    """eta N(yw), N summed over tokens or their mean.

    Source: Liu et al. 2024 (RPO), the authors' code.
    """
    summed = params.get("nll_norm") == "sum"
    found = sequence_logprobs(
        batch.policy, batch.mask, norm="sum" if summed else "mean"
    )
    return -number(params, "nll_weight") * batch.of(found, batch.members[:, 0])


def calibration(batch: Batch, scores: Tensor, params: Params) -> Tensor:
    """+-alpha beta (lp - lr) of a calibration completion.

    Optimism pushes it down, pessimism up. Where a row names none, it is the chosen
    completion, whatever the other rows of its batch name.

    Source: Cen et al. 2024 (VPO); Zhang et al. 2024 (SELM) and its code.
    """
    found = sequence_logprobs(batch.policy - batch.under("reference"), batch.mask)
    chosen = batch.members[:, 0]
    index = batch.extras.get("calibration", chosen)
    index = torch.where(index >= 0, index, chosen)
    sign = 1.0 if params.get("direction", "optimism") == "optimism" else -1.0
    factor = sign * number(params, "alpha") * number(params, "beta")
    return factor * batch.of(found, index)


def rationale(batch: Batch, scores: Tensor, params: Params) -> Tensor:
    """-log sig(gamma lp(c)) as in the code, or -gamma lp(c) as in the paper.

    Source: Just et al. 2024 (rationales) and its code.
    """
    index = batch.extras["rationale"]
    found = batch.of(sequence_logprobs(batch.policy, batch.mask), index)
    scaled = number(params, "gamma") * found
    term = -scaled if params.get("rationale_form") == "nll" else -F.logsigmoid(scaled)
    return torch.where(index >= 0, term, torch.zeros_like(term))


def token_rewards(better: Tensor, worse: Tensor) -> Tensor:
    """Return sig(log p(y_t | better) - log p(y_t | worse)) - 1/2, in [-1/2, 1/2].

    Source: Zhou et al. 2024 (T-REG) and its code.
    """
    return torch.sigmoid(better - worse) - 0.5


def token_reward(batch: Batch, scores: Tensor, params: Params) -> Tensor:
    """alpha sg[sig(-beta h)] sum over both sides of -sum_t beta rhat_t log pi(y_t).

    Source: Zhou et al. 2024 (T-REG); the stop-gradient is inferred.
    """
    beta = number(params, "beta")
    rewards = token_rewards(batch.under("better"), batch.under("worse")).detach()
    per_token = -beta * sequence_logprobs(batch.policy, batch.mask, weights=rewards)
    h = batch.of(scores, batch.members[:, 0]) - batch.of(scores, batch.members[:, 1])
    weight = torch.sigmoid(-beta * h).detach()
    sides = batch.of(per_token, batch.members).sum(-1)
    return number(params, "alpha") * weight * sides


def best_nll(batch: Batch, scores: Tensor, params: Params) -> Tensor:
    """w (n - 1)^2 (-lp(y_best)). Source: Song et al. 2023 (PRO), the authors' code."""
    present = batch.members >= 0
    values = batch.column("values").masked_fill(~present, -torch.inf)
    best = batch.members.gather(1, values.argmax(-1, keepdim=True))[:, 0]
    found = sequence_logprobs(batch.policy, batch.mask)
    others = (present.sum(-1) - 1).to(found.dtype)
    return -number(params, "nll_weight") * others**2 * batch.of(found, best)


def trust_region(batch: Batch, scores: Tensor, params: Params) -> Tensor:
    """kappa times the token mean of the estimator ``e^u - 1 - u``, u = lo - lp.

    Source: Su et al. 2025 (TRPA), the authors' code.
    """
    u = batch.under("previous") - batch.policy
    found = sequence_logprobs(torch.expm1(u) - u, batch.mask, norm="mean")
    present = (batch.members >= 0).sum(-1).clamp(min=1)
    mean = batch.of(found, batch.members).sum(-1) / present
    return number(params, "kl_weight") * mean


def power(batch: Batch, scores: Tensor, params: Params) -> Tensor:
    """-eta beta lp(yw)/n(yw). Source: Rashidinejad and Tian 2024 (POWER)."""
    mean = sequence_logprobs(batch.policy, batch.mask, norm="mean")
    factor = number(params, "nll_weight") * number(params, "beta")
    return -factor * batch.of(mean, batch.members[:, 0])


def sparsity(batch: Batch, scores: Tensor, params: Params) -> Tensor:
    """l1 (|m_u| + |m_d|) over both sides. Source: Christopoulou et al. 2024."""
    masks = batch.weights["ratio_mask"].abs() + batch.weights["divergence_mask"].abs()
    found = sequence_logprobs(masks, batch.mask)
    return number(params, "l1") * batch.of(found, batch.members).sum(-1)


def degrees(batch: Batch, scores: Tensor, params: Params) -> Tensor:
    """gamma times the cross-entropy of how much of the chosen was taken away.

    The mean over the chosen completion, which lacks nothing, and its degraded copies.

    Source: Li et al. 2024 (self-supervised preference optimisation), its abstract.
    """
    gamma = number(params, "gamma")
    if not gamma:
        return scores.new_zeros(len(batch.members))
    index, found = _degrees(batch)
    kinds = torch.arange(index.shape[1], device=index.device).expand_as(index)
    told = -found.gather(-1, kinds[..., None])[..., 0]  # (B, K)
    present = index >= 0
    return gamma * torch.where(present, told, 0.0).sum(-1) / present.sum(-1)


def degree_accuracy(batch: Batch) -> Tensor:
    """Return the share of copies whose degree the classifier names, (B,)."""
    index, found = _degrees(batch)
    kinds = torch.arange(index.shape[1], device=index.device).expand_as(index)
    present = index >= 0
    right = (found.argmax(-1) == kinds) & present
    return right.sum(-1) / present.sum(-1)


def _degrees(batch: Batch) -> tuple[Tensor, Tensor]:
    """Return where each copy stands, (B, K), and log-probabilities of its degree."""
    logits = batch.read["degrees"]  # (N, K)
    gone = torch.full_like(batch.members[:, 0], -1)
    copies = [batch.extras.get(f"degree_{k}", gone) for k in range(1, logits.shape[1])]
    index = torch.stack([batch.members[:, 0], *copies], dim=1)
    wide = torch.promote_types(logits.dtype, torch.float32)
    return index, torch.log_softmax(logits.to(wide), -1)[index.clamp(min=0)]


ANCHORS: dict[str, AnchorTerm] = {
    "chosen_nll": chosen_nll,
    "calibration": calibration,
    "rationale": rationale,
    "token_reward": token_reward,
    "best_nll": best_nll,
    "trust_region": trust_region,
    "power": power,
    "sparsity": sparsity,
    "degrees": degrees,
}
