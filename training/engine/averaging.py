"""Averaged weights: kept beside the live ones, saved as the model in their place.

The live weights learn as they would without; the average only watches. It takes one
further copy of the weights that are trained, in float32: in bfloat16 the small steps of
an average would be rounded away. Of adapters the two factors are averaged, each by
itself.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Iterable
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


class Average:
    """An average of weights that learn, which only watches them.

    Args:
        live: the weights.
        kind: ``ema``, which begins with the weights before the first step; or
            ``tail``, the mean over the last steps.
        decay: of ``ema``, once the run is long enough.
        share: of the run's steps, which ``tail`` is the mean over.

    Source: Polyak and Juditsky 1992; Izmailov et al. 2018, Averaging Weights Leads to
    Wider Optima and Better Generalization (the running mean).
    """

    def __init__(
        self, live: Iterable[Parameter], kind: str, *, decay: float, share: float
    ) -> None:
        self._kind = kind
        self._decay = decay
        self._share = share
        self._live = list(live)
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

    def begin(self) -> None:
        """Begin with the weights as they are."""
        copies = [Parameter(p.detach().float(), False) for p in self._live]
        self._kept = AveragedModel(ParameterList(copies), avg_fn=self._averaged)
        if self._kind == "ema":
            self._take()

    def step(self, done: int, total: int) -> None:
        """Take the weights in that a step has left, of ``total`` the one ``done``."""
        if self._kind == "ema" or done > tail_start(total, self._share):
            self._take()

    def state(self) -> dict[str, Any]:
        """Return what a checkpoint keeps."""
        assert self._kept is not None
        return dict(self._kept.state_dict())

    def load(self, state: dict[str, Any]) -> None:
        """Go on from what a checkpoint kept."""
        assert self._kept is not None
        self._kept.load_state_dict(state)

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


class AveragedWeights(TrainerCallback):
    """Averages the trained weights after every optimiser step of a trainer.

    Args:
        average: of the weights.
        resumed: the checkpoint that the run goes on from.
    """

    def __init__(self, average: Average, *, resumed: Path | None = None) -> None:
        self._average = average
        self._resumed = resumed

    @property
    def nbytes(self) -> int:
        """The memory the average takes."""
        return self._average.nbytes

    @property
    def steps(self) -> int:
        """The optimiser steps that are in the average."""
        return self._average.steps

    def on_train_begin(
        self,
        args: TrainingArguments,
        state: TrainerState,
        control: TrainerControl,
        **kwargs: Any,
    ) -> None:
        """Begin with the weights, or with what the checkpoint kept."""
        self._average.begin()
        if self._resumed is not None:
            self._average.load(_stored(self._resumed))

    def on_step_end(
        self,
        args: TrainingArguments,
        state: TrainerState,
        control: TrainerControl,
        **kwargs: Any,
    ) -> None:
        """Take the weights in that a step has left."""
        self._average.step(state.global_step, state.max_steps)

    def on_save(
        self,
        args: TrainingArguments,
        state: TrainerState,
        control: TrainerControl,
        **kwargs: Any,
    ) -> None:
        """Add the average to the checkpoint that was just written."""
        if state.is_world_process_zero:
            name = f"checkpoint-{state.global_step}"
            target = Path(str(args.output_dir)) / name / FILE
            save_file(self._average.state(), str(target))

    def give(self) -> None:
        """Put the average in the place of the live weights."""
        self._average.give()


def average_of(context: RunContext, live: Iterable[Parameter]) -> Average | None:
    """Return what averages a run's weights, or None if nothing is to."""
    kind = str(context.params.get("averaging", "none"))
    if kind == "none":
        return None
    return Average(
        live,
        kind,
        decay=context.number("averaging_decay"),
        share=context.number("averaging_share"),
    )


def averaged_weights(
    trainer: Trainer, context: RunContext, resumed: Path | None
) -> AveragedWeights | None:
    """Return what averages a run's weights, or None if nothing is to.

    Raises:
        FixableError: if no process holds the weights whole.
    """
    if context.params.get("averaging", "none") == "none":
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
    average = average_of(context, (p for p in model.parameters() if p.requires_grad))
    return None if average is None else AveragedWeights(average, resumed=resumed)


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
