"""Sample completions of prompts; finished batches are written as they come."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from training.engine.augmented import ValueSteering, value_model
from training.engine.context import RunContext, TaskResult
from training.engine.data import PROMPT_COLUMNS, read_table
from training.engine.deadline import Deadline
from training.engine.environment import environment
from training.engine.models import Loaded, load_policy, placed
from training.engine.progress import Progress
from training.engine.sampling import Completion, Prompt, Sampling, sample
from training.engine.scorers import completion_logprobs
from training.engine.trees import sample_trees

STREAM = "completions.jsonl"
FINAL = "completions.parquet"

SCHEMA = pa.schema(
    [
        ("prompt_id", pa.string()),
        ("sample", pa.int32()),
        ("content", pa.string()),
        ("finish_reason", pa.string()),
        ("tokens", pa.int32()),
        ("mean_logprob", pa.float64()),
        ("reference_logprob", pa.float64()),
        ("parent", pa.int32()),
        ("branch_at", pa.int32()),
    ]
)

_SHOWN_SAMPLES = 5

Row = dict[str, Any]


def run(context: RunContext) -> TaskResult:
    """Sample completions; leave ``completions.jsonl`` and ``completions.parquet``.

    Under ``limits.seconds`` the first prompts are answered, one batch at least. With a
    reference, each row says the completion's log-probability under it, in nats.
    """
    spec = context.spec
    assert spec.data.prompts is not None
    prompts = read_prompts(spec.data.prompts)
    if spec.limits.max_rows is not None:
        prompts = prompts[: spec.limits.max_rows]
    samples = context.integer("samples")
    loaded = placed(load_policy(spec.model, seed=spec.seed))
    reference = None
    if spec.reference is not None:
        reference = placed(load_policy(spec.reference, seed=spec.seed))
    done = _finished(context)
    context.started(
        step=len(done),
        rows={"prompts": len(prompts), "completions": len(prompts) * samples},
        environment=environment(loaded.model),
        resumed_from={"completions": len(done)} if done else None,
    )
    settings, deadline = _steering(context, loaded), Deadline.of(context)
    stream = context.out / STREAM
    with (
        stream.open("w", encoding="utf-8") as file,
        Progress(
            context,
            total=len(prompts) * samples,
            unit="completions",
            label="sampling",
            done=len(done),
        ) as progress,
    ):
        for row in done.values():
            file.write(json.dumps(row, ensure_ascii=False) + "\n")
        file.flush()
        shown, began = 0, time.monotonic()
        draw = sample_trees if context.flag("tree") else sample
        drawn = draw(
            loaded,
            prompts,
            samples,
            settings,
            skip=lambda prompt_id, number: (prompt_id, number) in done,
        )
        for number, batch in enumerate(drawn, start=1):
            fresh = [c for c in batch if (c.prompt_id, c.sample) not in done]
            new = [c.as_row() for c in fresh]
            if reference is not None:
                for row, total in zip(new, _totals(reference, fresh), strict=True):
                    row["reference_logprob"] = total
            for row in new:
                done[row["prompt_id"], row["sample"]] = row
                file.write(json.dumps(row, ensure_ascii=False) + "\n")
            file.flush()
            if shown < _SHOWN_SAMPLES:
                shown += 1
                _show(context, batch[0], len(done))
            progress.tick(len(new))
            if deadline.room(began, number) < 1:
                break
    rows = list(done.values())
    _write(context.out / FINAL, rows, prompts)
    stopped = sum(row["finish_reason"] == "stop" for row in rows)
    return TaskResult(
        step=len(rows),
        metrics={
            "completions": len(rows),
            "tokens": sum(row["tokens"] for row in rows),
            "mean_tokens": sum(row["tokens"] for row in rows) / max(len(rows), 1),
            "stopped_share": stopped / max(len(rows), 1),
            "seconds": round(context.elapsed(), 3),
        },
        subset=left_out(len({row["prompt_id"] for row in rows}), len(prompts)),
        files=(FINAL, STREAM),
    )


def _steering(context: RunContext, loaded: Loaded) -> Sampling:
    """Return the sampling part of the settings, with what steers it."""
    settings = sampling_settings(context)
    if "value_beta" not in context.params:
        return settings
    values = value_model(context, loaded)
    beta, top = context.number("value_beta"), context.integer("value_top")
    return replace(settings, steer=lambda mask: ValueSteering(values, mask, beta, top))


def _totals(reference: Loaded, drawn: Sequence[Completion]) -> list[float]:
    """Return log p(completion | prompt) under the reference, at temperature 1.

    Both models read the same tokens, so they must share a vocabulary.
    """
    found = completion_logprobs(
        reference.model,
        [each.prompt_ids for each in drawn],
        [each.ids for each in drawn],
        pad_token_id=int(reference.tokenizer.pad_token_id or 0),
        batch_size=max(len(drawn), 1),
    )
    return [each.total for each in found]


def left_out(kept: int, of: int) -> dict[str, Any] | None:
    """Return what the status says of prompts or pairs that the time did not allow."""
    if kept >= of:
        return None
    return {"kept": kept, "of": of, "left_out": of - kept, "limit": "seconds"}


def read_prompts(path: Path) -> list[Prompt]:
    """Read ``prompts.parquet``; a prompt id that comes twice is read once."""
    table = read_table(path, PROMPT_COLUMNS, "data.prompts")
    prompts: dict[str, Prompt] = {}
    for row in table.to_pylist():
        messages = [
            {"role": m["role"], "content": m["content"] or ""} for m in row["messages"]
        ]
        prompts.setdefault(
            str(row["prompt_id"]), Prompt(str(row["prompt_id"]), messages)
        )
    return list(prompts.values())


def sampling_settings(context: RunContext) -> Sampling:
    """Return the sampling part of the settings."""
    return Sampling(
        temperature=context.number("temperature"),
        top_p=context.number("top_p"),
        max_new_tokens=context.integer("max_new_tokens"),
        max_prompt_tokens=context.integer("max_prompt_tokens"),
        batch_size=context.integer("batch_size"),
        seed=context.spec.seed,
    )


def _finished(context: RunContext) -> dict[tuple[str, int], Row]:
    """Return what earlier attempts completed; a half-written last line is skipped."""
    rows: dict[tuple[str, int], Row] = {}
    for directory in context.resume_from:
        path = directory / STREAM
        if not path.is_file():
            continue
        for line in path.read_text(encoding="utf-8", errors="replace").splitlines():
            try:
                row = json.loads(line)
                rows.setdefault((row["prompt_id"], int(row["sample"])), row)
            except (ValueError, KeyError, TypeError):
                continue
    return rows


def _show(context: RunContext, completion: Completion, step: int) -> None:
    context.events.emit("sample", step=step, **completion.as_row())


def _write(path: Path, rows: list[Row], prompts: list[Prompt]) -> None:
    order = {prompt.prompt_id: i for i, prompt in enumerate(prompts)}
    kept = [row for row in rows if row["prompt_id"] in order]
    kept.sort(key=lambda row: (order[row["prompt_id"]], row["sample"]))
    temporary = path.with_suffix(".tmp")
    pq.write_table(pa.Table.from_pylist(kept, schema=SCHEMA), temporary)
    temporary.replace(path)
