"""Averaged weights: kept beside the live ones, saved as the model in their place.

The live weights learn as they would without; the average only watches. It takes one
further copy of the weights that are trained, in float32: in bfloat16 the small steps of
an average would be rounded away. Of adapters the two factors are averaged, each by
itself.
"""

from __future__ import annotations

import math
import sys
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor
from torch.nn import Module, Parameter, ParameterList
from torch.optim.swa_utils import AveragedModel, get_swa_avg_fn
from transformers import (
    Trainer,
    TrainerCallback,
    TrainerControl,
    TrainerState,
    TrainingArguments,
)

from training.engine.context import RunContext
from training.engine.errors import FixableError

FILE = "averaged_weights.safetensors"
"""In a checkpoint: the average, and from how many steps it was made."""


def ema_decay(step: int, decay: float) -> float:
    """Return what the average keeps of itself at a step, the first being 1.

    It rises to ``decay``, so that a short run's average forgets where it began.
    """
    return min(decay, (1 + step) / (10 + step))


def tail_start(steps: int, share: float) -> int:
    """Return the steps that the mean over the last share of a run leaves out."""
    # What a share of the steps is short of a whole number by rounding is no step.
    return min(steps - 1, steps - math.ceil(share * steps - 1e-9))


class AveragedWeights(TrainerCallback):
    """Averages the trained weights after every optimiser step.

    Args:
        kind: ``ema``, which begins with the weights before the first step; or
            ``tail``, the mean over the last steps.
        decay: of ``ema``, once the run is long enough.
        share: of the run's steps, which ``tail`` is the mean over.
        resumed: the checkpoint that the run goes on from.

    Source: Polyak and Juditsky 1992; Izmailov et al. 2018, Averaging Weights Leads to
    Wider Optima and Better Generalization (the running mean).
    """

    def __init__(
        self,
        model: Module,
        kind: str,
        *,
        decay: float,
        share: float,
        resumed: Path | None = None,
    ) -> None:
        self._kind = kind
        self._decay = decay
        self._share = share
        self._resumed = resumed
        self._live = [p for p in model.parameters() if p.requires_grad]
        self._kept: AveragedModel | None = None

    @property
    def nbytes(self) -> int:
        """The memory the average takes."""
        return sum(4 * parameter.numel() for parameter in self._live)

    @property
    def steps(self) -> int:
        """The optimiser steps that are in the average."""
        if self._kept is None:
            return 0
        return int(self._kept.n_averaged) - (self._kind == "ema")

    def on_train_begin(
        self,
        args: TrainingArguments,
        state: TrainerState,
        control: TrainerControl,
        **kwargs: Any,
    ) -> None:
        """Begin with the weights, or with what the checkpoint kept."""
        copies = [Parameter(p.detach().float(), False) for p in self._live]
        self._kept = AveragedModel(ParameterList(copies), avg_fn=self._averaged)
        if self._resumed is not None:
            self._kept.load_state_dict(_stored(self._resumed))
        elif self._kind == "ema":
            self._take()

    def on_step_end(
        self,
        args: TrainingArguments,
        state: TrainerState,
        control: TrainerControl,
        **kwargs: Any,
    ) -> None:
        """Take the weights in that a step has left."""
        skipped = tail_start(state.max_steps, self._share)
        if self._kind == "ema" or state.global_step > skipped:
            self._take()

    def on_save(
        self,
        args: TrainingArguments,
        state: TrainerState,
        control: TrainerControl,
        **kwargs: Any,
    ) -> None:
        """Add the average to the checkpoint that was just written."""
        assert self._kept is not None
        if state.is_world_process_zero:
            name = f"checkpoint-{state.global_step}"
            target = Path(str(args.output_dir)) / name / FILE
            save_file(self._kept.state_dict(), str(target))

    @torch.no_grad()
    def give(self) -> None:
        """Put the average in the place of the live weights.

        A run that its time ended before the tail began keeps the weights it has.
        """
        if not self.steps:
            print(
                "warning: the run ended before the steps to average began; the model "
                "has the weights of the last step",
                file=sys.stderr,
            )
            return
        assert self._kept is not None
        for live, kept in zip(self._live, self._kept.parameters(), strict=True):
            live.copy_(kept)

    def _take(self) -> None:
        assert self._kept is not None
        self._kept.update_parameters(ParameterList(self._live))

    def _averaged(self, kept: Tensor, live: Tensor, count: Tensor | int) -> Tensor:
        if self._kind == "tail":
            mean: Tensor = get_swa_avg_fn()(kept, live, count)
            return mean
        return kept.lerp(live.to(kept.dtype), 1 - ema_decay(int(count), self._decay))


def averaged_weights(
    trainer: Trainer, context: RunContext, resumed: Path | None
) -> AveragedWeights | None:
    """Return what averages a run's weights, or None if nothing is to.

    Raises:
        FixableError: if no process holds the weights whole.
    """
    kind = context.params.get("averaging", "none")
    if kind == "none":
        return None
    if trainer.is_fsdp_enabled or trainer.is_deepspeed_enabled:
        raise FixableError(
            "Weights that are spread over processes are not averaged.",
            expected="every process with the whole weights",
            found="FSDP or DeepSpeed",
            fix="Set averaging to none, or launch without them.",
            field="params.averaging",
        )
    model = trainer.model
    assert isinstance(model, Module)
    return AveragedWeights(
        model,
        str(kind),
        decay=context.number("averaging_decay"),
        share=context.number("averaging_share"),
        resumed=resumed,
    )


def _stored(checkpoint: Path) -> dict[str, Tensor]:
    path = checkpoint / FILE
    if not path.is_file():
        raise FixableError(
            "The checkpoint has no averaged weights.",
            expected=f"{FILE} in {checkpoint}",
            found="a run without averaging",
            fix="Set averaging to none to go on from it, or start the run afresh.",
            field="params.averaging",
        )
    return load_file(str(path))
