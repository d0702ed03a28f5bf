"""Several processes of one run: they learn as one, write once and end together."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

from tests.engine.preference_rows import unary_row
from tests.engine.support import ROOT, Finished, pair_row, write_rows
from tests.engine.two_processes import both
from training.engine import checkpoints, control
from training.engine.cli import run_spec
from training.engine.errors import StopState
from training.engine.objectives.algebra import objective
from training.engine.online import rollout as rolling
from training.engine.order import Fill, RowOrder, Share
from training.engine.preferences import trainer as learning
from training.engine.registry import PRESETS
from training.engine.registry.processes import needs_one_process

ROWS = 21
"""Of no multiple of a step: the last one holds a single row."""

TRAINED = {
    "learning_rate": 3e-3,
    "epochs": 2,
    "warmup": 0.0,
    "batch_size": 4,
    "checkpoint_steps": 3,
    "checkpoint_seconds": None,
}
DRAWN = {
    "learning_rate": 3e-3,
    "warmup": 0.0,
    "prompts_per_update": 4,
    "samples": 2,
    "minibatch": 8,
    "batch_size": 4,
    "max_new_tokens": 6,
    "rule": "length",
    "checkpoint_steps": 2,
    "checkpoint_seconds": None,
}
# name: task, preset, data, settings
CASES: dict[str, tuple[str, str, str, dict[str, Any]]] = {
    "dpo": ("dpo", "dpo", "pairs", TRAINED),
    "kto": ("dpo", "kto", "unary", TRAINED),
    "power": ("dpo", "power-dl", "pairs", TRAINED),
    "reward": ("reward", "reward-bt", "pairs", TRAINED),
    "ties": ("reward", "reward-rao-kupper", "pairs", TRAINED),
    "ppo": ("ppo", "ppo", "pairs", DRAWN | {"critic": "zero", "ppo_epochs": 2}),
    "shared": ("ppo", "ppo", "pairs", DRAWN | {"critic": "shared"}),
    "grpo": ("online", "grpo", "pairs", DRAWN),
    "dapo": ("online", "dapo", "pairs", DRAWN),
    "online-dpo": ("online", "online-dpo", "pairs", DRAWN),
}
HALVED = ("batch_size", "prompts_per_update", "minibatch")


@pytest.fixture
def data(tmp_path: Path) -> dict[str, str]:
    """Rows that do not divide among steps, and one whose loss is no number."""
    views = {
        "pairs": [pair_row(i) for i in range(ROWS)],
        "unary": [unary_row(i) for i in range(11)],
    }
    return {
        name: str(write_rows(tmp_path / f"{name}.parquet", rows))
        for name, rows in views.items()
    }


def spec_of(name: str, data: dict[str, str], *, processes: int, **parts: Any) -> str:
    """Return a case's specification, its batches shared by several processes."""
    task, preset, view, settings = CASES[name]
    known = {param.name for param in PRESETS[preset].params}
    params = {key: value for key, value in settings.items() if key in known}
    for key in HALVED:
        if key in params and (task in ("dpo", "reward")) == (key == "batch_size"):
            params[key] //= processes
    spec = {
        "version": 1,
        "task": task,
        "preset": preset,
        "seed": 0,
        "model": {"source": "tiny:causal"},
        "data": {"train": data[view]},
        "params": params,
        "limits": {"max_steps": 3} if task in ("ppo", "online") else {},
    }
    return json.dumps(spec | parts)


def told_apart(
    self: Any, prompts: Sequence[Any], samples: int, *, seed: int, tick: Any
) -> list[Any]:
    """Draw what depends on the prompt alone, whichever process it falls to."""
    found = []
    for group, prompt in enumerate(prompts):
        draw = random.Random(prompt.prompt_id)
        head = rolling.prepared(self._loaded, [prompt], self._drawing)[0]
        for _ in range(samples):
            body = [draw.randint(10, 60) for _ in range(draw.randint(2, 6))]
            found.append(rolling.rollout(self._loaded, prompt, group, head, body))
    tick(len(found))
    return found


def run_cases(folder: Path, data: dict[str, str], rank: int, count: int) -> list[int]:
    """Run every case in this process, one after another; return the exit codes."""
    codes = []
    for name in CASES:
        path = folder / f"{name}-{count}-{rank}.json"
        path.write_text(spec_of(name, data, processes=count))
        codes.append(run_spec(path, folder / f"{name}-{count}"))
        if codes[-1]:
            break
    return codes


