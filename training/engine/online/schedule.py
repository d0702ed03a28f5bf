"""How step sizes go over a run's updates."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch.optim.lr_scheduler import LambdaLR
from transformers import get_scheduler


def scheduled(
    optimizer: torch.optim.Optimizer, name: str, warmup: int, total: int
) -> LambdaLR:
    """Return a schedule over updates whose first one learns too.

    The rate rises to its peak in equal parts and is reached behind ``warmup`` updates.
    One that starts at zero would sample a whole buffer and learn nothing from it.
    """
    later: Any = get_scheduler(
        name, optimizer, num_warmup_steps=warmup + 1, num_training_steps=total + 1
    )
    factor: Callable[[int], float] = later.lr_lambdas[0]
    return LambdaLR(optimizer, lambda step: factor(step + 1))
