"""The tie to the reference: estimators of the KL divergence, and its coefficient."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

Estimator = Literal["k1", "k2", "k3"]
ESTIMATORS: tuple[Estimator, ...] = ("k1", "k2", "k3")


def kl_estimate(logprobs: Tensor, reference: Tensor, estimator: Estimator) -> Tensor:
    """Return each token's estimate of KL(policy || reference), in nats.

    With log r = reference - logprobs of tokens that the policy drew: k1 = -log r,
    k2 = (log r)^2 / 2, k3 = r - 1 - log r. k1 and k3 are unbiased, k2 and k3 are
    never negative.

    Args:
        logprobs, reference: log-probabilities of the drawn tokens, shape (B, T).

    Source: Schulman 2020, Approximating KL Divergence.
    """
    log_ratio = reference - logprobs
    if estimator == "k1":
        return -log_ratio
    if estimator == "k2":
        return log_ratio**2 / 2
    return torch.expm1(log_ratio) - log_ratio


def kl_loss(logprobs: Tensor, reference: Tensor, estimator: Estimator) -> Tensor:
    """Return a per-token loss whose expected gradient is that of KL(policy||reference).

    Differentiating k1 gives zero in expectation, and differentiating k3 gives the
    gradient of the divergence the other way round. So k2 is differentiated here, and
    k3 lends its value alone. Holds for tokens drawn from the policy itself, and for
    others once they are weighed by their probability ratio; token by token: unlike a
    penalty in the reward it does not see that a token also changes what later tokens
    cost. So weighed, the gradient is that of the ratio times k3, as TRL has it.

    Args:
        logprobs: with gradient, shape (B, T).
        reference: without gradient, shape (B, T).

    Raises:
        ValueError: for k1, which cannot be a loss.
    """
    if estimator == "k1":
        raise ValueError("expected k2 or k3 in the loss; k1 has no gradient on average")
    k2 = kl_estimate(logprobs, reference, "k2")
    if estimator == "k2":
        return k2
    k3 = kl_estimate(logprobs, reference, "k3")
    return k2 + (k3 - k2).detach()


@dataclass
class KLController:
    """The coefficient of the KL penalty: fixed, or steered towards a target.

    After each update with mean sequence KL d over n completions, an adaptive one moves
    to coef * (1 + clip(d / target - 1, -0.2, 0.2) * n / horizon). An update of more
    completions than the horizon counts as one horizon: five of them at once would
    turn the penalty into a reward.

    Attributes:
        value: the coefficient now.
        target: nats a completion to steer to; None keeps the coefficient.
        horizon: completions over which a full error changes the coefficient by 20%.

    Source: Ziegler et al. 2019, section 2.2.
    """

    value: float
    target: float | None = None
    horizon: float = 10000.0

    def observe(self, kl: float, completions: int) -> None:
        """Take an update's mean KL into account."""
        if self.target is None:
            return
        error = min(max(kl / self.target - 1, -0.2), 0.2)
        self.value *= 1 + error * min(completions / self.horizon, 1)
