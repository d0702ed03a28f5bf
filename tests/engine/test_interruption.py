"""Orders, crashes and resumption: the curve goes on as if nothing had happened."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.engine.support import Finished, Workspace, launch, wait_for
from training.engine import checkpoints
from training.engine.cli import run_spec
from training.engine.control import PARENT_DIED, Control, alone_in
from training.engine.errors import Interrupted
from training.engine.events import EventLog, read_events

PARAMS = {
    "batch_size": 4,
    "learning_rate": 3e-3,
    "epochs": 2,
    "checkpoint_steps": 3,
    "checkpoint_seconds": None,
}
STEPS = 24


@pytest.fixture
def whole(workspace: Workspace) -> Finished:
    """An uninterrupted run, checkpoints kept."""
    return workspace.run(workspace.spec("reward", params=PARAMS), "whole")


def after(run: Finished, step: int) -> dict[int, float]:
    """The losses after a step."""
    return {s: loss for s, loss in run.losses().items() if s > step}


def test_run_whose_supervisor_died_resumes_on_the_same_curve(
    workspace: Workspace,
) -> None:
    # A constant rate, so that the curve does not depend on how long the run is, and
    # a run so long that its end is never met, however slow this process is.
    params = PARAMS | {"schedule": "constant", "warmup": 0.0, "epochs": 1000}
    spec = workspace.spec("reward", params=params)
    out = workspace.path / "first"
    process = launch("run", spec, "--out", out, "--parent-pipe", stdin=subprocess.PIPE)
    assert process.stdin is not None
    # The kernel closes the pipe of a supervisor that dies, as this does.
    wait_for(process, "checkpoint")
    process.stdin.close()
    assert process.wait(timeout=120) == PARENT_DIED
    assert not (out / "status.json").exists()
    saved = max(c.step for c in checkpoints.candidates((out,)))
    spec = workspace.spec("reward", params=params, limits={"max_steps": saved + 4})
    second = workspace.run(spec, "second", resume_from=(out,))
    assert second.status["state"] == "succeeded"
    began = second.events[0]["resumed_from"]["step"]
    assert saved - 3 <= began <= saved
    whole = workspace.run(spec, "whole")
    assert after(second, began) == pytest.approx(after(whole, began), abs=1e-6)
    assert len(after(second, began)) == saved + 4 - began


def test_terminated_run_saves_and_resumes_on_the_same_curve(
    workspace: Workspace,
) -> None:
    spec = workspace.spec("dpo", params=PARAMS)
    whole = workspace.run(spec, "whole")
    thread = at_event(
        workspace.path / "first",
        "metrics",
        lambda: os.kill(os.getpid(), signal.SIGTERM),
    )
    first = workspace.run(spec, "first")
    thread.join()
    assert first.code == 0
    assert first.status["state"] == "preempted"
    stopped = first.status["step"]
    assert 0 < stopped < STEPS
    assert (first.out / "checkpoints" / f"checkpoint-{stopped}").is_dir()
    second = workspace.run(spec, "second", resume_from=(first.out,))
    assert second.events[0]["resumed_from"]["step"] == stopped
    assert after(second, stopped) == pytest.approx(after(whole, stopped), abs=1e-6)


def test_second_epoch_resumes_on_the_same_curve_too(
    workspace: Workspace, whole: Finished
) -> None:
    assert sorted(whole.losses()) == list(range(1, STEPS + 1))
    spec = workspace.spec("reward", params=PARAMS)
    again = workspace.run(spec, "again", resume_from=(whole.out,))
    began = again.events[0]["resumed_from"]["step"]
    assert STEPS / 2 < began < STEPS
    assert after(again, began) == pytest.approx(after(whole, began), abs=1e-6)


def test_resuming_in_place_continues_the_numbering(
    workspace: Workspace, whole: Finished
) -> None:
    before = len(whole.events)
    spec = workspace.spec("reward", params=PARAMS)
    run = workspace.run(spec, "whole", resume_from=(whole.out,))
    assert [event["seq"] for event in run.events] == list(range(1, len(run.events) + 1))
    assert run.events[before]["event"] == "started"


def damage_weights(path: Path) -> None:
    weights = path / "model.safetensors"
    data = bytearray(weights.read_bytes())
    data[-1] ^= 1
    weights.write_bytes(data)


def drop_seal(path: Path) -> None:
    (path / checkpoints.SEAL).unlink()


def cut_optimizer(path: Path) -> None:
    (path / "optimizer.pt").write_bytes(b"")


@pytest.mark.parametrize(
    ("harm", "why"),
    [
        (damage_weights, "changed after it was saved"),
        (drop_seal, "never completed"),
        (cut_optimizer, "0 bytes"),
    ],
)
def test_damaged_checkpoint_gives_way_to_the_one_before(
    workspace: Workspace, whole: Finished, harm: Callable[[Path], None], why: str
) -> None:
    kept = checkpoints.candidates((whole.out,))
    assert len(kept) == 2
    harm(kept[0].path)
    spec = workspace.spec("reward", params=PARAMS)
    again = workspace.run(spec, "again", resume_from=(whole.out,))
    started = again.events[0]
    assert started["resumed_from"]["step"] == kept[1].step
    assert why in started["warnings"][0]
    assert after(again, kept[1].step) == pytest.approx(
        after(whole, kept[1].step), abs=1e-6
    )


def test_run_without_a_whole_checkpoint_starts_afresh_and_says_so(
    workspace: Workspace, whole: Finished, capsys: pytest.CaptureFixture[str]
) -> None:
    for found in checkpoints.candidates((whole.out,)):
        shutil.rmtree(found.path)
    spec = workspace.spec("reward", params=PARAMS)
    again = workspace.run(spec, "again", resume_from=(whole.out,))
    assert again.losses() == whole.losses()
    assert again.events[0]["warnings"] == [
        "no whole checkpoint was found, so the run starts afresh"
    ]
    assert "starts afresh" in capsys.readouterr().err


def test_resumed_run_keeps_the_recorded_subset(workspace: Workspace) -> None:
    spec = workspace.spec("reward", params=PARAMS, limits={"max_rows": 20})
    first = workspace.run(spec, "first")
    recorded = json.loads((first.out / "subset.json").read_text())
    recorded["indices"] = recorded["indices"][:12]
    (first.out / "subset.json").write_text(json.dumps(recorded))
    again = workspace.run(spec, "again", resume_from=(first.out,))
    assert again.events[0]["rows"]["trained_on"] == 12


def at_event(out: Path, event: str, act: Callable[[], object]) -> threading.Thread:
    """Act as soon as a run has told of an event, from beside it."""

    def wait() -> None:
        for _ in range(6000):
            if any(found["event"] == event for found in read_events(out)):
                break
            time.sleep(0.005)
        act()

    thread = threading.Thread(target=wait)
    thread.start()
    return thread


def order(out: Path, action: str, *, when: str) -> threading.Thread:
    """Write ``control.json`` once the run has told of an event."""
    text = json.dumps({"action": action})
    return at_event(out, when, lambda: (out / "control.json").write_text(text))


@pytest.mark.parametrize(
    ("action", "state"), [("cancel", "cancelled"), ("preempt", "preempted")]
)
def test_run_obeys_its_supervisor(
    workspace: Workspace, action: str, state: str
) -> None:
    params: dict[str, Any] = PARAMS | {"epochs": 200, "checkpoint_steps": None}
    out = workspace.path / "run"
    thread = order(out, action, when="metrics")
    run = workspace.run(workspace.spec("dpo", params=params), "run")
    thread.join()
    assert run.code == 0
    assert run.status["state"] == state
    assert 0 < run.status["step"] < 2400
    assert run.events[-1]["event"] == "finished"
    assert run.events[-1]["state"] == state
    saved = checkpoints.candidates((out,))
    assert [found.step for found in saved] == (
        [run.status["step"]] if state == "preempted" else []
    )


def test_sampling_obeys_its_supervisor_between_batches(workspace: Workspace) -> None:
    params = {"samples": 64, "batch_size": 1, "max_new_tokens": 4}
    thread = order(workspace.path / "run", "preempt", when="sample")
    run = workspace.run(workspace.spec("generate", params=params), "run")
    thread.join()
    lines = (run.out / "completions.jsonl").read_text().splitlines()
    assert run.status["state"] == "preempted"
    assert 0 < len(lines) == run.status["step"] < 320
    assert not (run.out / "completions.parquet").exists()


def test_order_that_was_obeyed_does_not_stop_the_resumed_run(
    workspace: Workspace,
) -> None:
    (workspace.path / "run").mkdir()
    (workspace.path / "run" / "control.json").write_text('{"action": "cancel"}')
    spec = workspace.spec("reward", limits={"max_steps": 2})
    run = workspace.run(spec, "run")
    assert run.status["state"] == "cancelled"
    again = workspace.run(spec, "run", resume_from=(run.out,))
    assert again.status["state"] == "succeeded"


def test_two_runs_never_share_a_directory(
    workspace: Workspace, capsys: pytest.CaptureFixture[str]
) -> None:
    spec, out = workspace.spec("reward"), workspace.path / "run"
    with alone_in(out):
        before = sorted(out.iterdir())
        assert run_spec(spec, out) == 2
        assert "another run that goes on there" in capsys.readouterr().err
        assert sorted(out.iterdir()) == before


def test_half_written_order_is_read_again_later(tmp_path: Path) -> None:
    control = Control(tmp_path)
    control.check()
    (tmp_path / "control.json").write_text('{"acti')
    control.check()
    (tmp_path / "control.json").write_text('{"action": "cancel"}')
    with pytest.raises(Interrupted) as caught:
        control.check(7)
    assert (caught.value.state, caught.value.step) == ("cancelled", 7)


def test_log_survives_a_half_written_line(tmp_path: Path) -> None:
    with EventLog(tmp_path, echo=False) as log:
        log.emit("started")
        log.emit("metrics", step=1, metrics={"loss": float("nan")})
    with (tmp_path / "events.jsonl").open("a") as file:
        file.write('{"seq": 3, "eve')
    with EventLog(tmp_path, echo=False) as log:
        log.emit("finished")
    assert [(e["seq"], e["event"]) for e in read_events(tmp_path)] == [
        (1, "started"),
        (2, "metrics"),
        (3, "finished"),
    ]
    assert read_events(tmp_path)[1]["metrics"]["loss"] == "nan"
