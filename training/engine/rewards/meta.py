"""Meta-learned reward models: learn from weights that tell a policy's samples apart.

A reward model trained on old pairs scores the completions of a policy that has moved
on nearly alike. Each step therefore takes the gradient of its loss not where the
weights are but a little way towards where those completions stand further apart.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from training.engine.rewards.examples import Collator
from training.engine.rewards.model import RewardModel
from training.engine.rewards.objective import terms_of
from training.engine.rewards.terms import RewardBatch


def spread(scores: Tensor) -> Tensor:
    """Return J = (2/k^2) sum_{i<j} sig(|r_i - r_j|) of each prompt's samples, (P,).

    Args:
        scores: k completions of P prompts, shape (P, k).

    Source: Wang et al. 2024, Secrets of RLHF in Large Language Models Part II, MetaRM.
    """
    count = scores.shape[1]
    gaps = (scores[:, :, None] - scores[:, None, :]).abs()  # (P, k, k)
    above = torch.ones_like(gaps[0]).triu(1)
    return 2 / count**2 * (torch.sigmoid(gaps) * above).sum((1, 2))


@contextmanager
def moved(
    parameters: Sequence[nn.Parameter], directions: Sequence[Tensor | None], rate: float
) -> Iterator[None]:
    """Move weights by ``rate`` times their directions, and bring them back after."""
    kept = [parameter.detach().clone() for parameter in parameters]
    with torch.no_grad():
        for parameter, direction in zip(parameters, directions, strict=True):
            if direction is not None:
                parameter.add_(direction, alpha=rate)
    try:
        yield
    finally:
        with torch.no_grad():
            for parameter, old in zip(parameters, kept, strict=True):
                parameter.copy_(old)


@dataclass(frozen=True)
class Samples:
    """A policy's completions, a few prompts of which every step looks at.

    Attributes:
        collator: holds one example a prompt, its members the completions.
        prompts: how many a step looks at.
        rate: eta, how far a step goes before it takes its gradient.
    """

    collator: Collator
    prompts: int
    rate: float
    seed: int

    def at(self, step: int) -> RewardBatch:
        """Return the completions of a step; the same for all its forward passes."""
        examples = self.collator.examples
        order = list(range(len(examples)))
        random.Random(f"{self.seed}/samples").shuffle(order)
        count = min(self.prompts, len(order))
        places = [(step * count + i) % len(order) for i in range(count)]
        return self.collator.batch([examples[order[place]] for place in places])


def towards_spread(
    model: RewardModel, batch: RewardBatch
) -> tuple[list[nn.Parameter], list[Tensor | None], float]:
    """Return what learns, the gradient of the mean J by it, and that J."""
    terms = terms_of(model, batch)
    scores = model.value(terms.output)[batch.members]  # (P, k)
    found = spread(scores).mean()
    learns = [p for p in model.parameters() if p.requires_grad]
    slopes = torch.autograd.grad(found, learns, allow_unused=True)
    return learns, list(slopes), float(found.detach())
