"""What a run ran on, kept with it so that a person can reproduce it."""

from __future__ import annotations

import os
from importlib.metadata import version
from typing import Any

import torch

PACKAGES = ("torch", "transformers", "trl", "peft", "accelerate")


def environment(model: torch.nn.Module) -> dict[str, Any]:
    """Return versions, devices and sizes: what the same metrics need again.

    Versions are read from the installed packages, so that a run which does not train
    need not load the trainers.
    """
    return {
        **{name: version(name) for name in PACKAGES},
        "device": str(next(model.parameters()).device),
        "gpus": torch.cuda.device_count(),
        "threads": torch.get_num_threads(),
        "processes": int(os.environ.get("WORLD_SIZE", "1")),
        "parameters": sum(p.numel() for p in model.parameters()),
        "trainable_parameters": sum(
            p.numel() for p in model.parameters() if p.requires_grad
        ),
    }
