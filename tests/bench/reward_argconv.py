"""Measure: a MiniLM reward model on crowd judgements, beside its two baselines.

One epoch over the training pairs for each of three seeds, each run a process of its
own, as the worker starts it; then the engine's own evaluation. Prints one line a seed
and the medians as JSON.

    python -m tests.bench.reward_argconv                     # from the data folder
    python -m tests.bench.reward_argconv --snapshot DIR      # a frozen snapshot

A snapshot brings the crowd's own labels, merged by majority. The data folder can also
be read with ``--labels gold`` (the publisher's estimate of the true label, which leaves
the contested pairs out); that is the default for the test pairs of both.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from tests.bench.engine_runs import data_folder, neutral_to_parquet, run_engine

SOURCE = "argconv"


def main() -> int:
    """Run the study; exit 1 if the median does not beat both baselines."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--snapshot", type=Path, help="directory of Parquet splits")
    parser.add_argument("--labels", choices=("crowd", "gold"), default="gold")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--out", type=Path, help="keep the runs here")
    parser.add_argument("--params", default="{}", help="settings, as JSON")
    parser.add_argument("--max-steps", type=int, help="stop early, to try things out")
    arguments = parser.parse_args()
    out = arguments.out or Path(tempfile.mkdtemp(prefix="hone-bench-"))
    out.mkdir(parents=True, exist_ok=True)
    if arguments.snapshot:
        train = arguments.snapshot / "train.parquet"
        test = arguments.snapshot / "test.parquet"
    else:
        folder = data_folder(SOURCE)
        train = neutral_to_parquet(
            folder / "pairs_train.jsonl.gz", out / "train.parquet", arguments.labels
        )
        test = neutral_to_parquet(
            folder / "pairs_test.jsonl.gz", out / "test.parquet", "gold"
        )
    results = [
        _one(seed, train, test, out, json.loads(arguments.params), arguments.max_steps)
        for seed in range(arguments.seeds)
    ]
    summary = _summary(results)
    print(json.dumps(summary, indent=2))
    return 0 if summary["beats_both"] else 1


def _one(
    seed: int,
    train: Path,
    test: Path,
    out: Path,
    params: dict[str, Any],
    max_steps: int | None,
) -> dict[str, Any]:
    began = time.monotonic()
    model = run_engine(
        {
            "task": "reward",
            "preset": "reward-bt",
            "seed": seed,
            "model": {"source": "wheel:minilm"},
            "data": {"train": str(train)},
            "params": {"log_steps": 20, **params},
            "limits": {"max_steps": max_steps},
        },
        out / f"train-{seed}",
        label=f"seed {seed}",
    )
    seconds = time.monotonic() - began
    report = run_engine(
        {
            "task": "evaluate",
            "preset": "evaluate",
            "seed": seed,
            "model": {"source": str(out / f"train-{seed}" / "model")},
            "data": {"train": str(train), "test": str(test)},
            "params": {"role": "reward"},
        },
        out / f"evaluate-{seed}",
        label=f"seed {seed}",
    )
    metrics = report["metrics"] | {"seconds": round(seconds, 1), "seed": seed}
    metrics["steps"] = model["step"]
    line = {
        key: round(value, 4) if isinstance(value, float) else value
        for key, value in metrics.items()
    }
    print(json.dumps(line), flush=True)
    return metrics


def _summary(results: list[dict[str, Any]]) -> dict[str, Any]:
    def median(key: str) -> float:
        return round(statistics.median(r[key] for r in results), 4)

    by_accuracy = sorted(results, key=lambda r: r["accuracy"])
    middle = by_accuracy[len(by_accuracy) // 2]
    rivals = [name for name in ("longer", "tfidf") if f"over_{name}/low" in middle]
    return {
        "command": "python -m tests.bench.reward_argconv",
        "seeds": len(results),
        "test_pairs": results[0]["pairs"],
        "accuracy": median("accuracy"),
        "ece": median("ece"),
        "seconds": median("seconds"),
        "threads": os.environ.get("OMP_NUM_THREADS", "default"),
        "baselines": {name: median(f"baseline/{name}") for name in rivals},
        "paired_difference": {
            name: {
                key: round(middle[f"over_{name}/{key}"], 4)
                for key in ("value", "low", "high")
            }
            for name in rivals
        },
        "beats_both": all(middle[f"over_{name}/low"] > 0 for name in rivals),
    }


if __name__ == "__main__":
    sys.exit(main())
