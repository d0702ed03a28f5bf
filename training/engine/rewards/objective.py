"""A reward model's loss on a batch: from components to one number an example."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import fields, replace

import torch
import torch.nn.functional as F
from torch import Tensor

from training.engine.registry.rewards_algebra import Loss
from training.engine.rewards import list_losses, mixtures, pair_losses, value_losses
from training.engine.rewards.contrast import contrastive_loss
from training.engine.rewards.heads import (
    Features,
    LatentHead,
    LinearHead,
    Output,
    skew_score,
)
from training.engine.rewards.model import RewardModel
from training.engine.rewards.terms import Params, RewardBatch, Terms


def logistic(terms: Terms, params: Params) -> Tensor:
    """-p log sig(D - m) - (1-p) log sig(m - D). Source: Ouyang et al. 2022, eq. 1."""
    return pair_losses.smoothed_loss(terms.gap(), terms.label, 0.0)


def smoothed(terms: Terms, params: Params) -> Tensor:
    """Cross-entropy against smoothed labels. Source: Wang et al. 2024."""
    return pair_losses.smoothed_loss(
        terms.gap(), terms.label, float(params["label_smoothing"])
    )


def robust(terms: Terms, params: Params) -> Tensor:
    """Unbiased under flips. Source: Chowdhury et al. 2024, for rewards."""
    return pair_losses.robust_loss(
        terms.gap(), terms.label, float(params["label_smoothing"])
    )


def _ties(terms: Terms) -> tuple[Tensor, LinearHead]:
    head = terms.model.head
    assert isinstance(head, LinearHead)
    return terms.gap(), head


def rao_kupper(terms: Terms, params: Params) -> Tensor:
    """Three outcomes. Source: Rao and Kupper 1967."""
    gap, head = _ties(terms)
    found = pair_losses.rao_kupper_log_probs(gap, head.tie_width)
    return pair_losses.tie_loss(found, terms.label)


def davidson(terms: Terms, params: Params) -> Tensor:
    """Three outcomes. Source: Davidson 1970."""
    gap, head = _ties(terms)
    found = pair_losses.davidson_log_probs(gap, head.tie_width)
    return pair_losses.tie_loss(found, terms.label)


def anchored(terms: Terms, params: Params) -> Tensor:
    """Bradley-Terry, and right above zero, wrong below. Source: Yuan et al. 2024."""
    chosen, rejected = terms.scores()
    weight = float(params["anchor_weight"])
    return pair_losses.sign_anchored_loss(chosen, rejected, terms.label, weight)


def cost(terms: Terms, params: Params) -> Tensor:
    """Costs, the safer side chosen, zero between safe and unsafe. Source: HC-RLHF."""
    costs = terms.output.values[:, 0]
    columns = terms.batch.columns
    return pair_losses.cost_loss(
        terms.side(costs, 1),
        terms.side(costs, 0),
        2 * columns["rejected_unsafe"] - 1,
        2 * columns["chosen_unsafe"] - 1,
    )


def bootstrap(terms: Terms, params: Params) -> Tensor:
    """Every member of the ensemble on its own resample of the rows.

    Source: Coste et al. 2024 (members that differ); Efron 1979 (the resample).
    """
    gaps, label = terms.gaps(), terms.label[:, None]
    losses = pair_losses.smoothed_loss(gaps, label, 0.0)
    return (losses * terms.batch.columns["draws"]).mean(-1)


def contrastive(terms: Terms, params: Params) -> Tensor:
    """Bradley-Terry, and each pair told apart from the others under other dropout.

    Source: Wang et al. 2024, Secrets of RLHF Part II (SimCSE on differences).
    """
    one, other = (
        found.side(found.features.last, 0) - found.side(found.features.last, 1)
        for found in (terms, terms_of(terms.model, terms.batch))
    )
    alike = contrastive_loss(one, other, float(params["contrast_temperature"]))
    return logistic(terms, params) + float(params["contrast_weight"]) * alike


def balanced(terms: Terms, params: Params) -> Tensor:
    """Domains weighed so that their gradients' combination is shortest. Source: MORE.

    Only the head's gradients are compared, with momentum, at length one.
    """
    head = terms.model.head
    assert isinstance(head, LinearHead)
    domains = terms.batch.columns["named"].long()
    losses = pair_losses.smoothed_loss(terms.gap(), terms.label, 0.0)
    states = terms.features.last.detach()
    difference = terms.side(states, 0) - terms.side(states, 1)
    with torch.no_grad():
        gap = difference @ head.linear.weight[0]
        slope = torch.sigmoid(gap) - terms.label  # of -log-likelihood by the gap
        here = domains.unique()
        keep = float(params["momentum"])
        for domain in here.tolist():
            rows = domains == domain
            found = (slope[rows, None] * difference[rows]).mean(0)
            old = head.momentum[domain]
            head.momentum[domain] = keep * found + (1 - keep) * old
        directions = F.normalize(head.momentum[here], dim=-1)
        share = mixtures.least_norm_weights(directions)
    weight = torch.zeros(len(head.momentum), device=losses.device)
    weight[here] = share
    count = torch.bincount(domains, minlength=len(weight)).clamp(min=1)
    # The mean over examples is then n sum_i w_i L_i, with L_i a domain's mean loss.
    factor = len(here) * weight * len(losses) / count
    return losses * factor[domains]


def mixture(terms: Terms, params: Params) -> Tensor:
    """-log sum_k f_k sig(D_k), or the router alone. Source: Shen et al. 2025."""
    assert terms.output.log_weights is not None
    log_weights = terms.side(terms.output.log_weights, 0)
    gaps = terms.gaps()
    if not params.get("router_only"):
        return mixtures.mixture_loss(gaps, log_weights, float(params["entropy"]))
    losses = pair_losses.smoothed_loss(gaps, terms.label[:, None], 0.0).detach()
    temperature = float(params["router_temperature"])
    target = mixtures.routed_target(log_weights.detach(), losses, temperature)
    return -(target * log_weights).sum(-1)


def membership(terms: Terms, params: Params) -> Tensor:
    """Each annotator's pairs go to the head that explains that annotator best.

    A table of every annotator's log-likelihoods is kept along the way; old entries
    fade, so it follows the heads. Source: Chakraborty et al. 2024 (MaxMin-RLHF).
    """
    head = terms.model.head
    assert isinstance(head, LinearHead)
    users = terms.batch.columns["named"].long()
    gaps = terms.gaps()
    losses = pair_losses.smoothed_loss(gaps, terms.label[:, None], 0.0)
    with torch.no_grad():
        seen = users.unique()
        head.totals[seen] *= float(params["memory"])
        head.totals.index_add_(0, users, -losses.to(head.totals.dtype))
        shares = mixtures.assigned(head.totals[users], hard=bool(params["hard"]))
    return (shares * losses).sum(-1)


def skew(terms: Terms, params: Params) -> Tensor:
    """-p log sig(S/t) - (1-p) log sig(-S/t). Source: Zhang et al. 2024 (GPM)."""
    output = terms.output
    assert output.vectors is not None and output.blocks is not None
    found = skew_score(
        terms.side(output.vectors, 0),
        terms.side(output.vectors, 1),
        terms.side(output.blocks, 0),
    )
    gap = found / terms.model.description.temperature
    return pair_losses.smoothed_loss(gap, terms.label, 0.0)


def elbo(terms: Terms, params: Params) -> Tensor:
    """-log sig(D) under a drawn latent, and its distance from the prior.

    Source: Poddar et al. 2024 (VPL), the authors' code.
    """
    head, states = terms.model.head, terms.features.last
    assert isinstance(head, LatentHead)
    members = terms.batch.members
    others, rest = members[:, 2::2], members[:, 3::2]
    mean, log_variance = head.infer(
        states[others.clamp(min=0)], states[rest.clamp(min=0)], others >= 0
    )
    latent = mean
    if terms.model.training:
        noise = torch.randn_like(mean)
        latent = mean + torch.exp(0.5 * log_variance) * noise
    scores = [
        head(Features(terms.side(states, place), latent=latent)).values[:, 0]
        for place in (0, 1)
    ]
    pair = pair_losses.smoothed_loss(scores[0] - scores[1], terms.label, 0.0)
    weight = float(params["kl_weight"])
    weight *= mixtures.annealed(terms.batch.step, float(params["kl_period"]), 0.1)
    return pair + weight * mixtures.gaussian_kl(mean, log_variance)


def plackett_luce(terms: Terms, params: Params) -> Tensor:
    """Lists in order, ties by Efron. Source: Plackett 1975."""
    return list_losses.plackett_luce_loss(*terms.listed())


def ranked(terms: Terms, params: Params) -> Tensor:
    """All pairs of a list by what their order is worth. Source: LiPO."""
    return list_losses.lambda_loss(*terms.listed())


def squared(terms: Terms, params: Params) -> Tensor:
    """Attributes by squared error. Source: Wang et al. 2024 (HelpSteer2)."""
    found = terms.side(terms.output.values, 0)
    return value_losses.masked_squared_error(found, terms.batch.columns["values"])


def unary(terms: Terms, params: Params) -> Tensor:
    """Log-odds of a reaction. Source: RLUF."""
    # What shifts the rate of reactions is added in use, not in training.
    scores = terms.side(terms.output.values[:, 0], 0)
    return value_losses.unary_loss(scores, terms.batch.columns["label"])


def td(terms: Terms, params: Params) -> Tensor:
    """Values of prefixes by TD(lambda). Source: Han et al. 2024 (VAS)."""
    assert terms.output.tokens is not None
    values = terms.side(terms.output.tokens, 0)[..., 0]  # (B, T)
    first = terms.side(terms.batch.prompts, 0) - 1
    last = terms.side(terms.batch.mask.sum(1), 0) - 1
    reward = terms.batch.columns["value"]
    trace = float(params["trace"])
    return value_losses.td_loss(values, first.clamp(min=0), last, reward, trace)


def segments(terms: Terms, params: Params) -> Tensor:
    """Cross-entropy at the ends of judged segments. Source: Wu et al. 2023."""
    assert terms.output.tokens is not None
    labels = terms.batch.columns["token_labels"].long()
    logits = terms.side(terms.output.tokens, 0)
    return value_losses.token_loss(logits[:, : labels.shape[1]], labels)


def answer(terms: Terms, params: Params) -> Tensor:
    """Cross-entropy of the answer token, over the whole vocabulary. Source: RLBFF."""
    assert terms.output.answers is not None
    found = terms.side(terms.output.answers, 0)
    label = terms.batch.columns["label"]
    return -(label * found[:, 0] + (1 - label) * found[:, 1])


LOSSES: Mapping[Loss, Callable[[Terms, Params], Tensor]] = {
    "logistic": logistic,
    "smoothed": smoothed,
    "robust": robust,
    "rao_kupper": rao_kupper,
    "davidson": davidson,
    "anchored": anchored,
    "cost": cost,
    "bootstrap": bootstrap,
    "balanced": balanced,
    "contrastive": contrastive,
    "mixture": mixture,
    "membership": membership,
    "skew": skew,
    "elbo": elbo,
    "plackett_luce": plackett_luce,
    "lambda": ranked,
    "squared": squared,
    "unary": unary,
    "td": td,
    "segments": segments,
    "answer": answer,
}


def terms_of(model: RewardModel, batch: RewardBatch) -> Terms:
    """Return what the model says of a batch, ready for its loss."""
    named = batch.columns.get("named")
    users = None
    if named is not None and model.description.head == "ideal_point":
        # A text that two users compared is read for the last of them; the collator
        # keeps such texts apart.
        users = torch.full_like(batch.prompts, -1)
        for place in range(batch.members.shape[1]):
            users[batch.members[:, place]] = named.long()
    features = model.features(
        batch.ids,
        batch.mask,
        batch.prompts,
        ends=batch.ends,
        users=users,
        numbers=_numbers(batch),
        layout=batch.layout,
    )
    return Terms(model, batch, features, in_float32(model.head(features)))


def in_float32(output: Output) -> Output:
    """Return the same numbers in float32 at least, as losses are computed."""
    told = {
        field.name: value.float()
        for field in fields(output)
        if isinstance(value := getattr(output, field.name), Tensor)
        and value.dtype in (torch.bfloat16, torch.float16)
    }
    return replace(output, **told)


def _numbers(batch: RewardBatch) -> Tensor | None:
    """Return what was rated of both sides of pairs, by sequence, (U, F)."""
    if "chosen_factors" not in batch.columns:
        return None
    sides = [
        batch.columns[f"{side}_factors"].float() for side in ("chosen", "rejected")
    ]
    found = sides[0].new_zeros(len(batch.ids), sides[0].shape[1])
    for place, values in enumerate(sides):
        found[batch.members[:, place]] = values
    return found


def reward_loss(
    model: RewardModel, batch: RewardBatch, params: Params
) -> tuple[Tensor, dict[str, Tensor]]:
    """Return each example's loss under the model's method, in nats, and facts, (B,).

    Adds ``c (r_c + r_r)^2`` to pairs where that setting is on.
    """
    terms = terms_of(model, batch)
    found = LOSSES[model.description.loss](terms, params)
    centre = params.get("center_rewards_coefficient")
    if centre:
        chosen, rejected = terms.scores()
        found = found + float(centre) * (chosen + rejected) ** 2
    return found, _facts(terms)


@torch.no_grad()
def _facts(terms: Terms) -> dict[str, Tensor]:
    """Return what a pair's scores say, in the words that TRL logs them under."""
    told = terms.model.description
    if "soft_label" not in terms.batch.columns or told.head in ("skew", "latent"):
        return {}
    chosen, rejected = terms.scores()
    return {
        "rewards/mean": (chosen + rejected) / 2,
        "rewards/margins": chosen - rejected,
        "rewards/accuracies": (chosen > rejected).to(chosen.dtype),
    }
