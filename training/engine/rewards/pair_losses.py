"""Losses of two scores: robust, smoothed, with ties, and anchored in sign."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor


def smoothed_loss(gap: Tensor, label: Tensor, smoothing: float) -> Tensor:
    """Return cross-entropy against a label pulled towards its opposite, (B,), in nats.

    Args:
        gap: chosen score less rejected score, shape (B,).
        label: probability that the chosen side is better, shape (B,).
        smoothing: the assumed share of wrong labels, e.

    Source: Wang et al. 2024, Secrets of RLHF in Large Language Models Part II,
    label smoothing.
    """
    target = (1 - smoothing) * label + smoothing * (1 - label)
    return -(target * F.logsigmoid(gap) + (1 - target) * F.logsigmoid(-gap))


def robust_loss(gap: Tensor, label: Tensor, flips: float) -> Tensor:
    """Return a loss whose mean under flipped labels is the clean loss, (B,), in nats.

    ``[(1-e) l(D) - e l(-D)] / (1-2e)`` with ``l = -log sig``; unbounded below.

    Args:
        flips: the known share of flipped labels, e < 1/2.

    Raises:
        ValueError: if ``flips`` is not below one half.

    Source: Chowdhury et al. 2024, Provably Robust DPO, for rewards in place of ratios.
    """
    if not 0 <= flips < 0.5:
        raise ValueError(f"expected flips in [0, 0.5), found {flips}")
    right, wrong = -F.logsigmoid(gap), -F.logsigmoid(-gap)
    as_said = ((1 - flips) * right - flips * wrong) / (1 - 2 * flips)
    turned = ((1 - flips) * wrong - flips * right) / (1 - 2 * flips)
    return label * as_said + (1 - label) * turned


def rao_kupper_log_probs(gap: Tensor, width: Tensor) -> Tensor:
    """Return log P(first wins), log P(second wins), log P(tie), (B, 3).

    ``P(a > b) = sig(D - w)``, ``P(tie) = (e^2w - 1) sig(D - w) sig(-D - w)``.

    Args:
        gap: score difference D, shape (B,).
        width: w = log theta > 0, how near scores must be to tie; a scalar.

    Source: Rao and Kupper 1967, Ties in Paired-Comparison Experiments, eqs. 2.2-2.3.
    """
    first, second = F.logsigmoid(gap - width), F.logsigmoid(-gap - width)
    tie = first + second + torch.log(torch.expm1(2 * width))
    return torch.stack([first, second, tie], -1)


def davidson_log_probs(gap: Tensor, width: Tensor) -> Tensor:
    """Return log P(first wins), log P(second wins), log P(tie), (B, 3).

    A softmax over ``D/2``, ``-D/2`` and ``log v``.

    Args:
        width: v > 0, the weight of a tie; a scalar.

    Source: Davidson 1970, On Extending the Bradley-Terry Model to Accommodate Ties,
    eq. 2.3.
    """
    tie = torch.log(width).expand_as(gap)
    return torch.log_softmax(torch.stack([gap / 2, -gap / 2, tie], -1), -1)


def tie_loss(log_probs: Tensor, label: Tensor) -> Tensor:
    """Return the negative log-likelihood of three outcomes, (B,), in nats.

    Args:
        log_probs: of first, second and tie, shape (B, 3).
        label: 1/2 says a tie; any other value is the share of votes for the first.
    """
    tie = (label == 0.5).to(log_probs.dtype)
    shares = torch.stack([(1 - tie) * label, (1 - tie) * (1 - label), tie], -1)
    return -(shares * log_probs).sum(-1)


def sign_anchored_loss(
    chosen: Tensor, rejected: Tensor, label: Tensor, weight: float
) -> Tensor:
    """Return -log sig(D) - w [log sig(r_c) + log sig(-r_r)], (B,), in nats.

    The anchors make zero the border between right and wrong; for tasks with true
    answers alone.

    Args:
        chosen, rejected: scores, shape (B,).
        label: probability that the chosen side is better; the anchors follow it.

    Source: Yuan et al. 2024, Advancing LLM Reasoning Generalists with Preference
    Trees (Eurus), section 3.2.
    """
    gap = chosen - rejected
    pair = -(label * F.logsigmoid(gap) + (1 - label) * F.logsigmoid(-gap))
    as_said = F.logsigmoid(chosen) + F.logsigmoid(-rejected)
    turned = F.logsigmoid(-chosen) + F.logsigmoid(rejected)
    return pair - weight * (label * as_said + (1 - label) * turned)


def cost_loss(
    unsafer: Tensor, safer: Tensor, unsafer_sign: Tensor, safer_sign: Tensor
) -> Tensor:
    """Return -log sig(c_u - c_s) - log sig(sgn_u c_u) - log sig(sgn_s c_s), (B,).

    Args:
        unsafer, safer: costs of the two sides, shape (B,).
        unsafer_sign, safer_sign: +1 where the side is unsafe, -1 where it is safe.

    Source: HC-RLHF, the authors' code; Dai et al. 2024, Safe RLHF, eq. 6.
    """
    pair = -F.logsigmoid(unsafer - safer)
    signs = F.logsigmoid(unsafer_sign * unsafer) + F.logsigmoid(safer_sign * safer)
    return pair - signs
