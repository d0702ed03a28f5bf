"""What the reference would have earned: its completions, scored once a prompt."""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor

from training.engine.models import Loaded
from training.engine.online.rewards import RewardSource
from training.engine.online.rollout import Drawing, LocalSampler
from training.engine.online.scored import Scored
from training.engine.ppo.actor_critic import Reference
from training.engine.sampling import Prompt


@dataclass
class ReferenceRewards:
    """Samples the reference for every prompt when it is first met.

    What a prompt gets depends on the seed and the prompt alone, so a resumed run finds
    the same numbers again.

    Attributes:
        samples: M, completions of each prompt.
    """

    policy: Loaded
    reference: Reference
    sources: Sequence[RewardSource]
    drawing: Drawing
    samples: int
    seed: int
    device: torch.device
    _known: dict[str, list[list[float]]] = field(default_factory=dict)

    def __call__(self, scored: Scored) -> Tensor:
        """Return rewards of the reference's completions, (N, M, K)."""
        prompts = {r.prompt.prompt_id: r.prompt for r in scored.rollouts}
        for key, prompt in prompts.items():
            if key not in self._known:
                self._known[key] = self._measured(prompt)
        table = [self._known[r.prompt.prompt_id] for r in scored.rollouts]
        return torch.tensor(table, dtype=torch.float32, device=self.device)

    def _measured(self, prompt: Prompt) -> list[list[float]]:
        seed = zlib.crc32(f"{self.seed}/{prompt.prompt_id}".encode())
        with self.reference.active() as model:
            sampler = LocalSampler(self.policy, model, self.drawing, self.device)
            found = sampler.sample(
                [prompt], self.samples, seed=seed, tick=lambda done: None
            )
        columns = [source.score(found) for source in self.sources]
        return [list(row) for row in zip(*columns, strict=True)]
