"""From scores to advantages: where the score stands, and how credit flows back."""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor

from training.engine.ppo.masked import whiten

ScorePlace = Literal["last", "after_end"]


def positions(lengths: Tensor, width: int) -> Tensor:
    """Return a (B, width) mask that is True on each row's first ``lengths`` places."""
    return torch.arange(width, device=lengths.device)[None, :] < lengths[:, None]


def state_mask(lengths: Tensor, width: int, place: ScorePlace) -> Tensor:
    """Return which states have a value: one a token, and perhaps the one after them.

    With ``after_end`` the state behind a completion's last token counts as well, if
    there is room for it.

    Args:
        lengths: tokens of each completion, shape (B,).
    """
    return positions(lengths + (place == "after_end"), width)


def token_rewards(
    scores: Tensor, penalties: Tensor, lengths: Tensor, place: ScorePlace
) -> Tensor:
    """Return per-token rewards (B, T): penalties everywhere, the score at the end.

    Args:
        scores: one a completion, shape (B,).
        penalties: what every token gets, such as -kl_coef * KL; 0 on padding, (B, T).
        lengths: tokens of each completion, at least 1, shape (B,).
        place: ``last``: on the last token; ``after_end``: on the place behind it, or
            on the last token where a row fills the whole width.

    Source: Huang et al. 2024, detail on score placement.
    """
    width = penalties.shape[1]
    last = lengths - 1
    if place == "after_end":
        last = torch.where(lengths < width, lengths, last)
    rewards = penalties.clone()
    rewards[torch.arange(len(scores), device=scores.device), last] += scores
    return rewards


def gae(
    rewards: Tensor, values: Tensor, mask: Tensor, *, discount: float, trace: float
) -> tuple[Tensor, Tensor]:
    """Return generalised advantage estimates and the returns they imply, both (B, T).

    Places where ``mask`` is False are passed over: credit flows from the next counted
    place to the one before, so padding and the turns of others change nothing. Their
    own rewards are ignored.

    Args:
        rewards, values: shape (B, T); values[:, t] is the value before token t.
        mask: True on states that count, (B, T).
        discount: gamma.
        trace: lambda; 0 gives one-step errors, 1 the whole return minus the value.

    Source: Schulman et al. 2016, eq. 16.
    """
    rewards, values = rewards * mask, values * mask
    advantages = torch.zeros_like(rewards)
    carried = torch.zeros_like(rewards[:, 0])
    following = torch.zeros_like(carried)
    for t in reversed(range(rewards.shape[1])):
        here = mask[:, t]
        error = rewards[:, t] + discount * following - values[:, t]
        carried = torch.where(here, error + discount * trace * carried, carried)
        following = torch.where(here, values[:, t], following)
        advantages[:, t] = carried
    advantages = advantages * mask
    return advantages, advantages + values


def advantages_and_returns(
    rewards: Tensor,
    values: Tensor,
    *,
    tokens: Tensor,
    states: Tensor,
    discount: float,
    trace: float,
    whiten_rewards: bool,
    whiten_advantages: bool,
) -> tuple[Tensor, Tensor]:
    """Return the advantages of tokens and the returns of states, (B, T) each.

    Args:
        tokens: True on completion tokens.
        states: True where a value counts; includes ``tokens``.
    """
    if whiten_rewards:
        rewards = whiten(rewards, states, shift_mean=False)
    advantages, returns = gae(rewards, values, states, discount=discount, trace=trace)
    if whiten_advantages:
        advantages = whiten(advantages, tokens)
    return advantages * tokens, returns
