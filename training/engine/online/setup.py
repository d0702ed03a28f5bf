"""Putting an online run together from its specification; refusing what cannot work."""

from __future__ import annotations

import copy
import math
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import cast

import torch
from accelerate import Accelerator

from training.engine import loop, processes
from training.engine.context import RunContext, TaskResult
from training.engine.environment import environment
from training.engine.errors import FixableError
from training.engine.lora import merged
from training.engine.models import Loaded, load_policy, save_model
from training.engine.online.answers import Answers, longest
from training.engine.online.cooper import LearningReward
from training.engine.online.feedback import rewarded, with_agent
from training.engine.online.loop import OnlineLoop
from training.engine.online.opponents import FrozenSampler, Opponents
from training.engine.online.prompts import prompts_of
from training.engine.online.rewards import RewardSource
from training.engine.online.rollout import Drawing, LocalSampler, Sampler, prepared
from training.engine.online.scored import Combine, Plan, Weigh
from training.engine.online.sources import (
    frozen_models,
    require_vocabulary,
    reward_model,
    reward_sources,
)
from training.engine.online.state import LoopState
from training.engine.online.turns import Retries
from training.engine.online.vllm import VLLMSampler, server_url
from training.engine.ppo.actor_critic import (
    ActorCritic,
    CriticKind,
    Reference,
    build,
    linear_head,
    without_dropout,
)
from training.engine.ppo.kl import KLController
from training.engine.ppo.learner import UpdateSettings
from training.engine.ppo.shaping import ScaleKind, ScoreScale
from training.engine.registry.online_rows import OnlineRow
from training.engine.spec import ModelPart
from training.engine.subset import Subset, by_rows
from training.engine.tasks.common import TRAINING_SHARE


@dataclass(frozen=True)
class Parts:
    """What a run is made of, before its loop: models, prompts and rewards."""

    policy: Loaded
    model: ActorCritic
    reference: Reference
    reward: Loaded | None
    sources: list[RewardSource]
    drawing: Drawing
    accelerator: Accelerator


def assemble(context: RunContext, row: OnlineRow, *, critic: str) -> Parts:
    """Load every model of a run and check that they fit together.

    Args:
        row: the method's; says what rewards are asked of.
        critic: ``auto``, or a kind that `build` knows.

    Raises:
        FixableError: if there is no reward, or the models do not fit.
    """
    spec = context.spec
    accelerator = Accelerator()
    device = accelerator.device
    # The weights that learn are kept in full precision; bf16 is for the arithmetic.
    policy = load_policy(ModelPart(source=spec.model.source), seed=spec.seed)
    reward = reward_model(context)
    sources = reward_sources(context, row, policy, reward)
    for loaded in frozen_models(sources):
        loaded.model.requires_grad_(False).eval().to(device)
    for source in sources:
        if isinstance(source, LearningReward):
            learning: torch.nn.Module = source.loaded.model
            learning.to(device)
    sources = rewarded(row, sources, policy.tokenizer)
    kind = _critic(critic, policy, reward)
    temperature = context.number("temperature")
    own = _own_reference(context, policy)
    model = build(
        policy.model,
        critic=kind,
        reward=reward.model if reward is not None and kind == "reward" else None,
        lora=spec.lora,
        temperature=temperature,
        checkpointing=context.flag("gradient_checkpointing"),
    ).to(device)
    model.train()
    if own is not None:
        own.model.requires_grad_(False).eval().to(device)
    drawing = Drawing(
        temperature=temperature,
        max_new_tokens=_new_tokens(context, policy),
        max_prompt_tokens=context.integer("max_prompt_tokens"),
        batch_size=context.integer("sampling_batch_size"),
    )
    return Parts(
        policy,
        model,
        Reference(own.model if own else None, model.policy, temperature),
        reward,
        sources,
        drawing,
        accelerator,
    )


def run(
    context: RunContext,
    parts: Parts,
    *,
    combine: Combine,
    weigh: Weigh,
    settings: UpdateSettings,
    row: OnlineRow,
    opponents: Opponents | None = None,
    afterwards: Callable[[OnlineLoop], dict[str, float]] | None = None,
) -> TaskResult:
    """Run the loop and leave ``model/``.

    Args:
        row: the method's; says who draws, and how steps are taken.
        opponents: whom an extragradient step looks ahead to.
        afterwards: adds to the run's metrics what the trained policy is found to do.
    """
    spec = context.spec
    every = prompts_of(context, row)
    kept = by_rows(len(every), spec.limits.max_rows, spec.seed)
    prompts = [every[i] for i in kept.indices]
    plan = _plan(context, parts, len(prompts))
    sampler = _sampler(context, parts, row)
    sampler = with_agent(context, row, sampler, parts.drawing, parts.accelerator.device)
    if row.prompts == "answered":
        sampler = Retries(sampler, context.integer("turns"))
    lengths = [len(ids) for ids in prepared(parts.policy, prompts, parts.drawing)]
    if row.prompts == "completed":
        sampler = Answers(
            sampler, parts.policy, parts.model.policy, parts.drawing.batch_size
        )
        more = longest(parts.policy, prompts, lengths, parts.drawing.max_new_tokens)
        plan = replace(plan, width=plan.width + more)
    scale = ScoreScale(cast(ScaleKind, context.text("score_scale")))
    state = LoopState(0, _controller(context), scale)
    start = loop.starting_point(context)
    context.started(
        step=start.checkpoint.step if start.checkpoint else 0,
        rows={"prompts": len(every), "trained_on": len(prompts)},
        longest_prompt=max(lengths),
        subset=kept.summary(),
        critic=_name_of(parts.model),
        template=parts.policy.template,
        environment=environment(parts.policy.model),
        **start.as_dict(),
    )
    context.control.check()
    online = OnlineLoop(
        context=context,
        plan=plan,
        settings=settings,
        model=parts.model,
        reference=parts.reference,
        sampler=sampler,
        sources=parts.sources,
        combine=combine,
        weigh=weigh,
        prompts=prompts,
        state=state,
        accelerator=parts.accelerator,
        pad_token_id=int(parts.policy.tokenizer.pad_token_id or 0),
        opponents=opponents if row.steps == "extragradient" else None,
    )
    if row.kl_estimator == "whole":
        parts.model.tied_to = parts.reference
    online.train(start)
    if online.average is not None:
        online.average.give()
    found = afterwards(online) if afterwards is not None else {}
    # The adapters are folded into the weights they stand on.
    model = merged(parts.model.policy)
    save_model(model, parts.policy.tokenizer, context.out / "model")
    for source in parts.sources:
        if isinstance(source, LearningReward):
            judge = source.loaded
            save_model(judge.model, judge.tokenizer, context.out / source.name)
    return TaskResult(
        step=state.step,
        metrics=_summary(online) | found,
        model="model",
        subset=_subset(kept, online),
    )


