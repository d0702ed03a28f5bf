"""What the engine's benchmarks share: data as a snapshot, runs as processes."""

from __future__ import annotations

import gzip
import hashlib
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any, Literal

import pyarrow as pa
import pyarrow.parquet as pq
from tqdm import tqdm

ROOT = Path(__file__).resolve().parents[2]
Labels = Literal["crowd", "gold"]


def data_folder(name: str) -> Path:
    """Return a folder of the feedback data, or say where it should be."""
    base = Path(os.environ.get("HONE_DATA") or ROOT.parent / "shared" / "data")
    folder = base / name
    if not folder.is_dir():
        raise SystemExit(
            f"error: expected feedback data in {folder}, found nothing; "
            "set HONE_DATA to the folder that holds it"
        )
    return folder


def neutral_to_parquet(source: Path, target: Path, labels: Labels) -> Path:
    """Write neutral pairs as the pairs view: a row a label, or a row a gold label."""
    rows = []
    with gzip.open(source, "rt", encoding="utf-8") as file:
        for line in file:
            record = json.loads(line)
            if labels == "gold":
                votes = [("gold", record["gold"])]
            else:
                votes = [(v["annotator"], v["choice"]) for v in record["labels"]]
            rows += [
                _row(record, annotator, choice)
                for annotator, choice in votes
                if choice in ("a", "b", "tie")
            ]
    pq.write_table(pa.Table.from_pylist(rows), target)
    return target


def _row(record: dict[str, Any], annotator: str, choice: str) -> dict[str, Any]:
    better, worse = ("b", "a") if choice == "b" else ("a", "b")

    def answer(side: str) -> list[dict[str, str]]:
        return [{"role": "assistant", "content": record[side]["text"]}]

    first = record["prompt"][0]["content"].encode("utf-8", "surrogatepass")
    return {
        "row_id": f"{record['id']}:{annotator}",
        "prompt": record["prompt"],
        "chosen": answer(better),
        "rejected": answer(worse),
        "soft_label": 0.5 if choice == "tie" else 1.0,
        "weight": 1.0,
        "annotator": annotator,
        "group": hashlib.sha256(first).hexdigest()[:16],
        "task": record["id"],
        "split": record["split"],
    }


def run_engine(spec: dict[str, Any], out: Path, *, label: str) -> dict[str, Any]:
    """Run a specification in a process of its own; return its final status."""
    out.mkdir(parents=True, exist_ok=True)
    path = out / "spec.json"
    path.write_text(json.dumps({"version": 1, **spec}, indent=2), encoding="utf-8")
    command = [sys.executable, "-m", "training.engine", "run", str(path)]
    with (
        subprocess.Popen(
            [*command, "--out", str(out)], cwd=ROOT, stdout=subprocess.PIPE, text=True
        ) as process,
        tqdm(desc=f"{label} {spec['task']}", file=sys.stderr) as bar,
    ):
        assert process.stdout is not None
        for line in process.stdout:
            progress = json.loads(line).get("progress")
            if progress:
                bar.total = progress["total"]
                bar.n = progress["done"]
                bar.refresh()
    status: dict[str, Any] = json.loads((out / "status.json").read_text())
    if status["state"] != "succeeded":
        raise SystemExit(f"error: {out} ended as {status['state']}: {status['error']}")
    return status
