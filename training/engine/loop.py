"""One training loop for every method: arguments, checkpoints, events, orders."""

from __future__ import annotations

import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from transformers import (
    PrinterCallback,
    ProgressCallback,
    Trainer,
    TrainerCallback,
    TrainerControl,
    TrainerState,
    TrainingArguments,
)

from training.engine import checkpoints, processes
from training.engine.averaging import averaged_weights
from training.engine.context import RunContext
from training.engine.errors import (
    FixableError,
    Interrupted,
    StopState,
    require_free,
)
from training.engine.finite import refuse_no_number
from training.engine.models import parameter_bytes
from training.engine.order import RowOrder

_ADAM_COPIES = 3
"""A checkpoint holds the weights and AdamW's two moments."""

RENAMED = {
    "accuracy": "rewards/accuracies",
    "margin": "rewards/margins",
    "mean_reward": "rewards/mean",
    "min_reward": "rewards/min",
    "max_reward": "rewards/max",
}
"""TRL's names for reward models, in the words used everywhere else."""

_NOT_METRICS = ("epoch", "step", "total_flos")


def training_arguments(context: RunContext) -> dict[str, Any]:
    """Return the arguments that every TRL configuration shares.

    TRL's own defaults are bf16, gradient checkpointing and a log every ten steps;
    each is set here on purpose.
    """
    spec = context.spec
    bf16 = spec.model.dtype == "bfloat16"
    seed = spec.seed
    return {
        "output_dir": str(context.out / "checkpoints"),
        "seed": seed,
        "data_seed": seed,
        "learning_rate": context.number("learning_rate"),
        "num_train_epochs": context.number("epochs"),
        "max_steps": spec.limits.max_steps or -1,
        "per_device_train_batch_size": context.integer("batch_size"),
        "per_device_eval_batch_size": context.integer("batch_size"),
        "gradient_accumulation_steps": context.integer("gradient_accumulation"),
        # A share below one is read as a share of the steps.
        "warmup_steps": context.number("warmup"),
        "lr_scheduler_type": context.text("schedule"),
        "weight_decay": context.number("weight_decay"),
        "max_grad_norm": context.number("max_grad_norm"),
        "gradient_checkpointing": context.flag("gradient_checkpointing"),
        "bf16": bf16,
        # The library takes bfloat16 for a GPU's, unless it is told that there is none.
        "use_cpu": not torch.accelerator.is_available(),
        "fp16": False,
        "logging_strategy": "steps",
        "logging_steps": context.integer("log_steps"),
        "logging_first_step": True,
        "logging_nan_inf_filter": False,
        # Checkpoints are asked for by the callback below, by steps or by time.
        "save_strategy": "no",
        "save_total_limit": 2,
        "eval_strategy": "no",
        "report_to": [],
        "disable_tqdm": not sys.stderr.isatty(),
        "dataloader_pin_memory": torch.cuda.is_available(),
        "max_length": context.integer("max_length"),
    }


class RunCallback(TrainerCallback):
    """Carries the run's events out and its supervisor's orders in.

    Attributes:
        stopped: the state the supervisor asked for, once it has.
        out_of_time: True if the time limit ended the loop early.
        averaged_steps: the steps in the averaged weights; None without averaging.
    """

    def __init__(self, context: RunContext, *, deadline: float | None = None) -> None:
        self.stopped: StopState | None = None
        self.out_of_time = False
        self.averaged_steps: int | None = None
        self.first: dict[str, float] = {}
        self.last: dict[str, float] = {}
        self._context = context
        self._deadline = deadline
        self._every_steps = context.params["checkpoint_steps"]
        self._every_seconds = context.params["checkpoint_seconds"]
        self._saved_at = time.monotonic()
        self._began_at = time.monotonic()
        self._began_step = 0

    def on_train_begin(
        self,
        args: TrainingArguments,
        state: TrainerState,
        control: TrainerControl,
        **kwargs: Any,
    ) -> None:
        """Start the clocks."""
        self._saved_at = self._began_at = time.monotonic()
        self._began_step = state.global_step

    def on_step_end(
        self,
        args: TrainingArguments,
        state: TrainerState,
        control: TrainerControl,
        **kwargs: Any,
    ) -> None:
        """Obey orders, then save if it is time to."""
        order = processes.agreed(self._context.control.requested())
        if order is not None:
            self.stopped = order
            control.should_training_stop = True
            # A cancelled run is not continued, so its state need not be kept.
            control.should_save = order == "preempted"
            return
        if self._deadline is not None and time.monotonic() >= self._deadline:
            self.out_of_time = state.global_step < state.max_steps
            control.should_training_stop = True
            return
        steps, seconds = self._every_steps, self._every_seconds
        due = bool(steps) and state.global_step % int(steps or 1) == 0
        if seconds is not None:
            late = time.monotonic() - self._saved_at >= float(seconds)
            # By the first process's clock, or some would save and others not.
            due = processes.from_main(late) or due
        if due and state.global_step < state.max_steps:
            control.should_save = True

    def on_save(
        self,
        args: TrainingArguments,
        state: TrainerState,
        control: TrainerControl,
        **kwargs: Any,
    ) -> None:
        """Seal the checkpoint that was just written."""
        self._saved_at = time.monotonic()
        # Every process writes the state of its own generators.
        processes.meet()
        if not state.is_world_process_zero:
            return
        path = Path(str(args.output_dir)) / f"checkpoint-{state.global_step}"
        checkpoints.seal(path, state.global_step)
        self._context.events.emit(
            "checkpoint", step=state.global_step, path=f"checkpoints/{path.name}"
        )

    def on_log(
        self,
        args: TrainingArguments,
        state: TrainerState,
        control: TrainerControl,
        logs: Mapping[str, Any] | None = None,
        **kwargs: Any,
    ) -> None:
        """Report a step's metrics and how far the run is."""
        if not logs or "train_runtime" in logs:
            return
        for name in ("loss", "grad_norm"):
            # Trainers that know the rows have refused already, and named them. Both
            # are the same in all processes, so that all of them end.
            if isinstance(logs.get(name), int | float):
                refuse_no_number(logs[name], name, state.global_step)
        if not state.is_world_process_zero:
            return
        metrics = {
            RENAMED.get(name, name): float(value)
            for name, value in logs.items()
            if name not in _NOT_METRICS and isinstance(value, int | float)
        }
        if "loss" in metrics:
            self.first = self.first or metrics
            self.last = metrics
        done = state.global_step - self._began_step
        spent = time.monotonic() - self._began_at
        left = (state.max_steps - state.global_step) * spent / done if done else None
        self._context.events.emit(
            "metrics",
            step=state.global_step,
            metrics=metrics,
            epoch=state.epoch,
            progress={
                "done": state.global_step,
                "total": state.max_steps,
                "unit": "steps",
                "elapsed_seconds": round(spent, 3),
                "remaining_seconds": None if left is None else round(left, 1),
            },
        )


