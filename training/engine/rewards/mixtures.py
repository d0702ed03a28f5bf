"""Losses of several hidden opinions: mixtures, routers, and who holds which."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor


def mixture_loss(gaps: Tensor, log_weights: Tensor, entropy: float) -> Tensor:
    """Return -log sum_k f_k sig(D_k) + c sum_k f_k log f_k, (B,), in nats.

    Args:
        gaps: score difference under each head, shape (B, K).
        log_weights: log of the router's weights f, shape (B, K).
        entropy: c, which pushes the router towards using all heads.

    Source: Shen et al. 2025, MiCRo: Mixture Modeling and Context-aware Routing for
    Personalized Preference Learning, stage 1.
    """
    likelihood = torch.logsumexp(log_weights + F.logsigmoid(gaps), -1)
    uniform = (log_weights.exp() * log_weights).sum(-1)
    return -likelihood + entropy * uniform


def routed_target(log_weights: Tensor, losses: Tensor, temperature: float) -> Tensor:
    """Return the weights a router should have had, in proportion f exp(-L/tau), (B, K).

    They minimise ``sum_k w_k L_k + tau KL(w || f)`` over the simplex.

    Args:
        log_weights: log f, shape (B, K).
        losses: L, each head's loss on the row, shape (B, K).

    Source: Shen et al. 2025, MiCRo, stage 2 (the update of Hedge).
    """
    return torch.softmax(log_weights - losses / temperature, -1)


def responsibilities(
    losses: Tensor,
    users: Tensor,
    count: int,
    *,
    hard: bool,
    prior: Tensor | None = None,
) -> Tensor:
    """Return how far each user belongs to each head, (count, K); rows sum to 1.

    Args:
        losses: every pair's loss under each head, shape (N, K).
        users: whose pair it is, shape (N,).
        count: how many users there are.
        hard: True assigns every user to one head.
        prior: log of the heads' shares, shape (K,); None means equal.

    Source: Chakraborty et al. 2024, MaxMin-RLHF, algorithm 2 (hard, from a citing
    paper); soft: Dempster et al. 1977.
    """
    totals = losses.new_zeros(count, losses.shape[1])
    totals.index_add_(0, users, -losses.detach())
    return assigned(totals if prior is None else totals + prior, hard=hard)


def assigned(totals: Tensor, *, hard: bool) -> Tensor:
    """Return memberships from users' summed log-likelihoods, both (U, K)."""
    if hard:
        return F.one_hot(totals.argmax(-1), totals.shape[1]).to(totals.dtype)
    return torch.softmax(totals, -1)


def gaussian_kl(mean: Tensor, log_variance: Tensor) -> Tensor:
    """Return KL(N(mean, exp(log_variance)) || N(0, 1)) of each row, in nats, (B,).

    Source: Kingma and Welling 2014, appendix B.
    """
    return 0.5 * (mean**2 + log_variance.exp() - 1 - log_variance).sum(-1)


def annealed(step: int, period: float, floor: float) -> float:
    """Return a weight that rises from floor to 1 on a cosine, again every period.

    Source: Poddar et al. 2024 (VPL), the authors' code.
    """
    risen = 0.5 * (1 - math.cos(math.pi * (step % period) / period))
    return floor + (1 - floor) * risen


def least_norm_weights(gradients: Tensor, steps: int = 500) -> Tensor:
    """Return the weights on the simplex that make ``||sum_i w_i g_i||`` least, (n,).

    By Frank-Wolfe with exact steps. The combination g* has
    ``<g*, g_i> >= ||g*||^2`` for every i: no domain is made worse.

    Args:
        gradients: shape (n, H).

    Source: Desideri 2012; Sener and Koltun 2018, algorithm 2; used for rewards by
    MORE.
    """
    gram = (gradients @ gradients.T).double()
    weights = torch.full_like(gram[0], 1 / len(gram))
    for _ in range(steps):
        slope = gram @ weights
        corner = int(slope.argmin())
        now = weights @ slope
        gain = now - slope[corner]
        if gain <= 1e-12 * gram.diagonal().max():
            break
        curve = now - 2 * slope[corner] + gram[corner, corner]
        step = (gain / curve).clamp(max=1.0)
        weights = (1 - step) * weights
        weights[corner] += step
    return weights.to(gradients.dtype)
