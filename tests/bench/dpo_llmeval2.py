"""Measure: DPO with SmolLM2-135M on real chat pairs of many prompts.

Trains on a seeded choice of the shorter decided pairs, then evaluates: the loss must
start at ln 2, the implied reward must learn the training pairs, and the distance to
the reference is reported. Prints JSON.

    python -m tests.bench.dpo_llmeval2
    python -m tests.bench.dpo_llmeval2 --snapshot DIR
"""

from __future__ import annotations

import argparse
import json
import math
import random
import sys
import tempfile
import time
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from tests.bench.engine_runs import data_folder, neutral_to_parquet, run_engine
from training.engine.events import read_events

SOURCE = "llmeval2"
SEED = 0


def main() -> int:
    """Run the study; exit 1 if a target is missed."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--snapshot", type=Path, help="directory of Parquet splits")
    parser.add_argument("--pairs", type=int, default=64, help="training pairs")
    parser.add_argument("--longest", type=int, default=250, help="characters a row")
    parser.add_argument("--prompts", type=int, default=16, help="prompts for the KL")
    parser.add_argument("--params", default="{}", help="settings, as JSON")
    parser.add_argument("--out", type=Path, help="keep the runs here")
    arguments = parser.parse_args()
    out = arguments.out or Path(tempfile.mkdtemp(prefix="hone-bench-"))
    out.mkdir(parents=True, exist_ok=True)
    if arguments.snapshot:
        source = arguments.snapshot / "train.parquet"
    else:
        folder = data_folder(SOURCE)
        source = neutral_to_parquet(
            folder / "pairs_train.jsonl.gz", out / "all.parquet", "gold"
        )
    train = _choose(source, out / "train.parquet", arguments.pairs, arguments.longest)
    prompts = _prompts(train, out / "prompts.parquet", arguments.prompts)
    began = time.monotonic()
    params = {
        "epochs": 2,
        "batch_size": 4,
        "max_length": 160,
        **json.loads(arguments.params),
    }
    model = {"source": "wheel:smollm2"}
    run_engine(
        {
            "task": "dpo",
            "preset": "dpo",
            "seed": SEED,
            "model": model,
            "data": {"train": str(train)},
            "params": params,
        },
        out / "train",
        label="DPO",
    )
    seconds = time.monotonic() - began
    status = run_engine(
        {
            "task": "evaluate",
            "preset": "evaluate",
            "seed": SEED,
            "model": {"source": str(out / "train" / "model")},
            "reference": model,
            "data": {"train": str(train), "prompts": str(prompts)},
            "params": {"role": "policy", "max_new_tokens": 32, "max_length": 160},
        },
        out / "evaluate",
        label="DPO",
    )
    losses = [
        event["metrics"]["loss"]
        for event in read_events(out / "train")
        if event["event"] == "metrics" and "loss" in event["metrics"]
    ]
    metrics = status["metrics"]
    kl = metrics["kl"]
    result = {
        "command": "python -m tests.bench.dpo_llmeval2",
        "pairs": pq.read_metadata(train).num_rows,
        "first_loss": losses[0],
        "last_loss": losses[-1],
        "implied_accuracy_train": metrics["implied_accuracy/train"],
        "kl": kl,
        "kl_standard_error": metrics["kl/standard_error"],
        "training_seconds": round(seconds, 1),
        "params": params,
        "starts_at_ln_2": abs(losses[0] - math.log(2)) <= 0.01,
        "learns_the_pairs": metrics["implied_accuracy/train"] > 0.7,
        "kl_is_finite": isinstance(kl, float) and math.isfinite(kl),
    }
    print(json.dumps(result, indent=2))
    targets = ("starts_at_ln_2", "learns_the_pairs", "kl_is_finite")
    return 0 if all(result[name] for name in targets) else 1


def _choose(source: Path, target: Path, pairs: int, longest: int) -> Path:
    """Write a seeded choice of the decided pairs that are short enough for a CPU."""
    rows = [
        row
        for row in pq.read_table(source).to_pylist()
        if row["soft_label"] != 0.5
        and sum(
            len(message["content"])
            for part in (row["prompt"], row["chosen"], row["rejected"])
            for message in part
        )
        <= longest
    ]
    random.Random(SEED).shuffle(rows)
    pq.write_table(pa.Table.from_pylist(rows[:pairs]), target)
    return target


def _prompts(pairs: Path, target: Path, count: int) -> Path:
    """Write the first prompts of the pairs, for sampling."""
    rows = pq.read_table(pairs).to_pylist()[:count]
    table = [{"prompt_id": row["row_id"], "messages": row["prompt"]} for row in rows]
    pq.write_table(pa.Table.from_pylist(table), target)
    return target


if __name__ == "__main__":
    sys.exit(main())