def _sampler(context: RunContext, parts: Parts, row: OnlineRow) -> Sampler:
    if row.drawn_by == "reference":
        return FrozenSampler(
            parts.policy, parts.reference, parts.drawing, parts.accelerator.device
        )
    if context.text("sampler") == "local":
        return LocalSampler(
            parts.policy, parts.model.policy, parts.drawing, parts.accelerator.device
        )
    if context.spec.lora is None:
        raise FixableError(
            "The sampling server cannot be given whole weights.",
            expected="low-rank adapters with sampler vllm",
            found="full weights",
            fix="Add lora to the specification, or set sampler to local.",
            field="lora",
        )
    return VLLMSampler(
        parts.policy, parts.drawing, server_url(), context.out / "adapters"
    )


def _critic(asked: str, policy: Loaded, reward: Loaded | None) -> CriticKind:
    """Return what the critic starts from.

    A critic reads the policy's tokens from left to right, so only a causal reward
    model with the same vocabulary can become one.
    """
    if asked in ("zero", "shared", "none"):
        return cast(CriticKind, asked)
    why = None
    if reward is None:
        why = "no reward model"
    elif reward.is_encoder:
        why = "an encoder, which reads both ways"
    elif linear_head(reward.model) is None:
        why = "a reward model whose head is not one linear map"
    elif reward.tokenizer.get_vocab() != policy.tokenizer.get_vocab():
        why = "a reward model with another vocabulary"
    if why is None:
        return "reward"
    if asked == "auto":
        return "zero"
    raise FixableError(
        "The critic cannot start from this reward model.",
        expected="a causal reward model with the policy's vocabulary",
        found=why,
        fix="Set critic to auto or zero: it then starts from the policy.",
        field="params.critic",
    )


def _own_reference(context: RunContext, policy: Loaded) -> Loaded | None:
    """Return a reference of its own; None where the adapters can be turned off."""
    spec = context.spec
    if spec.reference is not None and spec.reference != spec.model:
        found = load_policy(spec.reference, seed=spec.seed)
        require_vocabulary(found, policy, "reference")
    elif spec.lora is not None:
        return None
    else:
        found = Loaded(copy.deepcopy(policy.model), policy.tokenizer, policy.template)
    without_dropout(found.model)
    # Its weights are kept as the policy's are, or they would differ from the start.
    return found


def _new_tokens(context: RunContext, policy: Loaded) -> int:
    asked = context.integer("max_new_tokens")
    if asked + 8 > policy.context:
        raise FixableError(
            "The completions are longer than the model can read.",
            expected=f"at most {policy.context - 8} tokens, with room for a prompt",
            found=str(asked),
            fix="Lower max_new_tokens.",
            field="params.max_new_tokens",
        )
    return asked


def _plan(context: RunContext, parts: Parts, prompts: int) -> Plan:
    size = context.integer("prompts_per_update")
    each = size * processes.count()
    updates = math.ceil(context.number("epochs") * prompts / each)
    limits = context.spec.limits
    deadline = None
    if limits.seconds is not None:
        left = limits.seconds * (1 + TRAINING_SHARE) / 2 - context.elapsed()
        deadline = time.monotonic() + max(left, 0.0)
    return Plan(
        updates=limits.max_steps or max(updates, 1),
        prompts=size,
        samples=context.integer("samples"),
        width=parts.drawing.max_new_tokens,
        forward=context.integer("batch_size"),
        importance_cap=context.number("importance_cap"),
        learning_rate=context.number("learning_rate"),
        critic_learning_rate=float(context.params.get("critic_learning_rate") or 0),
        critic_warmup=int(context.params.get("critic_warmup") or 0),
        deadline=deadline,
    )


def _controller(context: RunContext) -> KLController:
    if "kl_coef" not in context.params:
        return KLController(0.0)
    return KLController(
        context.number("kl_coef"),
        context.optional("kl_target"),
        context.number("kl_horizon"),
    )


def _name_of(model: ActorCritic) -> str:
    if model.head is None:
        return "none"
    return "shared" if model.critic is None else "separate"


def _subset(kept: Subset, online: OnlineLoop) -> dict[str, object] | None:
    report = kept.summary()
    if report is not None or online.out_of_time:
        report = {**(report or {}), "out_of_time": online.out_of_time}
    return report


def _summary(online: OnlineLoop) -> dict[str, float]:
    metrics = {f"first/{name}": value for name, value in online.first.items()}
    metrics |= {f"last/{name}": value for name, value in online.last.items()}
    if online.average is not None:
        metrics["averaging/steps"] = online.average.steps
    return metrics
