"""Policies of tests that say what is written down, without a model."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import torch

from training.engine.data import Messages
from training.engine.online.rollout import Rollout
from training.engine.sampling import Prompt


@dataclass
class Saying:
    """A policy that answers a conversation by a rule; keeps what it was asked."""

    says: Callable[[Messages], str]
    asked: list[Prompt] = field(default_factory=list)

    def sync(self, policy: torch.nn.Module, step: int) -> None:
        """Nothing to do."""

    def sample(
        self,
        prompts: Sequence[Prompt],
        samples: int,
        *,
        seed: int,
        tick: Callable[[int], None],
    ) -> list[Rollout]:
        """Return one completion a prompt."""
        self.asked += prompts
        return [
            Rollout(prompt, at, [1], [2], True, self.says(prompt.messages))
            for at, prompt in enumerate(prompts)
        ]


def scripted(lines: list[str]) -> Saying:
    """Return a policy that answers in an order that is written down."""
    left = iter(lines)
    return Saying(lambda talk: next(left))
