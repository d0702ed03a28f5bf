"""A row of settings and a batch to losses: score, link, anchors."""

from __future__ import annotations

from dataclasses import dataclass, field

import torch
from torch import Tensor

from training.engine.logprobs import sequence_logprobs
from training.engine.objectives.anchors import ANCHORS, degree_accuracy
from training.engine.objectives.batch import Batch, Params
from training.engine.objectives.list_links import LIST_LINKS, list_terms
from training.engine.objectives.pair_links import PAIR_LINKS, PairTerms
from training.engine.objectives.pairs import pair_terms
from training.engine.objectives.point_links import POINT_LINKS
from training.engine.objectives.score import scores
from training.engine.registry.algebra import Objective


@dataclass(frozen=True)
class Outcome:
    """What an objective says of a batch.

    Attributes:
        losses: one value per example, to be averaged, shape (B,).
        metrics: facts per example by name, shape (B,), without gradient.
        z: pairs: the scaled difference less the margin, without gradient.
    """

    losses: Tensor
    metrics: dict[str, Tensor] = field(default_factory=dict)
    z: Tensor | None = None


def objective(settings: Objective, batch: Batch, params: Params) -> Outcome:
    """Return each example's loss under a method's settings.

    Raises:
        KeyError: if the batch lacks a model or column that the settings name.
        ValueError: if the link is unknown.
    """
    found = scores(settings, batch, params)
    metrics = _facts(batch)
    z = None
    if settings.link in PAIR_LINKS:
        terms = pair_terms(settings, batch, found, params)
        losses = PAIR_LINKS[settings.link](terms, params)
        z = terms.z.detach()
        metrics |= _rewards(terms)
    elif settings.link in LIST_LINKS:
        losses = LIST_LINKS[settings.link](list_terms(batch, found), params)
    elif settings.link in POINT_LINKS:
        losses = POINT_LINKS[settings.link](found, batch, params)
    else:
        raise ValueError(f"there is no link {settings.link!r}")
    for name in settings.anchors:
        term = ANCHORS[name](batch, found, params)
        metrics[f"anchors/{name}"] = term.detach()
        losses = losses + term
    return Outcome(losses, metrics, z)


def _rewards(terms: PairTerms) -> dict[str, Tensor]:
    """Return the implied rewards, in the words that TRL logs them under."""
    chosen, rejected = terms.scaled_chosen.detach(), terms.scaled_rejected.detach()
    # Just before the first step every margin is 0, or nearly: that is no success.
    return {
        "rewards/chosen": chosen,
        "rewards/rejected": rejected,
        "rewards/margins": chosen - rejected,
        "rewards/accuracies": (chosen > rejected).to(chosen.dtype),
    }


@torch.no_grad()
def _facts(batch: Batch) -> dict[str, Tensor]:
    """Return the log-probability of the first member, and of the second of pairs."""
    total = sequence_logprobs(batch.policy, batch.mask)
    facts = {}
    if "ratio_mask" in batch.weights:
        used = (batch.weights["ratio_mask"] > 0).to(total.dtype)
        share = sequence_logprobs(used, batch.mask, norm="mean")
        facts["masks/used_share"] = batch.of(share, batch.members).mean(-1)
    if "degrees" in batch.read:
        facts["degrees/accuracy"] = degree_accuracy(batch)
    if batch.members.shape[1] != 2:
        return facts | {"logps/first": batch.of(total, batch.members[:, 0])}
    chosen = batch.of(total, batch.members[:, 0])
    rejected = batch.of(total, batch.members[:, 1])
    facts |= {"logps/chosen": chosen, "logps/rejected": rejected}
    # Ranking accuracy: not the same as the share of positive margins.
    facts["logps/ranking_accuracies"] = (chosen >= rejected).to(total.dtype)
    return facts
