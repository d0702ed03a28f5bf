"""Frozen models that take part in what is sampled."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from training.engine.data import Messages
from training.engine.models import Loaded
from training.engine.online.rollout import Drawing
from training.engine.sampling import Prompt, Sampling, sample_batch


class Agent(Protocol):
    """Somebody who answers conversations."""

    def write(self, chats: Sequence[Messages]) -> list[str]:
        """Return what it says to each conversation."""


@dataclass(frozen=True)
class Writer:
    """A frozen agent; it writes greedily, so that what it is told decides."""

    loaded: Loaded
    drawing: Drawing

    def write(self, chats: Sequence[Messages]) -> list[str]:
        """Return what it says to each conversation."""
        settings = Sampling(
            temperature=0.0,
            top_p=1.0,
            max_new_tokens=self.drawing.max_new_tokens,
            max_prompt_tokens=self.drawing.max_prompt_tokens,
            batch_size=self.drawing.batch_size,
            seed=0,
        )
        jobs = [(Prompt(str(i), chat), 0) for i, chat in enumerate(chats)]
        size = settings.batch_size
        return [
            found.content
            for start in range(0, len(jobs), size)
            for found in sample_batch(
                self.loaded, jobs[start : start + size], settings, seed=0
            )
        ]
