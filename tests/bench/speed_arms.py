"""Both sides of the speed comparison: our run as a user starts it, and TRL's loop."""

from __future__ import annotations

import gc
import json
import multiprocessing
import os
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager, redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest import mock

import torch
from datasets import Dataset
from trl.trainer.dpo_config import DPOConfig
from trl.trainer.dpo_trainer import DPOTrainer
from trl.trainer.reward_config import RewardConfig
from trl.trainer.reward_trainer import RewardTrainer

from tests.bench.speed_data import BATCH, SEED, Rows
from training.engine import cli, loop
from training.engine.layout import Branch, lay_out
from training.engine.logprobs import token_logprobs
from training.engine.models import Loaded, load_policy, load_reward
from training.engine.spec import ModelPart
from training.engine.tasks import dpo, reward_heads

RATE, BETA = 1e-5, 0.1


@dataclass(frozen=True)
class Size:
    """What both sides train at once, and how often.

    Attributes:
        micro: pairs of a forward pass; ``BATCH`` of them make an optimiser step.
        longest: tokens of the longest sequence.
        dtype: of the arithmetic; the weights that learn are in float32 on both sides.
    """

    part: ModelPart
    epochs: int
    longest: int
    micro: int
    dtype: str

    @property
    def passes(self) -> int:
        """Forward passes of an optimiser step."""
        return BATCH // self.micro


@dataclass(frozen=True)
class Spent:
    """Seconds of one side, as `now` counts them, and what it left.

    Attributes:
        reference: of these, the pass of the frozen reference before training.
        model: ours: the model's directory.
        losses: TRL's: what was found of its trainer, where something was asked.
    """

    seconds: float
    reference: float = 0.0
    model: Path | None = None
    losses: Any = None


def alone(side: Callable[[], Spent], part: ModelPart) -> Spent:
    """Run one side in a process of its own, after a step that is not timed.

    So neither finds the memory that the other left or pays for a first step.
    """
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(1, context, _warm, (part,)) as pool:
        return pool.submit(side).result()


def now() -> float:
    """Return the process's CPU seconds; with an accelerator, seconds of the clock.

    All that was asked of the accelerator is done by then.
    """
    if not torch.cuda.is_available():
        return time.process_time()
    torch.cuda.synchronize()
    return time.perf_counter()


def _warm(part: ModelPart) -> None:
    torch.set_num_threads(1)
    model: torch.nn.Module = load_policy(part, seed=SEED).model
    if torch.cuda.is_available():
        model.to("cuda")
    items = [Branch((5, 6, 7), (word,) * 300) for word in (8, 9)]
    token_logprobs(model, lay_out(items, pad_token_id=0)).sum().backward()
    del model
    gc.collect()
    if torch.cuda.is_available():
        torch.cuda.empty_cache()


class Clock:
    """Adds up the seconds of the functions it is put around."""

    def __init__(self) -> None:
        self.seconds = 0.0

    @contextmanager
    def around(self, owner: Any, name: str) -> Iterator[None]:
        """Time a function of a module while the block runs."""
        plain = getattr(owner, name)

        def timed(*args: Any, **kwargs: Any) -> Any:
            began = now()
            try:
                return plain(*args, **kwargs)
            finally:
                self.seconds += now() - began

        with mock.patch.object(owner, name, timed):
            yield


def ours(data: Path, out: Path, size: Size, **method: Any) -> Spent:
    """Train as a user does: a method's own settings, but for the checkpoints.

    Args:
        method: ``task``, ``preset`` and further ``params``.
    """
    out.mkdir(parents=True)
    path = out / "spec.json"
    params = {
        "epochs": size.epochs,
        "batch_size": size.micro,
        "gradient_accumulation": size.passes,
        "max_length": size.longest,
        "learning_rate": RATE,
        # TRL's runs write none either.
        "checkpoint_seconds": None,
        **method.pop("params", {}),
    }
    spec = {
        "version": 1,
        "seed": SEED,
        "model": {"source": size.part.source, "dtype": size.dtype},
        "data": {"train": str(data)},
        "params": params,
        **method,
    }
    path.write_text(json.dumps(spec))
    training, frozen = Clock(), Clock()
    with (
        training.around(loop, "train"),
        frozen.around(dpo, "run_frozen"),
        # An empty cache, so that the reference's pass is paid for.
        mock.patch.dict(os.environ, {"HONE_VAR": str(out / "var")}),
        redirect_stdout(sys.stderr),
    ):
        code = cli.main(["run", str(path), "--out", str(out)])
    if code:
        raise SystemExit(f"error: {out} ended with code {code}; see its status.json")
    return Spent(training.seconds + frozen.seconds, frozen.seconds, model=out / "model")


def apart(*args: Any, **method: Any) -> Spent:
    """Train as we do, but every completion with its prompt in a row of its own."""
    method["params"] = {**method.get("params", {}), "group_by_length": False}
    with mock.patch.object(reward_heads, "can_share", lambda model: False):
        return ours(*args, **method)


def stock(out: Path, size: Size) -> dict[str, Any]:
    """Return TRL's settings: its own, where those of ours do not say otherwise."""
    return {
        "output_dir": str(out),
        "per_device_train_batch_size": size.micro,
        "gradient_accumulation_steps": size.passes,
        "num_train_epochs": size.epochs,
        "max_length": size.longest,
        "learning_rate": RATE,
        "bf16": size.dtype == "bfloat16",
        "use_cpu": not torch.cuda.is_available(),
        "gradient_checkpointing": False,
        "save_strategy": "no",
        "report_to": [],
        "disable_tqdm": True,
        "seed": SEED,
    }


Look = Callable[[Any], Any]
"""Asks a trainer that has trained for something."""


def trl_dpo(rows: Rows, out: Path, size: Size, *, look: Look | None = None) -> Spent:
    """Train DPO on TRL's trainer."""
    loaded = load_policy(size.part, seed=SEED)
    return _timed(
        lambda: DPOTrainer(
            model=loaded.model,
            ref_model=load_policy(size.part, seed=SEED).model,
            args=DPOConfig(**stock(out, size), beta=BETA),
            train_dataset=conversational(rows),
            processing_class=loaded.tokenizer,
        ),
        look,
    )


def trl_reward(rows: Rows, out: Path, size: Size, *, look: Look | None = None) -> Spent:
    """Train a reward model on TRL's trainer."""
    loaded: Loaded = load_reward(size.part, seed=SEED)
    return _timed(
        lambda: RewardTrainer(
            model=loaded.model,
            args=RewardConfig(**stock(out, size)),
            train_dataset=conversational(rows),
            processing_class=loaded.tokenizer,
        ),
        look,
    )


def _timed(build: Callable[[], Any], look: Look | None) -> Spent:
    trainer = build()
    began = now()
    trainer.train()
    spent = now() - began
    # AdamW's moments are half of the memory, and the loss needs none of them.
    trainer.optimizer = None
    trainer.model.zero_grad()
    return Spent(spent, losses=look(trainer) if look else None)


def conversational(rows: Rows) -> Dataset:
    """Return pairs as TRL reads them."""
    names = ("prompt", "chosen", "rejected")
    return Dataset.from_list([{name: row[name] for name in names} for row in rows])
