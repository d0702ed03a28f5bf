"""What an online run tells of an update, and what it says when a number is none."""

from __future__ import annotations

from collections.abc import Sequence

import torch

from training.engine.context import RunContext
from training.engine.errors import FixableError
from training.engine.online.rollout import Rollout
from training.engine.online.scored import Scored
from training.engine.ppo.kl import kl_estimate
from training.engine.ppo.masked import masked_mean


def described(scored: Scored, sources: Sequence[str]) -> dict[str, float]:
    """Return an update's divergence, lengths and mean rewards by source."""
    lengths = scored.sequences.lengths.float()
    kl = kl_estimate(scored.old_logprobs, scored.reference_logprobs, "k1").sum(1)
    told = {
        "objective/kl": float(masked_mean(kl, torch.ones_like(kl).bool())),
        "objective/kl_coef": scored.kl_coef,
        "completion/tokens": float(lengths.mean()),
        "completion/ended_share": float(scored.ended.float().mean()),
    }
    for number, name in enumerate(sources):
        told[f"rewards/{name}"] = float(scored.rewards[:, number].mean())
    bettered = [r for r in scored.rollouts if r.prompt.first and r.outcome is not None]
    if bettered:
        changed = sum(r.outcome != r.prompt.first for r in bettered)
        told["feedback/changed_share"] = changed / len(bettered)
    last = max((r.turn for r in scored.rollouts), default=0)
    for turn in range(last + 1 if last else 0):
        earned = [r.earned or 0.0 for r in scored.rollouts if r.turn == turn]
        told[f"turns/earned_{turn + 1}"] = sum(earned) / max(len(earned), 1)
    return told


def require_scores(
    name: str, scores: Sequence[float], rollouts: Sequence[Rollout], step: int
) -> None:
    """Refuse scores that are no numbers.

    Raises:
        FixableError: naming the prompts.
    """
    bad = [r for r, s in zip(rollouts, scores, strict=True) if s != s or abs(s) > 1e30]
    if bad:
        raise not_finite(f"the scores of {name}", bad, step)


def not_finite(what: str, rollouts: Sequence[Rollout], step: int) -> FixableError:
    """Return the refusal of an update, the first being step 0."""
    rows = ", ".join(dict.fromkeys(r.prompt.prompt_id for r in rollouts[:8]))
    return FixableError(
        f"A number stopped being one in update {step + 1}.",
        expected="finite losses, gradients and scores",
        found=f"{what}; prompts of the update: {rows}",
        fix="Lower learning_rate or max_grad_norm, look at the reward model's "
        "weights, then resume from the last checkpoint.",
        field="params.learning_rate",
    )


def show(context: RunContext, step: int, rollout: Rollout, score: float) -> None:
    """Tell of one completion, so that people see what is being learned."""
    context.events.emit(
        "sample",
        step=step,
        prompt_id=rollout.prompt.prompt_id,
        content=rollout.text,
        finish_reason="stop" if rollout.ended else "length",
        tokens=len(rollout.ids),
        score=round(score, 4),
    )