def test_two_processes_learn_as_one_of_twice_the_batch(
    tmp_path: Path, data: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rolling.LocalSampler, "sample", told_apart)

    def work(rank: int) -> list[int]:
        return run_cases(tmp_path, data, rank, 2)

    codes = both(work, tmp_path / "two")
    assert codes == [[0] * len(CASES)] * 2
    assert run_cases(tmp_path, data, 0, 1) == codes[0]
    for name in CASES:
        one, two = (Finished(tmp_path / f"{name}-{n}", 0) for n in (1, 2))
        assert two.losses() == pytest.approx(one.losses(), abs=2e-4, rel=2e-4), name
        moved = weights(two.out)
        for key, value in weights(one.out).items():
            assert torch.allclose(moved[key], value, atol=2e-3), (name, key)
        written_once(two)
        every = two.events[0]["environment"]["processes"]
        assert every == 2
        for found in checkpoints.candidates((two.out,)):
            assert checkpoints.flaw(found.path) is None


def weights(out: Path) -> dict[str, torch.Tensor]:
    """Return the tensors of a run's model."""
    found: dict[str, torch.Tensor] = {}
    for path in (out / "model").glob("*.safetensors"):
        found |= load_file(path)
    assert found
    return found


def written_once(run: Finished) -> None:
    """Assert that a run's log is one process's, whole and in order."""
    events = run.events
    assert [e["seq"] for e in events] == list(range(1, len(events) + 1))
    names = Counter(event["event"] for event in events)
    assert names["started"] == names["finished"] == 1
    steps = [e["step"] for e in events if e["event"] == "metrics"]
    assert steps == sorted(set(steps))
    assert run.status["state"] == "succeeded"


@pytest.mark.parametrize("fill", ["none", "filler", "repeat"])
@pytest.mark.parametrize(("rows", "count"), [(21, 2), (16, 2), (7, 4), (5, 8)])
def test_every_row_is_one_processes_in_an_epoch(
    rows: int, count: int, fill: Fill
) -> None:
    def order() -> RowOrder:
        lengths = [3 + row % 5 for row in range(rows)]
        return RowOrder(lengths, 2 * count, seed=0, grouped=True)

    shares = [Share(order(), 2, rank=r, count=count, fill=fill) for r in range(count)]
    batches = [list(share) for share in shares]
    assert {len(found) for found in batches} == {len(shares[0])}
    whole = list(order())
    for step, found in enumerate(zip(*batches, strict=True)):
        met = Counter(row for batch in found for row in batch)
        fillers = met.pop(rows, 0)
        wanted = Counter(whole[step * 2 * count : (step + 1) * 2 * count])
        if fill == "repeat":
            assert not fillers
            assert sum((met - wanted).values()) < count
            assert not wanted - met
        else:
            assert met == wanted
        if fill != "none":
            assert len({len(batch) for batch in found}) == 1