def row_order(
    context: RunContext,
    lengths: Sequence[int],
    *,
    shuffled: bool,
    together: Sequence[str] | None = None,
) -> RowOrder:
    """Return the order in which rows of these lengths are trained on."""
    return RowOrder(
        lengths,
        context.integer("batch_size")
        * context.integer("gradient_accumulation")
        * processes.count(),
        seed=context.spec.seed,
        grouped=context.flag("group_by_length"),
        shuffled=shuffled,
        together=together,
    )


def train(
    trainer: Trainer, context: RunContext, callback: RunCallback, start: Start
) -> TrainerState:
    """Run the loop to its end, from a checkpoint if there is one.

    Raises:
        Interrupted: if the supervisor asked for an end; the step is in it.
        FixableError: if the disk cannot hold what the run will write.
    """
    model = trainer.model
    assert isinstance(model, torch.nn.Module)
    path = start.checkpoint.path if start.checkpoint else None
    average = averaged_weights(trainer, context, path)
    # Two checkpoints are kept while a third is written, and the model comes on top.
    needed = parameter_bytes(model) * (3 * _ADAM_COPIES + 1)
    needed += 3 * average.nbytes if average else 0
    if not (context.params["checkpoint_steps"] or context.params["checkpoint_seconds"]):
        needed = parameter_bytes(model) * 2
    require_free(context.out, needed)
    trainer.remove_callback(PrinterCallback)
    if not sys.stderr.isatty():
        trainer.remove_callback(ProgressCallback)
    if average:
        # Before the callback that seals the checkpoint it writes to.
        trainer.add_callback(average)
    trainer.add_callback(callback)
    trainer.train(resume_from_checkpoint=str(path) if path else None)
    if callback.stopped is not None:
        raise Interrupted(callback.stopped, trainer.state.global_step)
    if average:
        average.give()
        callback.averaged_steps = average.steps
    return trainer.state


@dataclass(frozen=True)
class Start:
    """Where a run begins, and what a person should know about that."""

    checkpoint: checkpoints.Checkpoint | None
    warnings: tuple[str, ...]

    def as_dict(self, *further: str) -> dict[str, Any]:
        """Return the fields of the ``started`` event.

        Args:
            further: what else a person should know, before the rest.
        """
        warnings = [*further, *self.warnings]
        if self.checkpoint is None:
            return {"resumed_from": None, "warnings": warnings}
        return {
            "resumed_from": {
                "path": str(self.checkpoint.path),
                "step": self.checkpoint.step,
            },
            "warnings": warnings,
        }


def starting_point(context: RunContext) -> Start:
    """Return the furthest whole checkpoint; say loudly what was passed over."""
    if not context.resume_from:
        return Start(None, ())
    choice = processes.from_main(
        checkpoints.choose(context.resume_from) if processes.is_main() else None
    )
    assert choice is not None
    if choice.checkpoint is not None:
        _require_everywhere(choice.checkpoint)
    warnings = [
        f"checkpoint {rejected['checkpoint']} was not used: {rejected['why']}"
        for rejected in choice.rejected
    ]
    if choice.checkpoint is None:
        warnings.append("no whole checkpoint was found, so the run starts afresh")
    for warning in warnings:
        print(f"warning: {warning}", file=sys.stderr)
    return Start(choice.checkpoint, tuple(warnings))


def _require_everywhere(checkpoint: checkpoints.Checkpoint) -> None:
    """Refuse a checkpoint that some process cannot read, in all of them.

    Raises:
        FixableError: naming the processes.
    """
    there = processes.everyones(checkpoint.path.is_dir())
    lacking = [str(rank) for rank, found in enumerate(there) if not found]
    if lacking:
        raise FixableError(
            "The checkpoint cannot be read by every process.",
            expected=f"{checkpoint.path} on every machine of the run",
            found=f"none for the processes {', '.join(lacking)}",
            fix="Keep the output directory on a disk that all machines share.",
            field="out",
        )
