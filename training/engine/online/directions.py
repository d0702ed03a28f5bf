"""Prompts that say how much each of two rewards counts: directions on an arc."""

from __future__ import annotations

import math
import random
from collections.abc import Sequence
from dataclasses import replace

import torch
from torch import Tensor

from training.engine.data import Messages
from training.engine.online.rollout import Rollout
from training.engine.sampling import Prompt


def direction(angle: float) -> tuple[float, float]:
    """Return the weights of both rewards at an angle in degrees; length one."""
    turn = math.radians(angle)
    return math.cos(turn), math.sin(turn)


def saying(messages: Messages, weights: Sequence[float]) -> Messages:
    """Return a conversation whose system message names the weights.

    They are whole numbers whose squares add up to 10,000, but for rounding.

    Source: Wang et al. 2024 (DPA), the authors' interface; the wording is ours.
    """
    named = ", ".join(f"{round(100 * weight)}" for weight in weights)
    asked = f"Weigh the qualities of your answer, in order, by {named}."
    first, *rest = messages or [{"role": "user", "content": ""}]
    if first["role"] == "system":
        return [{"role": "system", "content": f"{first['content']}\n{asked}"}, *rest]
    return [{"role": "system", "content": asked}, *messages]


def directed(
    prompts: Sequence[Prompt], *, arc: float, count: int, seed: int
) -> list[Prompt]:
    """Return each prompt under directions drawn from an arc, by seed and prompt.

    Args:
        arc: the largest angle from the first reward, either way, in degrees.
        count: directions of each prompt.
    """
    found = []
    for prompt in prompts:
        draw = random.Random(f"{seed}/{prompt.prompt_id}/directions")
        for number in range(count):
            weights = direction(draw.uniform(-arc, arc))
            found.append(
                replace(
                    prompt,
                    prompt_id=f"{prompt.prompt_id}:{number}",
                    messages=saying(prompt.messages, weights),
                    direction=weights,
                    bare=prompt.messages,
                )
            )
    return found


def along(rewards: Tensor, rollouts: Sequence[Rollout]) -> Tensor:
    """Return v.r of every completion, v its prompt's direction, (N,).

    Args:
        rewards: one column a reward, (N, K).
    """
    weights = torch.tensor([rollout.prompt.direction for rollout in rollouts])
    return (rewards * weights.to(rewards)).sum(1)
