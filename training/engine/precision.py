"""In which numbers a run computes, and in which its weights are kept.

``dtype`` bfloat16 is for the arithmetic. Weights that learn are kept in float32: in
bfloat16 a step of usual size is less than half of what their last digit stands for, so
that most of them would never move. Under adapters the weights below rest, and are kept
as they are read.
"""

from __future__ import annotations

import torch

from training.engine.spec import ModelPart, Spec


def learning_part(spec: Spec) -> ModelPart:
    """Return the model to train, in the numbers that it learns in."""
    return spec.model if spec.lora else ModelPart(source=spec.model.source)


def arithmetic(spec: Spec, device: torch.device) -> torch.autocast:
    """Return what a run's forward passes are made under, on a device."""
    lower = spec.model.dtype == "bfloat16"
    return torch.autocast(device.type, dtype=torch.bfloat16, enabled=lower)
