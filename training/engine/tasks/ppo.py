"""Proximal policy optimisation with a critic, on our own loop.

Supports any causal language model, full weights or LoRA (the reference is then the
model with its adapters off), a critic of its own or on the policy's backbone, rewards
from a reward model, a rule or both, one process or several that share each update.
Prompts come from ``data.prompts`` or the snapshot's rows. The published details it
follows are named where they are: ``ppo/`` has one file for each part.
"""

from __future__ import annotations

from typing import cast

import torch
from torch import Tensor

from training.engine.context import RunContext, TaskResult
from training.engine.errors import FixableError
from training.engine.online import setup
from training.engine.online.loop import Scored
from training.engine.online.weighing import (
    CriticSettings,
    KLPlace,
    Shaping,
    shape,
    with_critic,
)
from training.engine.ppo.experience import Experience
from training.engine.ppo.gae import ScorePlace
from training.engine.ppo.kl import Estimator
from training.engine.ppo.learner import UpdateSettings
from training.engine.ppo.losses import Reduction
from training.engine.ppo.shaping import MissingEnd


def run(context: RunContext) -> TaskResult:
    """Train a policy; leave ``model/`` and its metrics."""
    settings = update_settings(context)
    critic = critic_settings(context)
    shaping = shaping_settings(context)
    parts = setup.assemble(context, critic=context.text("critic"))
    weights = torch.tensor(
        [
            context.number(
                "reward_weight" if source.name == "reward" else "rule_weight"
            )
            for source in parts.sources
        ]
    )

    def combine(rewards: Tensor) -> Tensor:
        return rewards @ weights.to(rewards.device)

    def weigh(scored: Scored) -> Experience:
        scores = shape(combine(scored.rewards), scored, shaping)
        return with_critic(scored, scores, critic)

    return setup.run(context, parts, combine=combine, weigh=weigh, settings=settings)


def update_settings(context: RunContext) -> UpdateSettings:
    """Return how each update learns.

    Raises:
        FixableError: if settings that are each fine do not go together.
    """
    in_loss = context.text("kl_place") == "loss"
    estimator = cast(Estimator, context.text("kl_estimator"))
    if in_loss and estimator == "k1":
        raise FixableError(
            "The KL penalty would do nothing.",
            expected="k2 or k3 with kl_place 'loss'",
            found="k1, whose gradient is zero on average",
            fix="Set kl_estimator to k2, or kl_place to reward.",
            field="params.kl_estimator",
        )
    buffer = context.integer("prompts_per_update") * context.integer("samples")
    if context.integer("minibatch") > buffer:
        raise FixableError(
            "A minibatch is larger than what is sampled for it.",
            expected=f"at most {buffer}, prompts_per_update times samples",
            found=str(context.integer("minibatch")),
            fix="Lower minibatch or raise prompts_per_update.",
            field="params.minibatch",
        )
    return UpdateSettings(
        epochs=context.integer("ppo_epochs"),
        minibatch=context.integer("minibatch"),
        forward=context.integer("batch_size"),
        clip_low=context.number("clip_low"),
        clip_high=context.number("clip_high"),
        dual_clip=context.optional("dual_clip"),
        value_clip=context.optional("value_clip"),
        value_coef=context.number("value_coef"),
        entropy_coef=context.number("entropy_coef"),
        kl_coef=context.number("kl_coef") if in_loss else 0.0,
        kl_estimator=estimator,
        reduction=cast(Reduction, context.text("reduction")),
        longest=context.integer("max_new_tokens"),
        stop_kl=context.optional("stop_kl"),
        max_grad_norm=context.number("max_grad_norm"),
    )


def critic_settings(context: RunContext) -> CriticSettings:
    """Return how values become advantages."""
    return CriticSettings(
        kl_place=cast(KLPlace, context.text("kl_place")),
        kl_estimator=cast(Estimator, context.text("kl_estimator")),
        discount=context.number("discount"),
        trace=context.number("trace"),
        score_place=cast(ScorePlace, context.text("score_place")),
        whiten_rewards=context.flag("whiten_rewards"),
        whiten_advantages=context.flag("whiten_advantages"),
    )


def shaping_settings(context: RunContext) -> Shaping:
    """Return what happens to scores before they become rewards."""
    return Shaping(
        clip=context.optional("score_clip"),
        missing_end=context.optional("missing_end_penalty"),
        missing_end_how=cast(MissingEnd, context.text("missing_end")),
        length_free=context.integer("length_free"),
        length_penalty=context.number("length_penalty"),
    )
