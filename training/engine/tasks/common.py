"""What the training tasks share: limits, subsets and the metrics they end with."""

from __future__ import annotations

import gc
import time
from collections.abc import Callable, Sequence
from typing import Any

from transformers import PrinterCallback, Trainer

from training.engine import processes, subset
from training.engine.context import RunContext
from training.engine.data import read_pairs
from training.engine.evaluate import metrics as measures
from training.engine.loop import RunCallback
from training.engine.models import Loaded
from training.engine.scorers import reward_scores
from training.engine.tokens import pair_tokens

TRAINING_SHARE = 0.85
"""Share of the time limit planned for training; the rest saves and evaluates."""

VALIDATION_ROWS = 1000
"""A training run's own look at validation; the evaluate task takes all rows."""

Build = Callable[[Sequence[int], dict[str, Any]], Trainer]


def usable_length(context: RunContext, loaded: Loaded) -> int:
    """Return the asked maximum length, or the model's own if that is shorter."""
    return min(context.integer("max_length"), loaded.context)


def choose_rows(
    context: RunContext, lengths: Sequence[int], build: Build
) -> subset.Subset:
    """Return the rows to train on under the run's limits, and record them.

    A time limit is met by timing a few real optimiser steps on a throwaway copy of
    the model. A resumed run takes the rows its predecessor recorded.
    """
    limits, seed = context.spec.limits, context.spec.seed
    earlier = processes.from_main(
        subset.load(context.resume_from, of=len(lengths), seed=seed)
    )
    if earlier is not None:
        subset.save(earlier, context.out)
        return earlier
    chosen = subset.by_rows(len(lengths), limits.max_rows, seed)
    if limits.seconds is not None:
        per_step = context.integer("batch_size")
        per_step *= context.integer("gradient_accumulation")
        speed = _measure(context, lengths, per_step, build)
        left = limits.seconds * TRAINING_SHARE - context.elapsed()
        chosen = subset.by_seconds(
            chosen,
            lengths,
            tokens_per_second=speed,
            seconds=max(left, 0.0),
            epochs=context.number("epochs"),
            at_least=per_step,
        )
    if chosen.summary() is not None:
        subset.save(chosen, context.out)
    return chosen


def _measure(
    context: RunContext, lengths: Sequence[int], per_step: int, build: Build
) -> float:
    rows = subset.timing_rows(lengths, per_step, context.spec.seed)
    # Longest first, as the loop's own sampler would put them into batches.
    rows.sort(key=lambda i: -lengths[i])
    clock = subset.StepClock()
    trainer = build(
        rows,
        {
            "max_steps": subset.TIMED_STEPS + 1,
            "output_dir": str(context.out / "timing"),
            "logging_strategy": "no",
        },
    )
    trainer.remove_callback(PrinterCallback)
    trainer.add_callback(clock)
    trainer.train()
    tokens = subset.step_tokens([lengths[i] for i in rows], per_step)
    speed = clock.tokens_per_second(tokens)
    del trainer
    gc.collect()
    return speed


def deadline(context: RunContext) -> float | None:
    """Return when training must end, on the monotonic clock."""
    seconds = context.spec.limits.seconds
    if seconds is None:
        return None
    left = seconds * (1 + TRAINING_SHARE) / 2 - context.elapsed()
    return time.monotonic() + max(left, 0.0)


def subset_report(kept: subset.Subset, callback: RunCallback) -> dict[str, Any] | None:
    """Return what the status says about rows and time left out."""
    report = kept.summary()
    if report is not None:
        report["out_of_time"] = callback.out_of_time
    return report


def training_metrics(callback: RunCallback) -> dict[str, Any]:
    """Return the first and last logged values of the loop."""
    metrics: dict[str, Any] = {f"first/{k}": v for k, v in callback.first.items()}
    metrics |= {f"last/{k}": v for k, v in callback.last.items()}
    if callback.averaged_steps is not None:
        metrics["averaging/steps"] = callback.averaged_steps
    return metrics


def validate_reward(
    context: RunContext, loaded: Loaded, max_length: int
) -> dict[str, Any]:
    """Return a reward model's accuracy on the validation pairs, if there are any."""
    path = context.spec.data.validation
    if path is None:
        return {}
    found = read_pairs(
        path,
        field="data.validation",
        pool=context.flag("pool_labels"),
        decided_only=True,
        may_be_empty=True,
    )
    pairs = found.pairs[:VALIDATION_ROWS]
    if not pairs:
        return {}
    rows, _ = pair_tokens(loaded.tokenizer, pairs, max_length)
    scores = reward_scores(
        loaded.model,
        [row.prompt + row.chosen for row in rows]
        + [row.prompt + row.rejected for row in rows],
        pad_token_id=int(loaded.tokenizer.pad_token_id or 0),
        batch_size=2 * context.integer("batch_size"),
    )
    gaps = [
        a - b for a, b in zip(scores[: len(rows)], scores[len(rows) :], strict=True)
    ]
    return {
        "validation/accuracy": measures.pair_accuracy(gaps),
        "validation/loss": measures.pair_loss(gaps),
        "validation/rows": len(rows),
    }
