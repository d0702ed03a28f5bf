"""Whom completions are measured against, where that changes while the policy learns.

An opponent is the policy as it is now, the frozen reference, or something between:
token by token the geometric mean of both, so that its weight runs from self-play (0)
to the reference alone (1).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import torch
from torch import Tensor, nn
from transformers import LogitsProcessor

from training.engine import processes
from training.engine.logprobs import vocabulary_logits
from training.engine.models import Loaded
from training.engine.online.rewards import RewardSource
from training.engine.online.rollout import Drawing, LocalSampler, Rollout
from training.engine.online.scored import Scored
from training.engine.ppo.actor_critic import Reference
from training.engine.sampling import Prompt

T = TypeVar("T")


def geometric_mixture(one: Tensor, other: Tensor, weight: float) -> Tensor:
    """Return log-probabilities of the normalised p^(1 - w) q^w.

    Args:
        one, other: log-probabilities or logits of p and q, shape (..., V).
        weight: w, from 0 to 1.

    Source: Munos et al. 2024, Nash Learning from Human Feedback, section 7.
    """
    mixed = (1 - weight) * one.log_softmax(-1) + weight * other.log_softmax(-1)
    return mixed.log_softmax(-1)


class Blend(LogitsProcessor):
    """Mixes a generating policy's logits with the reference's, step by step."""

    def __init__(self, reference: Reference, mask: Tensor, weight: float) -> None:
        self._reference = reference
        self._mask = mask  # (B, P), 0 on the padding at the left
        self._weight = weight
        self._cache: Any = None

    @torch.no_grad()
    def __call__(self, input_ids: Tensor, scores: Tensor) -> Tensor:
        """Return mixed logits, (B, V)."""
        grown = input_ids.shape[1] - self._mask.shape[1]
        mask = torch.cat([self._mask, self._mask.new_ones(len(input_ids), grown)], 1)
        places = (mask.cumsum(1) - 1).clamp(min=0)
        new = slice(None) if self._cache is None else slice(-1, None)
        with self._reference.active() as model:
            output = model.base_model(
                input_ids=input_ids[:, new],
                attention_mask=mask,
                position_ids=places[:, new],
                past_key_values=self._cache,
                use_cache=True,
            )
            self._cache = output.past_key_values
            logits = vocabulary_logits(model, output.last_hidden_state[:, -1])
        return geometric_mixture(scores, logits.to(scores), self._weight)


class FrozenSampler:
    """Draws from the reference in place of the policy."""

    def __init__(
        self,
        loaded: Loaded,
        reference: Reference,
        drawing: Drawing,
        device: torch.device,
    ) -> None:
        self._make = lambda model: LocalSampler(loaded, model, drawing, device)
        self._reference = reference

    def sync(self, policy: nn.Module, step: int) -> None:
        """Nothing to do: the reference stays as it is."""

    def sample(
        self,
        prompts: Sequence[Prompt],
        samples: int,
        *,
        seed: int,
        tick: Callable[[int], None],
    ) -> list[Rollout]:
        """Return completions; the same seed gives the same ones."""
        with self._reference.active() as model:
            return self._make(model).sample(prompts, samples, seed=seed, tick=tick)


@dataclass
class Opponents:
    """Draws opponents' completions anew for every update and scores them.

    Attributes:
        weight: of the reference in the mixture that draws them.
        samples: M, completions of each prompt.
    """

    loaded: Loaded
    policy: nn.Module
    reference: Reference
    sources: Sequence[RewardSource]
    drawing: Drawing
    weight: float
    samples: int
    seed: int
    device: torch.device

    def __call__(self, scored: Scored) -> Tensor:
        """Return rewards of each completion's opponents, (N, M, K)."""
        prompts: dict[int, Prompt] = {}
        for rollout in scored.rollouts:
            prompts.setdefault(rollout.group, rollout.prompt)
        found = self._sampler().sample(
            list(prompts.values()),
            self.samples,
            # Others than the update's own completions, which are drawn from its step.
            seed=(self.seed * 1_000_003 + scored.state.step) * 4099
            + 2053
            + processes.rank(),
            tick=lambda done: None,
        )
        columns = [source.score(found) for source in self.sources]
        table = torch.tensor(columns, dtype=torch.float32, device=self.device)
        by_prompt = table.T.reshape(len(prompts), self.samples, len(columns))
        place = {group: at for at, group in enumerate(prompts)}
        return by_prompt[[place[r.group] for r in scored.rollouts]]

    def _sampler(self) -> LocalSampler | FrozenSampler:
        if self.weight >= 1:
            return FrozenSampler(self.loaded, self.reference, self.drawing, self.device)
        blend = None
        if self.weight > 0:
            reference, weight = self.reference, self.weight

            def blend(mask: Tensor) -> LogitsProcessor:
                return Blend(reference, mask, weight)

        return LocalSampler(
            self.loaded, self.policy, self.drawing, self.device, blend=blend
        )


def looked_ahead(
    parameters: Sequence[nn.Parameter],
    optimizer: torch.optim.Optimizer,
    look: Callable[[], T],
) -> T:
    """Let ``look`` take a trial step, bring everything back, return what it found.

    The step that follows then starts where the trial did, but knows what the trial
    met: an extragradient (mirror-prox) step.

    Source: Korpelevich 1976; Zhou et al. 2025 (EGPO), algorithm 1.
    """
    kept = [parameter.detach().clone() for parameter in parameters]
    # The state's tensors are changed in place by a step.
    state: dict[Any, Any] = {
        parameter: {
            name: value.clone() if isinstance(value, Tensor) else value
            for name, value in optimizer.state[parameter].items()
        }
        for parameter in parameters
        if parameter in optimizer.state
    }
    found = look()
    with torch.no_grad():
        for parameter, old in zip(parameters, kept, strict=True):
            parameter.copy_(old)
    optimizer.state.clear()
    optimizer.state.update(state)
    return found
