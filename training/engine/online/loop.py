"""The loop of every online method: sample, score, weigh, learn, and again.

An update is one buffer of completions and everything learned from it. Between updates
a run can be saved, stopped and resumed; nothing else is random.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch
from accelerate import Accelerator
from torch import Tensor

from training.engine import loop, processes
from training.engine.averaging import Average, average_of
from training.engine.context import RunContext
from training.engine.errors import Interrupted, require_free
from training.engine.models import parameter_bytes
from training.engine.online import state as states
from training.engine.online import telling
from training.engine.online.cooper import LearningReward
from training.engine.online.opponents import looked_ahead
from training.engine.online.prompts import batch_of
from training.engine.online.rewards import RewardSource
from training.engine.online.rollout import Rollout, Sampler
from training.engine.online.schedule import scheduled
from training.engine.online.scored import Combine, Plan, Scored, Weigh
from training.engine.online.vllm import importance
from training.engine.ppo.actor_critic import ActorCritic, Outputs, Reference
from training.engine.ppo.experience import Sequences, sequences
from training.engine.ppo.learner import NotFinite, UpdateSettings, update
from training.engine.ppo.shaping import ScoreScale
from training.engine.precision import arithmetic
from training.engine.sampling import Prompt

_MEASURED = 256
"""Completions that tell the reference's mean score."""

_CHECKPOINT_COPIES = 3
"""A checkpoint holds the trained weights and AdamW's two moments."""