def test_orders_and_faults_end_both_and_what_is_kept_goes_on_the_same(
    tmp_path: Path, data: dict[str, str]
) -> None:
    dpo = spec_of("dpo", data, processes=2)
    grpo = spec_of("grpo", data, processes=2)

    def stopped(path: Path, out: Path, rank: int, at: int) -> int:
        """Run with an order that one process alone is given, at a step."""
        asked = [0]

        def requested(self: control.Control) -> StopState | None:
            asked[0] += 1
            return "preempted" if rank == 1 and asked[0] > at else None

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(control.Control, "requested", requested)
            return run_spec(path, out)

    def work(rank: int) -> dict[str, Any]:
        codes = {}
        for name, text, at in (("dpo", dpo, 9), ("grpo", grpo, 4)):
            path = tmp_path / f"{name}-{rank}.json"
            path.write_text(text)
            codes[f"{name} whole"] = run_spec(path, tmp_path / f"{name}-whole")
            out = tmp_path / f"{name}-first"
            codes[f"{name} first"] = stopped(path, out, rank, at)
            codes[f"{name} second"] = run_spec(
                path, tmp_path / f"{name}-second", resume_from=(out,)
            )
        for name, changes in (
            ("generate", {"task": "generate", "preset": "generate"}),
            ("seconds", {"limits": {"seconds": 60}}),
            ("d3s", {"task": "online", "preset": "d3s", "params": {"rule": "length"}}),
        ):
            path = tmp_path / f"{name}-{rank}.json"
            data_of = {"train": data["pairs"], "prompts": data["pairs"]}
            spec = json.loads(dpo) | {"params": {}, "data": data_of} | changes
            path.write_text(json.dumps(spec))
            codes[name] = run_spec(path, tmp_path / name)
        if rank == 1:

            def spoiled(*asked: Any) -> Any:
                found = objective(*asked)
                return replace(found, losses=found.losses * float("nan"))

            pytest.MonkeyPatch().setattr(learning, "objective", spoiled)
        codes["bad"] = run_spec(tmp_path / f"dpo-{rank}.json", tmp_path / "bad")
        return codes

    found = both(work, tmp_path / "two")
    for codes in found:
        assert {n: c for n, c in codes.items() if " " in n} == {
            f"{name} {part}": 0
            for name in ("dpo", "grpo")
            for part in ("whole", "first", "second")
        }
        refused = {name: codes[name] for name in ("generate", "seconds", "d3s", "bad")}
        assert set(refused.values()) == {2}, codes
    for name in ("dpo", "grpo"):
        whole, first, second = (
            Finished(tmp_path / f"{name}-{part}", 0)
            for part in ("whole", "first", "second")
        )
        assert first.status["state"] == "preempted"
        step = second.events[0]["resumed_from"]["step"]
        assert step == first.status["step"] > 0
        written_once(second)
        assert second.losses() == {s: x for s, x in whole.losses().items() if s > step}
        after, before = weights(second.out), weights(whole.out)
        assert all(torch.equal(after[key], value) for key, value in before.items())
    for name in ("generate", "seconds", "d3s"):
        error = Finished(tmp_path / name, 2).status["error"]
        assert (error["expected"], error["found"]) == ("one process", "2 processes")
    bad_run = Finished(tmp_path / "bad", 2)
    # The first process lost its connection; the status says what was at fault.
    assert bad_run.status["error"]["message"] == "The loss is not a number."
    assert bad_run.events[-1]["error"] == bad_run.status["error"]
    names = Counter(event["event"] for event in bad_run.events)
    assert names["failed"] == 1


def test_process_that_is_killed_ends_the_run_with_a_word(
    tmp_path: Path, data: dict[str, str]
) -> None:
    spec = json.loads(spec_of("grpo", data, processes=2, limits={"max_steps": 100000}))
    path, out = tmp_path / "spec.json", tmp_path / "run"
    path.write_text(json.dumps(spec))
    launcher = ["accelerate.commands.launch", "--multi_gpu", "--num_processes", "2"]
    launcher += ["--num_machines", "1", "--main_process_port", "0"]
    launcher += ["--mixed_precision", "no", "--dynamo_backend", "no"]
    run = ["-m", "training.engine", "run", str(path), "--out", str(out)]
    process = subprocess.Popen(
        [sys.executable, "-m", *launcher, *run],
        cwd=ROOT,
        env=os.environ | {"OMP_NUM_THREADS": "1"},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    try:
        wait_for_checkpoint(process, out)
        ranks = children(process.pid)
        os.kill(ranks[1], signal.SIGKILL)
        _, log = process.communicate(timeout=120)
    finally:
        process.kill()
    assert process.returncode != 0
    status = Finished(out, 2).status
    assert status["state"] == "failed", log
    assert status["error"]["message"] == (
        "Another process of the run ended without a word."
    )
    assert Finished(out, 2).events[-1]["event"] == "failed"
    assert not Path(f"/proc/{ranks[0]}").exists()


def wait_for_checkpoint(process: subprocess.Popen[str], out: Path) -> None:
    """Wait until a run has saved once."""
    until = time.monotonic() + 240
    while not checkpoints.candidates((out,)):
        assert process.poll() is None, process.communicate()[1]
        assert time.monotonic() < until
        time.sleep(0.1)


def children(pid: int) -> dict[int, int]:
    """Return the processes that a launcher started, by rank."""
    found = {}
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            parent = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
            settings = (entry / "environ").read_bytes().split(b"\0")
        except OSError:
            continue
        ranks = [value[5:] for value in settings if value.startswith(b"RANK=")]
        if parent == pid and ranks:
            found[int(ranks[0])] = int(entry.name)
    return found


def test_what_needs_one_process_says_why() -> None:
    alone = {
        name
        for name, preset in PRESETS.items()
        if preset.is_trainable and needs_one_process(preset, seconds=None)
    }
    online = {"d3s", "ufo", "cooper", "waltz-conversation"}
    assert alone == online | {"reward-more", "reward-maxmin"}
    assert needs_one_process(PRESETS["dpo"], seconds=None) is None
    assert needs_one_process(PRESETS["dpo"], seconds=1.0) is not None
    assert needs_one_process(PRESETS["evaluate"], seconds=None) is not None
