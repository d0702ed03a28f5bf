"""Links of pairs: two scores to one loss."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from training.engine.objectives.batch import Batch, Params, number


@dataclass(frozen=True)
class PairTerms:
    """What a link is given of B pairs; every tensor has shape (B,).

    Attributes:
        chosen, rejected: the scores s of both sides.
        scaled_chosen, scaled_rejected: the scores times their factors.
        z: the scaled difference less the margin.
        label: probability that the chosen side is better.
    """

    chosen: Tensor
    rejected: Tensor
    scaled_chosen: Tensor
    scaled_rejected: Tensor
    z: Tensor
    label: Tensor
    batch: Batch

    @property
    def gap(self) -> Tensor:
        """The plain difference of scores, h."""
        return self.chosen - self.rejected


def logistic(terms: PairTerms, params: Params) -> Tensor:
    """-p log sig(z) - (1-p) log sig(-z). Source: Rafailov et al. 2023, eq. 7."""
    p, z = terms.label, terms.z
    return -(p * F.logsigmoid(z) + (1 - p) * F.logsigmoid(-z))


def robust(terms: PairTerms, params: Params) -> Tensor:
    """The logistic loss made unbiased under known flips.

    Source: Chowdhury et al. 2024 (provably robust DPO); TRL's trainer.
    """
    e, z = number(params, "label_smoothing"), terms.z
    clean = -(1 - e) * F.logsigmoid(z) + e * F.logsigmoid(-z)
    return clean / (1 - 2 * e)


def hinge(terms: PairTerms, params: Params) -> Tensor:
    """max(0, 1 - z). Source: Zhao et al. 2023 (SLiC); Liu et al. 2023 (RSO)."""
    return torch.relu(1 - terms.z)


def squared(terms: PairTerms, params: Params) -> Tensor:
    """(h - 1/(2 beta))^2. Source: Azar et al. 2023 (IPO), eq. 17.

    With iterates among the frozen models, beta is called eta (INPO).
    """
    name = "eta" if "eta" in params else "beta"
    return (terms.gap - 1 / (2 * number(params, name))) ** 2


def exo(terms: PairTerms, params: Params) -> Tensor:
    """KL(softmax of both scores || [1-e, e]). Source: Ji et al. 2024 (EXO), eq. 16."""
    e = torch.tensor(number(params, "label_smoothing"), dtype=terms.z.dtype)
    right, wrong = F.logsigmoid(terms.z), F.logsigmoid(-terms.z)
    return right.exp() * (right - torch.log1p(-e)) + wrong.exp() * (wrong - e.log())


def nca(terms: PairTerms, params: Params) -> Tensor:
    """Raises the chosen reward, holds both near zero. Source: Chen et al. 2024."""
    w, r = terms.scaled_chosen, terms.scaled_rejected
    return -F.logsigmoid(w) - 0.5 * F.logsigmoid(-w) - 0.5 * F.logsigmoid(-r)


def sppo_hard(terms: PairTerms, params: Params) -> Tensor:
    """Both scores to +-1/(2 beta). Source: Wu et al. 2024 (SPPO), eq. 4.7, hard."""
    half = 0.5 / number(params, "beta")
    return (terms.chosen - half) ** 2 + (terms.rejected + half) ** 2


def apo_zero(terms: PairTerms, params: Params) -> Tensor:
    """Chosen up, rejected down. Source: D'Oosterlinck et al. 2024, eq. 7."""
    return 1 - torch.sigmoid(terms.scaled_chosen) + torch.sigmoid(terms.scaled_rejected)


def apo_down(terms: PairTerms, params: Params) -> Tensor:
    """Both down, the rejected further. Source: D'Oosterlinck et al. 2024, eq. 8."""
    return (
        torch.sigmoid(terms.scaled_chosen)
        + 1
        - torch.sigmoid(terms.scaled_chosen - terms.scaled_rejected)
    )


def discopop(terms: PairTerms, params: Params) -> Tensor:
    """Log-ratio modulated loss. Source: Lu et al. 2024 (DiscoPOP), eq. 5."""
    z = terms.z
    mixed = torch.sigmoid(z / number(params, "discopop_tau"))
    return -F.logsigmoid(z) * (1 - mixed) + torch.exp(-z) * mixed


def odds(terms: PairTerms, params: Params) -> Tensor:
    """-beta log sig of the log odds ratio of mean-token probabilities.

    Source: Hong et al. 2024 (ORPO), eqs. 4 and 7.
    """
    ratio = terms.gap - (log1mexp(terms.chosen) - log1mexp(terms.rejected))
    return -number(params, "beta") * F.logsigmoid(ratio)


def reward_gap(terms: PairTerms, params: Params) -> Tensor:
    """(1/(2 beta)) (R_w - R_l - beta h)^2. Source: Flet-Berliac et al. 2024 (CoPG)."""
    beta = number(params, "beta")
    rewards = terms.batch.column("values")
    return (rewards[:, 0] - rewards[:, 1] - beta * terms.gap) ** 2 / (2 * beta)


def log1mexp(x: Tensor) -> Tensor:
    """Return log(1 - exp(x)) for x < 0, exact near both ends."""
    x = x.clamp(max=-torch.finfo(x.dtype).tiny)
    near = torch.log(-torch.expm1(x))
    far = torch.log1p(-torch.exp(x.clamp(max=-0.5)))
    return torch.where(x > -0.6931, near, far)


PairLink = Callable[[PairTerms, Params], Tensor]

PAIR_LINKS: dict[str, PairLink] = {
    "logistic": logistic,
    "robust": robust,
    "hinge": hinge,
    "squared": squared,
    "exo": exo,
    "nca": nca,
    "sppo_hard": sppo_hard,
    "apo_zero": apo_zero,
    "apo_down": apo_down,
    "discopop": discopop,
    "odds": odds,
    "reward_gap": reward_gap,
}