@dataclass
class OnlineLoop:
    """Everything an online run is made of; ``train`` runs it."""

    context: RunContext
    plan: Plan
    settings: UpdateSettings
    model: ActorCritic
    reference: Reference
    sampler: Sampler
    sources: Sequence[RewardSource]
    combine: Combine
    weigh: Weigh
    prompts: Sequence[Prompt]
    state: states.LoopState
    accelerator: Accelerator
    pad_token_id: int
    opponents: Callable[[Scored], Tensor] | None = None
    """Draws opponents as the policy is now; given if steps are extragradient ones."""

    def __post_init__(self) -> None:
        critic = self.model.critic_parameters()
        groups: list[dict[str, Any]] = [
            {
                "params": self.model.policy_parameters(),
                "lr": self.plan.learning_rate,
            }
        ]
        if critic:
            groups.append({"params": critic, "lr": self.plan.critic_learning_rate})
        self.optimizer = torch.optim.AdamW(
            groups,
            eps=self.context.number("adam_epsilon"),
            weight_decay=self.context.number("weight_decay"),
        )
        total = self.plan.updates
        warmup = int(self.context.number("warmup") * total)
        self.scheduler: Any = scheduled(
            self.optimizer, self.context.text("schedule"), warmup, total
        )
        self._parameters = [*self.model.policy_parameters(), *critic]
        policy = self.model.policy_parameters()
        self.average: Average | None = average_of(self.context, policy)
        if self.average is not None:
            self.average.begin()
        self.first: dict[str, float] = {}
        self.last: dict[str, float] = {}
        self.out_of_time = False
        self._saved_at = self._began_at = time.monotonic()

    # --- the loop ----------------------------------------------------------------

    def train(self, start: loop.Start) -> None:
        """Run to the end, from a checkpoint if there is one.

        Raises:
            Interrupted: if the supervisor asked for an end; the step is in it.
            FixableError: if the disk is too small, or a number stopped being one.
        """
        self._require_room()
        if start.checkpoint is not None:
            states.load(
                start.checkpoint.path,
                self.state,
                self.model,
                self.optimizer,
                self.scheduler,
                self._beside(),
            )
            self.sampler.sync(self.model.policy, self.state.step)
        self._measure_reference()
        self._began_at, began = time.monotonic(), self.state.step
        while self.state.step < self.plan.updates:
            if self.plan.deadline and time.monotonic() >= self.plan.deadline:
                self.out_of_time = True
                return
            metrics = self._update()
            self.state.step += 1
            if self.average is not None:
                self.average.step(self.state.step, self.plan.updates)
            self._tell(metrics, done=self.state.step - began)
            self.sampler.sync(self.model.policy, self.state.step)
            self._obey()
            if self._due():
                self._save()

    def _update(self) -> dict[str, float]:
        step = self.state.step
        learning = step >= self.plan.critic_warmup
        rollouts = self._sample(step)
        began = time.monotonic()
        scored = self._score(rollouts)
        try:
            if self.opponents is not None:
                scored.opponents = self._look_ahead(scored, learning)
            metrics = self._learn(scored, learning)
            for judge in self._judges():
                metrics |= judge.learn(rollouts)
        except NotFinite as error:
            # It is no number in all processes, whose completions soever made it so.
            every = [r for part in processes.everyones(rollouts[:8]) for r in part]
            raise telling.not_finite(str(error), every, step) from error
        names = [source.name for source in self.sources]
        told = telling.described(scored, names) | scored.told | metrics
        told["learning_rate"] = float(self.scheduler.get_last_lr()[0])
        self.scheduler.step()
        # All processes steer by the KL of all, or their coefficients would part.
        told = processes.averaged(told)
        count = len(rollouts) * processes.count()
        self.state.kl.observe(told["objective/kl"], count)
        told["time/learning_seconds"] = round(time.monotonic() - began, 3)
        if self._is_told(step + 1):
            telling.show(
                self.context, step + 1, rollouts[0], float(scored.rewards[0].sum())
            )
        return told

    def _learn(self, scored: Scored, learning: bool) -> dict[str, float]:
        experience = self.weigh(scored)
        return update(
            self._forward,
            self._parameters,
            self.optimizer,
            experience,
            self._settings_now(scored.kl_coef),
            seed=(self.context.spec.seed, self.state.step),
            train_policy=learning,
            # A critic on the policy's own states learns by its head alone.
            resting=() if learning else self.model.policy_parameters(),
        )

    def _look_ahead(self, scored: Scored, learning: bool) -> Tensor:
        """Return the rewards of opponents as they would be after this update."""
        draw = self.opponents
        assert draw is not None

        def look() -> Tensor:
            self._learn(scored, learning)
            return draw(scored)

        # What is remembered of scores is of the steps that are taken.
        scale, memory = replace(self.state.scale), dict(self.state.memory)
        found = looked_ahead(self._parameters, self.optimizer, look)
        self.state.scale, self.state.memory = scale, memory
        return found

    def _judges(self) -> list[LearningReward]:
        """Return the reward models that learn along."""
        return [s for s in self.sources if isinstance(s, LearningReward)]

    def _beside(self) -> dict[str, states.Beside]:
        found: dict[str, states.Beside] = {j.name: j for j in self._judges()}
        if self.average is not None:
            found["averaging"] = self.average
        return found

    # --- sampling and scoring ----------------------------------------------------

    def _measure_reference(self) -> None:
        """Score what the policy writes before it has learned anything, once.

        The scores are made as those that are learned from, of as many completions a
        prompt; only their memory of earlier updates is none.
        """
        scale = self.state.scale
        if not scale.kind.startswith("reference") or scale.count:
            return
        rollouts = self.sampler.sample(
            self.prompts[: max(_MEASURED // self.plan.samples, 1)],
            self.plan.samples,
            seed=self.context.spec.seed,
            tick=lambda done: self._obey(),
        )
        nothing = states.LoopState(0, replace(self.state.kl), ScoreScale())
        scored = replace(self._score(rollouts), state=nothing)
        scale.measure(self.combine(scored).tolist())

    def _settings_now(self, kl_coef: float) -> UpdateSettings:
        """Return the settings with the KL coefficient as it is steered and shared."""
        if not self.settings.kl_coef:
            return self.settings
        return replace(self.settings, kl_coef=kl_coef)

    def _sample(self, step: int) -> list[Rollout]:
        count, rank = processes.count(), processes.rank()
        batch = batch_of(
            self.prompts, step, self.plan.prompts * count, self.context.spec.seed
        )[rank::count]
        seed = (self.context.spec.seed * 1_000_003 + step) * 4099 + rank
        return self.sampler.sample(
            batch, self.plan.samples, seed=seed, tick=lambda done: self._obey()
        )

    def _score(self, rollouts: list[Rollout]) -> Scored:
        device = self.accelerator.device
        batch = sequences(
            [rollout.prompt_ids for rollout in rollouts],
            [rollout.ids for rollout in rollouts],
            pad_token_id=self.pad_token_id,
            width=self._width(rollouts),
        ).to(device)
        columns = [source.score(rollouts) for source in self.sources]
        for source, column in zip(self.sources, columns, strict=True):
            telling.require_scores(source.name, column, rollouts, self.state.step)
        outputs = self._read(batch)
        return Scored(
            rollouts=rollouts,
            sequences=batch,
            rewards=torch.tensor(columns, dtype=torch.float32, device=device).T,
            groups=torch.tensor([r.group for r in rollouts], device=device),
            ended=torch.tensor([r.ended for r in rollouts], device=device),
            old_logprobs=outputs.logprobs,
            reference_logprobs=self._by_parts(batch, self.reference.logprobs),
            entropy=outputs.entropy,
            values=outputs.values,
            weights=importance(rollouts, outputs.logprobs, self.plan.importance_cap),
            kl_coef=self.state.kl.value,
            state=self.state,
        )

    def _width(self, rollouts: Sequence[Rollout]) -> int:
        """Leave room for the state behind the longest completion, up to the limit."""
        longest = max(len(rollout.ids) for rollout in rollouts) + 1
        return min(longest, self.plan.width)

    @torch.no_grad()
    def _read(self, batch: Sequences) -> Outputs:
        parts = [self._forward(batch.select(rows)) for rows in self._rows(batch)]
        values = [part.values for part in parts if part.values is not None]
        return Outputs(
            torch.cat([part.logprobs for part in parts]),
            torch.cat([part.entropy for part in parts]),
            torch.cat(values) if values else None,
        )

    def _by_parts(
        self, batch: Sequences, read: Callable[[Sequences], Tensor]
    ) -> Tensor:
        with self._precision():
            return torch.cat([read(batch.select(r)) for r in self._rows(batch)])

    def _rows(self, batch: Sequences) -> tuple[Tensor, ...]:
        device = batch.ids.device
        return torch.arange(len(batch.lengths), device=device).split(self.plan.forward)

    def _forward(self, batch: Sequences, **options: bool) -> Any:
        with self._precision():
            return self.model(batch, **options)

    def _precision(self) -> contextlib.AbstractContextManager[Any]:
        return arithmetic(self.context.spec, self.accelerator.device)

    # --- what is told ------------------------------------------------------------

    def _tell(self, metrics: dict[str, float], *, done: int) -> None:
        step = self.state.step
        self.first = self.first or metrics
        self.last = metrics
        if not self._is_told(step):
            return
        spent = time.monotonic() - self._began_at
        left = (self.plan.updates - step) * spent / done
        self.context.events.emit(
            "metrics",
            step=step,
            metrics=metrics,
            epoch=step * self.plan.prompts * processes.count() / len(self.prompts),
            progress={
                "done": step,
                "total": self.plan.updates,
                "unit": "updates",
                "elapsed_seconds": round(spent, 3),
                "remaining_seconds": round(left, 1),
            },
        )

    def _is_told(self, step: int) -> bool:
        every = self.context.integer("log_steps")
        return step % every == 0 or step >= self.plan.updates

    # --- orders, checkpoints, faults ---------------------------------------------

    def _obey(self) -> None:
        """Stop if asked to; what was learned by whole updates is kept.

        Raises:
            Interrupted: with the state to end in.
        """
        order = processes.agreed(self.context.control.requested())
        if order is None:
            return
        if order == "preempted":
            self._save()
        raise Interrupted(order, self.state.step)

    def _due(self) -> bool:
        if self.state.step >= self.plan.updates:
            return False
        steps = self.context.params["checkpoint_steps"]
        seconds = self.context.params["checkpoint_seconds"]
        if steps and self.state.step % int(steps) == 0:
            return True
        return seconds is not None and (
            time.monotonic() - self._saved_at >= float(seconds)
        )

    def _save(self) -> None:
        states.save(
            self.context,
            self.state,
            self.model,
            self.optimizer,
            self.scheduler,
            self._beside(),
        )
        self._saved_at = time.monotonic()

    def _require_room(self) -> None:
        learns = sum(p.numel() * p.element_size() for p in self._parameters)
        learns += sum(part.nbytes for part in self._beside().values())
        kept = 3 if self._saves() else 0
        require_free(
            self.context.out,
            kept * _CHECKPOINT_COPIES * learns + parameter_bytes(self.model.policy),
        )

    def _saves(self) -> bool:
        params = self.context.params
        return bool(params["checkpoint_steps"] or params["checkpoint_seconds"])
