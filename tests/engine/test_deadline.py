"""Work that is cut short when its seconds are over, and says what it left out."""

import json
import time
from typing import Any

import pytest

from tests.engine.support import Workspace
from training.engine.deadline import Deadline

LONG_GONE: dict[str, Any] = {"limits": {"seconds": 1e-3}}


def test_a_deadline_lets_the_first_chunk_pass_and_no_more() -> None:
    rows = [1, 2, 3, 4, 5]
    assert list(Deadline(0.0).within(rows, 2)) == [[1, 2]]
    assert list(Deadline(time.monotonic() + 60).within(rows, 2)) == [
        [1, 2],
        [3, 4],
        [5],
    ]
    assert list(Deadline(None).within(rows, 2)) == [rows]


def test_a_part_ends_before_the_whole_and_never_if_that_never_does() -> None:
    whole = Deadline(time.monotonic() + 100)
    half = whole.part(0.5).ends
    assert half is not None and half == pytest.approx(time.monotonic() + 50, abs=1)
    assert Deadline(None).part(0.5).ends is None


def test_sampling_out_of_time_answers_the_first_prompts(workspace: Workspace) -> None:
    params = {"samples": 2, "max_new_tokens": 4, "batch_size": 4}
    run = workspace.run(workspace.spec("generate", params=params, **LONG_GONE), "run")
    assert run.code == 0
    subset = run.status["subset"]
    assert subset["kept"] == 2 and subset["limit"] == "seconds"
    assert subset["kept"] + subset["left_out"] == subset["of"] > 2
    lines = (run.out / "completions.jsonl").read_text().splitlines()
    assert {json.loads(line)["prompt_id"] for line in lines} == {"p0", "p1"}


def test_evaluation_out_of_time_measures_a_part(workspace: Workspace) -> None:
    parts: dict[str, Any] = {"reference": {"source": "tiny:causal"}, **LONG_GONE}
    params = {"role": "policy", "samples": 1, "max_new_tokens": 4, "batch_size": 2}
    spec = workspace.spec("evaluate", params=params, **parts)
    run = workspace.run(spec, "run")
    assert run.code == 0
    report = json.loads((run.out / "report.json").read_text())
    part = report["implied_test"]
    assert part["pairs"] == 2 and part["left_out"] > 0
    assert report["kl"]["sequences"] == 2
