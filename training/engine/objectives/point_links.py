"""Links of single completions: one score to one loss."""

from __future__ import annotations

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor

from training.engine import processes
from training.engine.objectives.batch import Batch, Params, number

PointLink = Callable[[Tensor, Batch, Params], Tensor]


def nll(scores: Tensor, batch: Batch, params: Params) -> Tensor:
    """Minus the score of each example's first member."""
    return -batch.of(scores, batch.members[:, 0])


def teacher_logistic(scores: Tensor, batch: Batch, params: Params) -> Tensor:
    """-log sig(r - rbar): more likely than aligned teachers find it.

    Source: Fan et al. 2024 (PoFT).
    """
    return -F.logsigmoid(batch.of(scores, batch.members[:, 0]))


def kto(scores: Tensor, batch: Batch, params: Params) -> Tensor:
    """1 - sig(+-beta (s - z0)); z0 is the mean score of mismatched completions.

    Source: Ethayarajh et al. 2024 (KTO), eq. 7; mismatched as in TRL's trainer.
    """
    found = batch.of(scores, batch.members[:, 0])
    baseline = mismatch_baseline(scores, batch)
    good = batch.column("label") > 0.5
    beta = number(params, "beta")
    value = torch.sigmoid(torch.where(good, 1.0, -1.0) * beta * (found - baseline))
    weight = torch.where(
        good, number(params, "desirable_weight"), number(params, "undesirable_weight")
    )
    return weight * (1 - value)


def mismatch_baseline(scores: Tensor, batch: Batch) -> Tensor:
    """Return z0, the batch's mean score of completions of other prompts, at least 0.

    Several processes take the mean over the batches of all, as TRL's trainer does.
    """
    index = batch.extras["mismatched"]
    found = scores.detach()[index[index >= 0]]
    total = processes.across(torch.stack([found.sum(), found.new_tensor(len(found))]))
    return (total[0] / total[1].clamp(min=1)).clamp(min=0)


def win_rate_target(scores: Tensor, batch: Batch, params: Params) -> Tensor:
    """The mean over an example's members of (s - (P - 1/2)/beta)^2.

    Source: Wu et al. 2024 (SPPO), eq. 4.7 and the authors' trainer, which for pairs is
    half the sum.
    """
    return _regress(scores, batch, (batch.column("values") - 0.5), params)


def value_target(scores: Tensor, batch: Batch, params: Params) -> Tensor:
    """The mean over an example's members of (s - v/beta)^2.

    Source: Zhang et al. 2024 (GPO), the authors' pipeline.
    """
    return _regress(scores, batch, batch.column("values"), params)


def _regress(scores: Tensor, batch: Batch, values: Tensor, params: Params) -> Tensor:
    present = batch.members >= 0
    error = batch.of(scores, batch.members) - values / number(params, "beta")
    squares = torch.where(present, error**2, torch.zeros_like(error))
    return squares.sum(-1) / present.sum(-1).clamp(min=1)


POINT_LINKS: dict[str, PointLink] = {
    "nll": nll,
    "teacher_logistic": teacher_logistic,
    "kto": kto,
    "win_rate_target": win_rate_target,
    "value_target": value_target,
}
