"""Small comparisons with a pattern to learn, and a way to run the engine on them."""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from training.engine.cli import run_spec
from training.engine.events import read_events

ROOT = Path(__file__).resolve().parents[2]
WORDS = (
    *("the", "a", "good", "clear", "short", "kind"),
    *("true", "answer", "garden", "list", "number", "letter"),
)


def say(role: str, text: str) -> list[dict[str, str]]:
    """Return a conversation of one message."""
    return [{"role": role, "content": text}]


def pair_row(index: int, *, split: str = "train", **changes: Any) -> dict[str, Any]:
    """Return a row of the pairs view: the chosen side is polite, the other is not."""
    draw = random.Random(f"{split}{index}")

    def words(count: int) -> str:
        return " ".join(draw.choice(WORDS) for _ in range(count))

    row: dict[str, Any] = {
        "row_id": f"{split}-{index}",
        "prompt": say("user", f"{words(5)}?"),
        "chosen": say("assistant", f"{words(6)} please thank you"),
        "rejected": say("assistant", f"{words(6)} no go away"),
        "soft_label": 1.0,
        "margin": None,
        "weight": 1.0,
        "criterion": None,
        "annotator": "ann",
        "group": f"{split}-g{index}",
        "split": split,
        "src": [{"feedback": f"f{index}", "judgment": 0}],
        "task": f"{split}-t{index}",
    }
    return row | changes


def write_rows(path: Path, rows: list[dict[str, Any]]) -> Path:
    """Write rows as Parquet."""
    pq.write_table(pa.Table.from_pylist(rows), path)
    return path


def prompt_rows(count: int) -> list[dict[str, Any]]:
    """Return rows of ``prompts.parquet``."""
    return [
        {"prompt_id": f"p{i}", "messages": say("user", f"{WORDS[i % 12]} {i}?")}
        for i in range(count)
    ]


@dataclass(frozen=True)
class Workspace:
    """A directory with data and room for runs."""

    path: Path
    data: dict[str, str] = field(default_factory=dict)

    def spec(
        self,
        task: str,
        *,
        preset: str | None = None,
        source: str = "tiny:causal",
        params: dict[str, Any] | None = None,
        **parts: Any,
    ) -> Path:
        """Write a specification and return its path."""
        names = {"reward": "reward-bt"}
        spec = {
            "version": 1,
            "task": task,
            "preset": preset or names.get(task, task),
            "seed": 0,
            "model": {"source": source},
            "data": self.data,
            "params": params or {},
        } | parts
        path = self.path / f"spec-{task}-{len(list(self.path.iterdir()))}.json"
        path.write_text(json.dumps(spec), encoding="utf-8")
        return path

    def run(
        self, spec: Path, name: str, *, resume_from: tuple[Path, ...] = ()
    ) -> Finished:
        """Run a specification in this process."""
        out = self.path / name
        code = run_spec(spec, out, resume_from=resume_from)
        return Finished(out, code)


@dataclass(frozen=True)
class Finished:
    """A run that has ended."""

    out: Path
    code: int

    @property
    def status(self) -> dict[str, Any]:
        """What ``status.json`` says."""
        status: dict[str, Any] = json.loads((self.out / "status.json").read_text())
        return status

    @property
    def events(self) -> list[dict[str, Any]]:
        """The run's events."""
        return read_events(self.out)

    def losses(self) -> dict[int, float]:
        """The loss of every step."""
        return {
            event["step"]: event["metrics"]["loss"]
            for event in self.events
            if event["event"] == "metrics" and "loss" in event["metrics"]
        }


def launch(*arguments: str | Path, **options: Any) -> subprocess.Popen[str]:
    """Start the engine as the worker does: a process of its own."""
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    return subprocess.Popen(
        [sys.executable, "-m", "training.engine", *map(str, arguments)],
        cwd=ROOT,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        start_new_session=True,
        **options,
    )


def wait_for(process: subprocess.Popen[str], event: str) -> None:
    """Read a run's events until one of them comes."""
    assert process.stdout is not None
    for line in process.stdout:
        if json.loads(line)["event"] == event:
            return
    raise AssertionError(f"the run ended without a {event} event")
