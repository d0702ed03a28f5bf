"""Drawing completions from the policy that is being trained."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import torch
from torch import Tensor, nn
from transformers import (
    LogitsProcessor,
    LogitsProcessorList,
    PreTrainedTokenizerBase,
)

from training.engine.models import Loaded
from training.engine.sampling import (
    UNCHANGED,
    Prompt,
    clean,
    prompt_ids,
    stop_ids,
)


@dataclass(frozen=True)
class Rollout:
    """One sampled completion.

    Attributes:
        prompt: what was asked.
        group: which of the update's prompts that is.
        prompt_ids: its tokens.
        ids: the completion's tokens, the end token included if it was written.
        ended: True if the model ended it, False if the limit did.
        text: the completion in words.
        logprobs: of its tokens as the sampler saw them, where it is another program.
        earned: what it earned while it was drawn, where the sampler says so.
        outcome: the answer it led to, where that is what is rewarded.
        turn: which reply of its conversation it is, from 0.
        given: how many of its last tokens were not drawn but put there.
    """

    prompt: Prompt
    group: int
    prompt_ids: list[int]
    ids: list[int]
    ended: bool
    text: str
    logprobs: list[float] | None = None
    earned: float | None = None
    outcome: str | None = None
    turn: int = 0
    given: int = 0


@dataclass(frozen=True)
class Drawing:
    """How completions are drawn: always from the whole distribution.

    Cutting its tail (top-p, top-k) would make the drawn tokens those of another policy
    than the one whose probabilities the losses use.

    Attributes:
        temperature: above 0; the losses divide logits by it too.
        batch_size: completions drawn side by side.
    """

    temperature: float
    max_new_tokens: int
    max_prompt_tokens: int
    batch_size: int


class Sampler(Protocol):
    """Draws completions; ``sync`` gives it the policy as it is now."""

    def sample(
        self,
        prompts: Sequence[Prompt],
        samples: int,
        *,
        seed: int,
        tick: Callable[[int], None],
    ) -> list[Rollout]:
        """Return ``samples`` completions a prompt, one prompt's side by side.

        Args:
            tick: called after each batch with its size; it may raise to end early.
        """

    def sync(self, policy: nn.Module, step: int) -> None:
        """Take over the policy's weights after an update."""


@dataclass(frozen=True)
class Around:
    """What a sampler around another one shares: the inner one has the policy."""

    inner: Sampler

    def sync(self, policy: nn.Module, step: int) -> None:
        """Take over the policy's weights after an update."""
        self.inner.sync(policy, step)


def prepared(
    loaded: Loaded, prompts: Sequence[Prompt], drawing: Drawing
) -> list[list[int]]:
    """Return the prompts' ids, shortened to leave room for completions."""
    room = max(loaded.context - drawing.max_new_tokens, 8)
    longest = min(drawing.max_prompt_tokens, room)
    return [prompt_ids(loaded, prompt.messages, longest)[0] for prompt in prompts]


class LocalSampler:
    """Draws with the very weights that are trained, in this process.

    Args:
        blend: makes what mixes the logits of a batch, from its prompts' mask, (B, P).
    """

    def __init__(
        self,
        loaded: Loaded,
        policy: nn.Module,
        drawing: Drawing,
        device: torch.device,
        *,
        blend: Callable[[Tensor], LogitsProcessor] | None = None,
    ) -> None:
        self._loaded = loaded
        self._policy = policy
        self._drawing = drawing
        self._device = device
        self._blend = blend

    def sync(self, policy: nn.Module, step: int) -> None:
        """Nothing to do: the weights are shared."""

    def sample(
        self,
        prompts: Sequence[Prompt],
        samples: int,
        *,
        seed: int,
        tick: Callable[[int], None],
    ) -> list[Rollout]:
        """Return completions; the same seed and weights give the same ones."""
        heads = prepared(self._loaded, prompts, self._drawing)
        jobs = [g for g in range(len(prompts)) for _ in range(samples)]
        found: list[Rollout] = []
        size = self._drawing.batch_size
        for start in range(0, len(jobs), size):
            groups = jobs[start : start + size]
            torch.manual_seed(random.Random(f"{seed}/{start}").getrandbits(48))
            bodies = self._draw([heads[g] for g in groups])
            for group, body in zip(groups, bodies, strict=True):
                found.append(
                    rollout(
                        self._loaded,
                        prompts[group],
                        group,
                        heads[group],
                        body,
                    )
                )
            tick(len(groups))
        return found

    @torch.no_grad()
    def _draw(self, heads: list[list[int]]) -> list[list[int]]:
        pad = int(self._loaded.tokenizer.pad_token_id or 0)
        width = max(len(ids) for ids in heads)
        ids = torch.full((len(heads), width), pad, dtype=torch.long)
        mask = torch.zeros_like(ids)
        for row, head in enumerate(heads):
            ids[row, width - len(head) :] = torch.tensor(head, dtype=torch.long)
            mask[row, width - len(head) :] = 1
        model: Any = self._policy
        was_training = model.training
        model.eval()
        output = model.generate(
            input_ids=ids.to(self._device),
            attention_mask=mask.to(self._device),
            eos_token_id=stop_ids(self._loaded),
            pad_token_id=pad,
            logits_processor=self._processors(mask.to(self._device)),
            **(UNCHANGED | self._whole()),
        )
        model.train(was_training)
        rows: list[list[int]] = output[:, width:].tolist()
        return rows

    def _whole(self) -> dict[str, Any]:
        """Return how `generate` draws from the whole distribution."""
        return {
            "max_new_tokens": self._drawing.max_new_tokens,
            "do_sample": True,
            "temperature": self._drawing.temperature,
            "top_p": 1.0,
            "top_k": 0,
        }

    def _processors(self, mask: Tensor) -> LogitsProcessorList | None:
        """Return what changes the logits of a batch with this prompt mask, (B, P)."""
        if self._blend is None:
            return None
        return LogitsProcessorList([self._blend(mask)])


def rollout(
    loaded: Loaded,
    prompt: Prompt,
    group: int,
    head: list[int],
    body: Sequence[int],
    logprobs: list[float] | None = None,
) -> Rollout:
    """Return a completion cut behind its first end token, as `Rollout`."""
    stops = set(stop_ids(loaded))
    ids: list[int] = []
    ended = False
    for token in body:
        ids.append(int(token))
        if token in stops:
            ended = True
            break
    return Rollout(
        prompt=prompt,
        group=group,
        prompt_ids=head,
        ids=ids,
        ended=ended,
        text=decoded(loaded.tokenizer, ids),
        logprobs=None if logprobs is None else logprobs[: len(ids)],
    )


def decoded(tokenizer: PreTrainedTokenizerBase, ids: Sequence[int]) -> str:
    """Return the words of a completion."""
    return clean(str(tokenizer.decode(list(ids), skip_special_tokens=True)))
