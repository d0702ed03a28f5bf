"""Bradley-Terry: scores to probabilities and losses."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor


def bradley_terry_probability(score_a: Tensor, score_b: Tensor) -> Tensor:
    """Return the probability that a is preferred to b.

    Args:
        score_a: reward-model scores, shape (B,).
        score_b: scores of the other completions, shape (B,).

    Raises:
        ValueError: if the shapes differ.

    Source: Bradley and Terry 1952; Ouyang et al. 2022, section 3.5.
    """
    _same_shape(score_a, score_b)
    return torch.sigmoid(score_a - score_b)


def bradley_terry_loss(
    chosen_rewards: Tensor,
    rejected_rewards: Tensor,
    margin: Tensor | None = None,
) -> Tensor:
    """Return each pair's negative log-likelihood, in nats.

    Args:
        chosen_rewards: reward-model scores, shape (B,).
        rejected_rewards: scores for the same prompts, shape (B,).
        margin: score difference asked for, shape (B,); None means zero.

    Raises:
        ValueError: if the shapes differ.

    Source: Ouyang et al. 2022, eq. 1; margin: Touvron et al. 2023, eq. 2.
    """
    _same_shape(chosen_rewards, rejected_rewards)
    gap = chosen_rewards - rejected_rewards
    if margin is not None:
        _same_shape(gap, margin)
        gap = gap - margin
    return -F.logsigmoid(gap)


def soft_bradley_terry_loss(
    chosen_rewards: Tensor,
    rejected_rewards: Tensor,
    soft_label: Tensor,
    margin: Tensor | None = None,
) -> Tensor:
    """Return each pair's cross-entropy with a label between 0 and 1, in nats.

    Equal to the plain loss where the label is 1; least where the predicted
    probability is the label.

    Args:
        chosen_rewards: reward-model scores, shape (B,).
        rejected_rewards: scores for the same prompts, shape (B,).
        soft_label: probability that the chosen side is better, shape (B,).
        margin: score difference asked for, shape (B,); None means zero.

    Raises:
        ValueError: if the shapes differ.

    Source: Bradley and Terry 1952, the likelihood of repeated comparisons.
    """
    _same_shape(chosen_rewards, soft_label)
    right = bradley_terry_loss(chosen_rewards, rejected_rewards, margin)
    wrong = bradley_terry_loss(
        rejected_rewards, chosen_rewards, None if margin is None else -margin
    )
    return soft_label * right + (1 - soft_label) * wrong


def centring_penalty(chosen_rewards: Tensor, rejected_rewards: Tensor) -> Tensor:
    """Return each pair's squared sum of scores, shape (B,), which pulls them to zero.

    Source: Eisenstein et al. 2023, Helping or Herding?, section 3.
    """
    _same_shape(chosen_rewards, rejected_rewards)
    return (chosen_rewards + rejected_rewards) ** 2


def _same_shape(one: Tensor, other: Tensor) -> None:
    if one.shape != other.shape:
        raise ValueError(
            f"expected equal shapes, found {tuple(one.shape)} and {tuple(other.shape)}"
        )
