"""Several processes of one run: who is first, what they agree on, how they meet.

A launcher (``accelerate launch``, ``torchrun``) starts the same command once for every
device and says so in the environment. Each process holds whole weights and learns from
its share of every step; the first one alone writes. A process by itself agrees with
itself: nothing here costs it anything, or imports torch.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from datetime import timedelta
from typing import TYPE_CHECKING, Any, TypeVar

from training.engine.errors import FixableError, Interrupted, StopState

if TYPE_CHECKING:
    from torch import Tensor

_PATIENCE = timedelta(hours=2)
"""How long processes wait for each other: one that died is noticed by the launcher."""

_SHARDED = {"ACCELERATE_USE_FSDP": "FSDP", "ACCELERATE_USE_DEEPSPEED": "DeepSpeed"}
_LOST = ("connection closed by peer", "connection reset by peer", "gloo", "nccl")

T = TypeVar("T")


def count() -> int:
    """Return how many processes the run has."""
    return int(os.environ.get("WORLD_SIZE", "1"))


def rank() -> int:
    """Return this process's number among them."""
    return int(os.environ.get("RANK", "0"))


def is_main() -> bool:
    """Return whether this is the process that writes."""
    return rank() == 0


def join() -> None:
    """Meet the other processes; nothing to do where there are none.

    Raises:
        FixableError: if the weights would be spread over them, or they do not meet.
    """
    if count() == 1:
        return
    for name, what in _SHARDED.items():
        if os.environ.get(name, "").lower() in ("1", "true"):
            raise FixableError(
                "Weights spread over several devices cannot be trained here.",
                expected="whole weights on every device",
                found=f"an accelerate configuration with {what}",
                fix="Configure accelerate without it; use lora, a smaller batch_size "
                "or gradient_checkpointing where a device is too small.",
            )
    import torch
    from accelerate import PartialState

    if not torch.accelerator.is_available():
        # Left to themselves, processes without an accelerator would each run alone.
        os.environ["ACCELERATE_USE_CPU"] = "true"
    own = os.environ.get("ACCELERATE_USE_CPU", "").lower() in ("1", "true")
    state = PartialState(cpu=own, timeout=_PATIENCE)
    if state.num_processes != count():
        raise FixableError(
            "The processes of the run do not meet.",
            expected=f"{count()} processes, as the launcher says",
            found=str(state.num_processes),
            fix="Look at the launcher's configuration, or run one process.",
        )


def together() -> bool:
    """Return whether there are others, and they have been met."""
    if count() == 1:
        return False
    import torch

    return torch.distributed.is_available() and torch.distributed.is_initialized()


def across(value: Tensor) -> Tensor:
    """Return the sum of ``value`` over all processes; all must call."""
    if not together():
        return value
    import torch

    total = value.clone()
    torch.distributed.all_reduce(total)
    return total


def everyones(value: T) -> list[T]:
    """Return what each process gives, in their order; all must call."""
    if not together():
        return [value]
    import torch

    found: list[Any] = [None] * count()
    torch.distributed.all_gather_object(found, value)
    return found


def from_main(value: T) -> T:
    """Return what the first process gives; all must call."""
    if not together():
        return value
    import torch

    found: list[Any] = [value]
    torch.distributed.broadcast_object_list(found, src=0)
    given: T = found[0]
    return given


def meet() -> None:
    """Wait until every process is here."""
    everyones(None)


def summed(values: Mapping[str, float]) -> dict[str, float]:
    """Return the sum of each number over the processes that have it; all must call."""
    total: dict[str, float] = {}
    for part in everyones(dict(values)):
        for name, value in part.items():
            total[name] = total.get(name, 0.0) + value
    return total


def averaged(values: Mapping[str, float]) -> dict[str, float]:
    """Return the mean of each number over the processes that have it; all must call."""
    parts = everyones(dict(values))
    names = dict.fromkeys(name for part in parts for name in part)
    return {
        name: sum(found) / len(found)
        for name in names
        if (found := [part[name] for part in parts if name in part])
    }


def agreed(order: StopState | None) -> StopState | None:
    """Return one order for all processes, so that they stop at the same place."""
    if not together():
        return order
    states: list[StopState | None] = [None, "preempted", "cancelled"]
    return states[max(everyones(states.index(order)))]


def obey(order: StopState | None, step: int = 0) -> None:
    """End the run here, in all processes, if one of them was told to; all must call.

    Raises:
        Interrupted: with the state to end in.
    """
    found = agreed(order)
    if found is not None:
        raise Interrupted(found, step)


def lost(error: BaseException) -> FixableError | None:
    """Return a readable error if what failed is talking to another process."""
    if not together():
        return None
    import torch

    text = str(error).lower()
    told = isinstance(error, torch.distributed.DistError)
    if not told and not any(sign in text for sign in _LOST):
        return None
    return FixableError(
        "Another process of the run ended without a word.",
        expected=f"{count()} processes to the end of the run",
        found=str(error)[:300],
        fix="Mostly it was killed because the machine ran out of memory: lower "
        "batch_size or max_length. Its last words are in the log. Then resume.",
    )
