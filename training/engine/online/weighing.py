"""From scores to advantages with a critic: shaping, KL in the reward, GAE."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from training.engine.online.scored import Scored
from training.engine.ppo.experience import Experience
from training.engine.ppo.gae import (
    ScorePlace,
    advantages_and_returns,
    state_mask,
    token_rewards,
)
from training.engine.ppo.kl import Estimator, kl_estimate
from training.engine.ppo.masked import masked_mean, of_all_processes
from training.engine.ppo.shaping import (
    MissingEnd,
    clip_scores,
    length_penalty,
    penalise_missing_end,
)

KLPlace = Literal["reward", "loss"]


@dataclass(frozen=True)
class Shaping:
    """What happens to a completion's score before it becomes a reward.

    Attributes:
        clip: bound of the moved and scaled score; None for none.
        missing_end: taken off where the model did not end its completion; or None.
        missing_end_how: whether it is taken off, or takes the score's place.
        length_free: tokens that cost nothing.
        length_penalty: what each further token costs.
    """

    clip: float | None = None
    missing_end: float | None = None
    missing_end_how: MissingEnd = "subtract"
    length_free: int = 0
    length_penalty: float = 0.0


def shape(scores: Tensor, scored: Scored, shaping: Shaping) -> Tensor:
    """Return the scores as they are learned from, (N,)."""
    if scored.state.scale.kind == "running":
        scored.state.scale.measure(of_all_processes(scores.tolist()))
    scores = clip_scores(scored.state.scale(scores), shaping.clip)
    scores = penalise_missing_end(
        scores, scored.ended, shaping.missing_end, shaping.missing_end_how
    )
    scores = scores - length_penalty(
        scored.sequences.lengths,
        free=shaping.length_free,
        per_token=shaping.length_penalty,
    )
    scored.told["rewards/mean"] = float(scores.mean())
    return scores


@dataclass(frozen=True)
class CriticSettings:
    """How a critic's values become advantages; see `advantages_and_returns`."""

    kl_place: KLPlace = "reward"
    kl_estimator: Estimator = "k1"
    discount: float = 1.0
    trace: float = 0.95
    score_place: ScorePlace = "last"
    whiten_rewards: bool = False
    whiten_advantages: bool = True


def with_critic(
    scored: Scored,
    scores: Tensor,
    settings: CriticSettings,
    *,
    placed: Tensor | None = None,
) -> Experience:
    """Return the experience whose advantages are generalised estimates.

    Args:
        scores: of each completion, shaped, (N,).
        placed: what tokens earn besides, for parts that end there, (N, T).
    """
    assert scored.values is not None
    batch = scored.sequences
    tokens = batch.tokens
    penalties = torch.zeros_like(scored.old_logprobs)
    if settings.kl_place == "reward":
        kl = kl_estimate(
            scored.old_logprobs, scored.reference_logprobs, settings.kl_estimator
        )
        penalties = -scored.kl_coef * kl * tokens
    rewards = token_rewards(scores, penalties, batch.lengths, settings.score_place)
    if placed is not None:
        rewards = rewards + placed
        scored.told["rewards/parts"] = float(placed.sum(1).mean())
    states = state_mask(batch.lengths, batch.width, settings.score_place)
    values = scored.values * states
    advantages, returns = advantages_and_returns(
        rewards,
        values,
        tokens=tokens,
        states=states,
        discount=settings.discount,
        trace=settings.trace,
        whiten_rewards=settings.whiten_rewards,
        whiten_advantages=settings.whiten_advantages,
    )
    scored.told["objective/reward"] = float(rewards.sum(1).mean())
    error = masked_mean((returns - values) ** 2, states)
    centred = returns - masked_mean(returns, states)
    spread = masked_mean(centred**2, states).clamp(min=1e-8)
    scored.told["value/explained_variance"] = float(1 - error / spread)
    return Experience(
        sequences=batch,
        old_logprobs=scored.old_logprobs,
        reference_logprobs=scored.reference_logprobs,
        advantages=advantages,
        states=states,
        weights=scored.weights,
        old_values=values,
        returns=returns,
    )
