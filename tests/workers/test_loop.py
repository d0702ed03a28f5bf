"""`manage.py loop`: the whole loop over a file, in a process tree of its own."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from config.services import stop_services

ROOT = Path(__file__).resolve().parent.parent.parent
TINY = ("--policy", "tiny:causal", "--reward", "tiny:encoder")
pytestmark = pytest.mark.loop


def comparisons(count: int, split: str) -> Iterator[dict[str, Any]]:
    """Rows in which the longer, politer text wins; every third winner is b."""
    for i in range(count):
        good = {"text": f"Certainly: the answer to question {i} is {i + 1}, and so on."}
        bad = {"text": f"No. {i}"}
        a, b, choice = (bad, good, "b") if i % 3 == 0 else (good, bad, "a")
        yield {
            "id": f"{split}-{i}",
            "source": "made-up",
            "split": split,
            "prompt": [{"role": "user", "content": f"{split} question {i}?"}],
            "a": a,
            "b": b,
            "labels": [{"annotator": "w1", "kind": "human", "choice": choice}],
        }


@pytest.fixture(scope="module")
def var(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A data directory of this module's own, with servers of its own."""
    path = tmp_path_factory.mktemp("loop")
    yield path
    stop_services(path)


def loop(var: Path, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
    given = {**os.environ, "HONE_VAR": str(var), "OMP_NUM_THREADS": "1"}
    for name in ("DATABASE_URL", "REDIS_URL"):
        given.pop(name, None)
    return subprocess.run(
        [sys.executable, "manage.py", "loop", *map(str, arguments)],
        cwd=ROOT,
        env=given,
        capture_output=True,
        text=True,
        timeout=280,
    )


def test_loop_leads_from_a_file_to_models_and_a_new_queue(
    var: Path, tmp_path: Path
) -> None:
    data = tmp_path / "comparisons.jsonl"
    rows = [*comparisons(24, "train"), *comparisons(8, "test")]
    lines = [json.dumps(row) for row in rows] + ['{"prompt": "half a row"']
    data.write_text("\n".join(lines))

    done = loop(
        *(var, "--data", data, *TINY, "--project", "tiny", "--budget", "3m"),
        *("--prompts", "4", "--max-new-tokens", "8"),
    )

    assert done.returncode == 0, done.stdout + done.stderr
    report = json.loads((var / "artifacts/loops/tiny-1/report.json").read_text())
    assert report["imports"][0]["answers"] == 32
    assert report["imports"][0]["bad_rows"] == 1
    assert report["snapshot"]["counts"]["train"] == 24
    kinds = sorted(run["kind"] for run in report["runs"])
    assert kinds == ["dpo", *["evaluate"] * 2, *["generate"] * 2, "reward", "score"]
    assert {run["state"] for run in report["runs"]} == {"succeeded"}
    assert sum(report["queue"].values()) > 0
    policy = next(run for run in report["runs"] if run["kind"] == "dpo")
    assert policy["subset"] is None or policy["subset"]["kept"] <= 24
    assert "New queue" in done.stdout


def test_loop_ends_with_an_error_when_a_stage_fails(var: Path, tmp_path: Path) -> None:
    data = tmp_path / "comparisons.jsonl"
    data.write_text("\n".join(json.dumps(row) for row in comparisons(12, "train")))
    nothing = tmp_path / "no-model"
    nothing.mkdir()

    done = loop(
        *(var, "--data", data, "--project", "broken", "--budget", "60s"),
        *("--policy", "tiny:causal", "--reward", nothing),
    )

    assert done.returncode == 1, done.stdout + done.stderr
    assert str(nothing) in done.stderr
    assert "New queue: 0 tasks" in done.stdout


def test_loop_says_what_is_wrong_with_its_input(var: Path, tmp_path: Path) -> None:
    missing = loop(var, "--data", tmp_path / "nowhere.jsonl", "--budget", "60s")
    assert missing.returncode == 2
    assert "no file at" in missing.stderr

    data = tmp_path / "x.jsonl"
    data.write_text("{}\n")
    budget = loop(var, "--data", data, "--budget", "soon")
    assert budget.returncode == 2
    assert "such as 90s, 20m or 1h" in budget.stderr
