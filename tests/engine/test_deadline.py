"""Work that is cut short when its seconds are over, and says what it left out."""

import json
import time
from typing import Any

import pytest

from tests.engine.support import Workspace
from training.engine.deadline import Deadline

LONG_GONE: dict[str, Any] = {"limits": {"seconds": 1e-3}}


def test_a_deadline_lets_the_first_row_pass_and_no_more() -> None:
    rows = [1, 2, 3, 4, 5]
    assert list(Deadline(0.0).within(rows, 2)) == [[1]]
    in_time = Deadline(time.monotonic() + 60).within(rows, 2)
    assert list(in_time) == [[1], [2, 3], [4, 5]]
    assert list(Deadline(None).within(rows, 2)) == [rows]
    assert list(Deadline(0.0).within([], 2)) == []


def test_no_chunk_is_begun_that_the_pace_so_far_would_not_end_in_time() -> None:
    began = time.monotonic()
    seconds = 0.02
    chunks = []
    for chunk in Deadline(began + 10.5 * seconds).within(range(1000), 64):
        time.sleep(seconds * len(chunk))
        chunks.append(len(chunk))
    assert chunks[0] == 1 and sum(chunks) <= 10
    assert time.monotonic() - began < 20 * seconds


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
    assert part["pairs"] == 1 and part["left_out"] > 0
    assert report["kl"]["sequences"] == 1
