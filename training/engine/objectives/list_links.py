"""Links of lists: the scores of K completions of one prompt to one loss."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from training.engine.logprobs import sequence_logprobs
from training.engine.objectives.batch import Batch, Params, number


@dataclass(frozen=True)
class ListTerms:
    """What a link is given of B lists.

    Attributes:
        scores: s of every member, shape (B, K).
        present: True where there is a member, shape (B, K).
        values: how good each is said to be, larger better, shape (B, K).
    """

    scores: Tensor
    present: Tensor
    values: Tensor
    batch: Batch


def list_terms(batch: Batch, found: Tensor) -> ListTerms:
    """Return what a link needs, from the scores of all sequences, shape (N,)."""
    return ListTerms(
        scores=batch.of(found, batch.members),
        present=batch.members >= 0,
        values=batch.column("values"),
        batch=batch,
    )


def _better(terms: ListTerms) -> Tensor:
    """Return True where i is valued above j and both are there, shape (B, K, K)."""
    above = terms.values[:, :, None] > terms.values[:, None, :]
    return above & terms.present[:, :, None] & terms.present[:, None, :]


def ranking(terms: ListTerms, params: Params) -> Tensor:
    """Each completion against all that are worse, at temperatures of the gaps.

    ``sum_k log(exp(T_k q_k) + sum_{i worse} exp((r_k - r_i) q_i)) - T_k q_k`` with
    ``T_k = max_i (r_k - r_i)``; completions of one value are not compared.

    Source: Song et al. 2023 (PRO), the authors' code.
    """
    better = _better(terms)
    gaps = terms.values[:, :, None] - terms.values[:, None, :]  # r_k - r_i
    gaps = torch.where(better, gaps, torch.zeros_like(gaps))
    top = gaps.amax(-1) * terms.scores  # T_k q_k, (B, K)
    least = torch.finfo(top.dtype).min
    rest = (gaps * terms.scores[:, None, :]).masked_fill(~better, least)
    every = torch.logsumexp(torch.cat([top[:, :, None], rest], -1), -1)
    has_worse = better.any(-1)
    return torch.where(has_worse, every - top, torch.zeros_like(top)).sum(-1)


def lambda_weights(scores: Tensor, values: Tensor, present: Tensor) -> Tensor:
    """Return ``|G_i - G_j| |1/log(1 + rk_i) - 1/log(1 + rk_j)|``, shape (B, K, K).

    Ranks rk count from 1 by score and carry no gradient; ``G = 2^value - 1``.

    Source: Liu et al. 2024 (LiPO); the exponent of the gain is unverified.
    """
    ranked = scores.detach().masked_fill(~present, -torch.inf)
    order = ranked.argsort(dim=-1, descending=True, stable=True)
    rank = order.argsort(-1) + 1
    inverse = 1 / torch.log1p(rank.to(scores.dtype))
    gain = 2**values - 1
    return (gain[:, :, None] - gain[:, None, :]).abs() * (
        inverse[:, :, None] - inverse[:, None, :]
    ).abs()


def lambda_pairs(terms: ListTerms, params: Params) -> Tensor:
    """All pairs, each weighted by what its order is worth. Source: LiPO."""
    scaled = number(params, "beta") * terms.scores
    weights = lambda_weights(scaled, terms.values, terms.present)
    losses = -F.logsigmoid(scaled[:, :, None] - scaled[:, None, :])
    return torch.where(_better(terms), weights * losses, 0.0).sum((-1, -2))


def levels(terms: ListTerms, params: Params) -> Tensor:
    """The mean over pairs of different levels; pairs with the best level weigh more.

    A list of one level pulls its completions up if that level is the best possible
    (value 0 is said to be the best), else down.

    Source: Su et al. 2025 (TRPA), the authors' code.
    """
    better = _better(terms)
    best = (terms.values == 0) & terms.present
    factor = torch.where(best, number(params, "best_weight"), 1.0)[:, :, None]
    difference = terms.scores[:, :, None] - terms.scores[:, None, :]
    losses = -F.logsigmoid(number(params, "beta") * factor * difference)
    pairs = better.sum((-1, -2))
    mean = torch.where(better, losses, 0.0).sum((-1, -2)) / pairs.clamp(min=1)
    sign = torch.where(best, 1.0, -1.0)
    alone = torch.where(terms.present, -F.logsigmoid(sign * terms.scores), 0.0)
    fallback = alone.sum(-1) / terms.present.sum(-1).clamp(min=1)
    return torch.where(pairs > 0, mean, fallback)


def tree(terms: ListTerms, params: Params) -> Tensor:
    """All pairs of leaves, weighted by value and rank, weights adding up to one.

    Steps that two leaves share cancel in their difference. Unverified: the published
    weighting of similar steps was not found.
    """
    scaled = number(params, "beta") * terms.scores
    weights = lambda_weights(scaled, terms.values, terms.present)
    weights = torch.where(_better(terms), weights, 0.0)
    total = weights.sum((-1, -2), keepdim=True).clamp(min=torch.finfo(scaled.dtype).eps)
    losses = -F.logsigmoid(scaled[:, :, None] - scaled[:, None, :])
    return (weights / total * losses).sum((-1, -2))


def attribute_weights(terms: ListTerms) -> Tensor:
    """Return w - b, which sums to 0 over a list, shape (B, K); no gradient.

    ``w = softmax(log P(a|x,y) + log P(y|x) - log Q'(y|a,x))`` and
    ``b = softmax(log Q(y|a,x) - log Q'(y|a,x))``. The definition of b is unverified.
    """
    batch = terms.batch
    totals = {
        "policy": sequence_logprobs(batch.policy, batch.mask),
        "sft": sequence_logprobs(batch.under("reference"), batch.mask),
        "sampler": sequence_logprobs(batch.under("previous"), batch.mask),
    }
    of = {name: batch.of(v, batch.members).detach() for name, v in totals.items()}
    wanted = terms.values + of["sft"] - of["sampler"]
    had = of["policy"] - of["sampler"]
    absent = ~terms.present
    return torch.softmax(wanted.masked_fill(absent, -torch.inf), -1) - torch.softmax(
        had.masked_fill(absent, -torch.inf), -1
    )


def attributes(terms: ListTerms, params: Params) -> Tensor:
    """-sum_i (w_i - b_i) log Q(y_i|a,x). Source: Wang et al. 2024 (SteerLM 2.0)."""
    return -(attribute_weights(terms) * terms.scores).sum(-1)


def reward_gaps(terms: ListTerms, params: Params) -> Tensor:
    """All pairs' squared gaps of regularised rewards, over K - 1.

    Source: Flet-Berliac et al. 2024 (CoPG).
    """
    beta = number(params, "beta")
    rewards = terms.values - beta * terms.scores
    both = terms.present[:, :, None] & terms.present[:, None, :]
    squares = torch.where(both, (rewards[:, :, None] - rewards[:, None, :]) ** 2, 0.0)
    others = (terms.present.sum(-1) - 1).clamp(min=1)
    # Every pair stands twice in the square.
    return squares.sum((-1, -2)) / 2 / (2 * beta) / others


ListLink = Callable[[ListTerms, Params], Tensor]

LIST_LINKS: dict[str, ListLink] = {
    "ranking": ranking,
    "lambda": lambda_pairs,
    "levels": levels,
    "tree": tree,
    "attributes": attributes,
    "reward_gaps": reward_gaps,
}
