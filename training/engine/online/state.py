"""A run's state between two updates: all that a resumed run needs, and no more.

Sampling and the order of minibatches are drawn from seed and update alone, so no
generator's state has to be kept for a resumed run to go on exactly as it would have.
"""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Protocol

import torch
from torch import nn

from training.engine import checkpoints, processes
from training.engine.context import RunContext
from training.engine.errors import FixableError
from training.engine.ppo.kl import KLController
from training.engine.ppo.shaping import ScoreScale

FILE = "state.pt"
_KEPT = 2


class Beside(Protocol):
    """What learns or is kept beside the policy, as a checkpoint sees it."""

    def state(self) -> dict[str, Any]:
        """Return what a checkpoint keeps."""

    def load(self, state: dict[str, Any]) -> None:
        """Go on from what a checkpoint kept."""

    @property
    def nbytes(self) -> int:
        """The memory that its weights take."""


@dataclass
class LoopState:
    """What changes from update to update beside the optimiser.

    Attributes:
        step: updates done.
        kl: the coefficient of the KL penalty and how it is steered.
        scale: how scores are moved and scaled.
        memory: what parts of the advantage pipeline remember, as plain numbers.
    """

    step: int
    kl: KLController
    scale: ScoreScale
    memory: dict[str, list[float]] = field(default_factory=dict)


def trained(model: nn.Module) -> dict[str, torch.Tensor]:
    """Return the weights that training changes, by name."""
    learns = {name for name, p in model.named_parameters() if p.requires_grad}
    return {name: value for name, value in model.state_dict().items() if name in learns}


def save(
    context: RunContext,
    state: LoopState,
    model: nn.Module,
    optimizer: torch.optim.Optimizer,
    scheduler: Any,
    beside: Mapping[str, Beside],
) -> None:
    """Write and seal a checkpoint, then drop all but the newest two.

    Of several processes with the same weights, the first alone writes.

    Args:
        beside: what else changes from update to update, by name.
    """
    if not processes.is_main():
        return
    folder = context.out / "checkpoints"
    path = folder / f"checkpoint-{state.step}"
    if checkpoints.flaw(path) is None:
        return
    path.mkdir(parents=True, exist_ok=True)
    torch.save(
        {
            "state": asdict(state),
            "model": trained(model),
            "optimizer": optimizer.state_dict(),
            "scheduler": scheduler.state_dict(),
            "beside": {name: part.state() for name, part in beside.items()},
        },
        path / FILE,
    )
    checkpoints.seal(path, state.step)
    context.events.emit("checkpoint", step=state.step, path=f"checkpoints/{path.name}")
    for old in checkpoints.candidates((context.out,))[_KEPT:]:
        shutil.rmtree(old.path)


def load(
    path: Path,
    state: LoopState,
    model: nn.Module,
    optimizer: torch.optim.Optimizer,
    scheduler: Any,
    beside: Mapping[str, Beside],
) -> None:
    """Bring everything back to where a checkpoint left it.

    Raises:
        FixableError: if the run that wrote it lacked something that this one keeps.
    """
    # Everything is copied to where it belongs; an accelerator never holds it twice.
    stored = torch.load(path / FILE, map_location="cpu", weights_only=True)
    model.load_state_dict(stored["model"], strict=False)
    optimizer.load_state_dict(stored["optimizer"])
    scheduler.load_state_dict(stored["scheduler"])
    others = stored.get("beside", {})
    for name, part in beside.items():
        if name not in others:
            raise FixableError(
                f"The checkpoint has nothing of {name}.",
                expected=f"{name} among {', '.join(others) or 'nothing'} in {path}",
                found="a run without it",
                fix="Resume with the settings it was started with, or start afresh.",
                field="params",
            )
        part.load(others[name])
    kept = stored["state"]
    state.step = kept["step"]
    state.kl = KLController(**kept["kl"])
    state.scale = ScoreScale(**kept["scale"])
    state.memory = kept["memory"]
