"""Bad input ends in a clear error: what was expected, what was found, what to do."""

from __future__ import annotations

import errno
import json
import math
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch

from tests.engine.support import Finished, Workspace, pair_row, write_rows
from training.engine import checkpoints, cli, events, reward_trainer
from training.engine.cli import main
from training.engine.errors import FixableError
from training.engine.spec import load_spec, parse_spec


def failed(run: Finished) -> dict[str, Any]:
    """The error of a run that a person can mend, after checking its form."""
    assert run.code == 2
    assert run.status["state"] == "failed"
    error: dict[str, Any] = run.status["error"]
    assert error["expected"] and error["found"] and error["fix"]
    assert run.events[-1]["event"] == "failed"
    assert run.events[-1]["error"] == error
    assert not (run.out / "model").exists()
    return error


def test_missing_model(workspace: Workspace) -> None:
    spec = workspace.spec("reward", source=str(workspace.path / "nowhere"))
    assert "model directory" in failed(workspace.run(spec, "run"))["expected"]


def test_model_directory_that_is_none(
    workspace: Workspace, capsys: pytest.CaptureFixture[str]
) -> None:
    spec = workspace.spec("dpo", source=str(workspace.path))
    error = failed(workspace.run(spec, "run"))
    assert error["found"] == "a directory without config.json and weights"
    told = capsys.readouterr().err
    assert error["expected"] in told and error["fix"] in told


def test_data_file_that_is_missing(workspace: Workspace) -> None:
    spec = workspace.spec("reward", data={"train": "gone.parquet"})
    error = failed(workspace.run(spec, "run"))
    assert error["field"] == "data.train"
    assert str(workspace.path / "gone.parquet") in error["expected"]


def test_data_file_that_is_cut_short(workspace: Workspace) -> None:
    path = Path(workspace.data["train"])
    path.write_bytes(path.read_bytes()[:-40])
    error = failed(workspace.run(workspace.spec("reward"), "run"))
    assert error["expected"] == "a Parquet file"


def test_data_file_of_another_view(workspace: Workspace) -> None:
    spec = workspace.spec("dpo", data={"train": workspace.data["prompts"]})
    error = failed(workspace.run(spec, "run"))
    assert error["message"] == "A data file lacks prompt, chosen, rejected."
    assert "prompt_id" in error["found"]


def test_data_file_without_rows(workspace: Workspace) -> None:
    import pyarrow.parquet as pq

    path = workspace.path / "empty.parquet"
    pq.write_table(pq.read_table(workspace.data["train"]).slice(0, 0), path)
    spec = workspace.spec("reward", data={"train": str(path)})
    assert "0 rows" in failed(workspace.run(spec, "run"))["found"]


def test_empty_validation_is_no_failure(workspace: Workspace) -> None:
    import pyarrow.parquet as pq

    path = workspace.path / "empty.parquet"
    pq.write_table(pq.read_table(workspace.data["train"]).slice(0, 0), path)
    data = workspace.data | {"validation": str(path)}
    spec = workspace.spec("reward", data=data, limits={"max_steps": 1})
    run = workspace.run(spec, "run")
    assert run.code == 0
    assert "validation/accuracy" not in run.status["metrics"]


def test_evaluation_without_test_rows(workspace: Workspace) -> None:
    ties = [pair_row(i, soft_label=0.5) for i in range(3)]
    path = write_rows(workspace.path / "ties.parquet", ties)
    spec = workspace.spec("evaluate", data={"test": str(path)})
    assert failed(workspace.run(spec, "run"))["field"] == "data.test"


def test_policy_evaluation_without_a_reference(workspace: Workspace) -> None:
    spec = workspace.spec("evaluate", params={"role": "policy"})
    assert failed(workspace.run(spec, "run"))["field"] == "reference"


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"task": "ppo"}, "task"),
        ({"version": 2}, "version"),
        ({"preset": "reward-btt"}, "preset"),
        ({"preset": "dpo"}, "task"),
        ({"seed": -1}, "seed"),
        ({"model": {"source": ""}}, "model.source"),
        ({"model": {"source": "x", "dtype": "int8"}}, "model.dtype"),
        ({"params": {"learning_rate": "fast"}}, "params.learning_rate"),
        ({"limits": {"seconds": 0}}, "limits.seconds"),
        ({"data": {"train": None}}, "data.train"),
        ({"backend": "hone"}, "backend"),
        ({"surprise": 1}, "surprise"),
        ({"seed": True}, "seed"),
        ({"version": True}, "version"),
        ({"limits": {"max_rows": True}}, "limits.max_rows"),
        ({"limits": {"seconds": math.inf}}, "limits.seconds"),
        ({"lora": {"alpha": 1e9}}, "lora.alpha"),
        ({"models": {"previuos": {"source": "tiny:causal"}}}, "models.previuos"),
    ],
)
def test_wrong_specification_names_the_field(
    change: dict[str, Any], field: str
) -> None:
    good = {
        "version": 1,
        "task": "reward",
        "preset": "reward-bt",
        "model": {"source": "tiny:causal"},
        "data": {"train": "x.parquet"},
    }
    assert parse_spec(good).task == "reward"
    with pytest.raises(FixableError) as caught:
        parse_spec(good | change)
    assert caught.value.field == field
    assert caught.value.expected and caught.value.found and caught.value.fix


def test_specification_that_is_not_json(tmp_path: Path) -> None:
    path = tmp_path / "spec.json"
    path.write_bytes(b"\xff{")
    with pytest.raises(FixableError, match="not JSON"):
        load_spec(path)
    with pytest.raises(FixableError, match="no specification"):
        load_spec(tmp_path / "none.json")
    path.write_text("{}")
    for unreadable in (tmp_path, path / "below"):
        with pytest.raises(FixableError, match=r"cannot be read|no specification"):
            load_spec(unreadable)


def test_path_that_is_none_is_refused(workspace: Workspace) -> None:
    spec = workspace.spec("dpo", data={"train": "a\0b.parquet"})
    assert failed(workspace.run(spec, "run"))["field"] == "data.train"


@pytest.mark.parametrize("letters", [300, 5000])
def test_model_of_an_endless_name_is_refused(
    workspace: Workspace, letters: int
) -> None:
    spec = workspace.spec("dpo", source="a" * letters)
    assert failed(workspace.run(spec, "run"))["field"] == "model.source"


@pytest.mark.parametrize("task", ["dpo", "reward", "ppo"])
def test_adapters_on_no_layer_are_refused_before_it_starts(
    workspace: Workspace, task: str
) -> None:
    lora = {"targets": ["q_proj", "nowhere"]}
    params = {"rule": "length"} if task == "ppo" else {}
    run = workspace.run(workspace.spec(task, lora=lora, params=params), "run")
    error = failed(run)
    assert error["field"] == "lora.targets" and "q_proj" in error["expected"]
    assert [event["event"] for event in run.events] == ["failed"]


@pytest.mark.parametrize("backend", ["hone", "trl"])
def test_reference_that_cannot_serve_is_refused_before_it_starts(
    workspace: Workspace, backend: str
) -> None:
    reference = {"source": "tiny:encoder"}
    spec = workspace.spec("dpo", backend=backend, reference=reference)
    run = workspace.run(spec, "run")
    assert failed(run)["field"] == "reference.source"
    assert [event["event"] for event in run.events] == ["failed"]


def test_paths_are_relative_to_the_specification(tmp_path: Path) -> None:
    path = tmp_path / "spec.json"
    spec = {
        "version": 1,
        "task": "score",
        "preset": "score",
        "model": {"source": "tiny:encoder"},
        "data": {"rows": "rows.parquet"},
    }
    path.write_text(json.dumps(spec))
    assert load_spec(path).data.rows == tmp_path / "rows.parquet"


def test_disk_too_small_is_told_before_training(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    usage = shutil.disk_usage(workspace.path)
    monkeypatch.setattr(
        "training.engine.errors.shutil.disk_usage",
        lambda path: usage._replace(free=200_000),
    )
    run = workspace.run(workspace.spec("reward"), "run")
    error = failed(run)
    assert error["message"] == "The disk is full."
    assert error["found"] == "0.2 MB free"
    assert run.losses() == {}


def test_disk_that_fills_up_keeps_the_checkpoints_it_has(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    written = []

    def full(path: Path, step: int) -> None:
        written.append(step)
        if len(written) == 2:
            raise OSError(errno.ENOSPC, "No space left on device")
        seal(path, step)

    seal = checkpoints.seal
    monkeypatch.setattr("training.engine.checkpoints.seal", full)
    params = {"batch_size": 8, "checkpoint_steps": 2}
    spec = workspace.spec("reward", params=params)
    run = workspace.run(spec, "run")
    assert failed(run)["message"] == "The disk is full."
    monkeypatch.undo()
    again = workspace.run(spec, "again", resume_from=(run.out,))
    assert again.events[0]["resumed_from"]["step"] == 2
    assert again.code == 0


def test_event_log_on_a_full_disk_ends_the_run_clearly(workspace: Workspace) -> None:
    out = workspace.path / "run"
    out.mkdir()
    (out / "events.jsonl").symlink_to("/dev/full")
    run = workspace.run(workspace.spec("reward"), "run")
    assert run.code == 2
    assert run.status["error"]["message"] == "The disk is full."


def test_directory_that_cannot_be_written(
    workspace: Workspace, capsys: pytest.CaptureFixture[str]
) -> None:
    (workspace.path / "file").write_text("in the way")
    assert cli.run_spec(workspace.spec("reward"), workspace.path / "file" / "run") == 2
    assert "cannot be written" in capsys.readouterr().err


def test_bug_keeps_its_traceback_and_is_not_blamed_on_the_person(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*args: object, **kwargs: object) -> None:
        raise ZeroDivisionError("a bug of ours")

    monkeypatch.setattr("training.engine.loop.train", broken)
    run = workspace.run(workspace.spec("reward"), "run")
    assert run.code == 1
    assert run.status["error"]["error"] == "bug"
    assert "a bug of ours" in (run.out / "traceback.txt").read_text()


def test_status_of_an_earlier_attempt_does_not_outlive_a_new_start(
    workspace: Workspace,
) -> None:
    spec = workspace.spec("reward", params={"batch_size": 8})
    assert workspace.run(spec, "run").status["state"] == "succeeded"
    gone = workspace.spec("reward", data={"train": "gone.parquet"})
    assert workspace.run(gone, "run").status["state"] == "failed"


def test_status_is_replaced_whole(tmp_path: Path) -> None:
    path = tmp_path / "status.json"
    events.write_json(path, {"state": "succeeded", "loss": float("inf")})
    with pytest.raises(TypeError):
        events.write_json(path, {"state": {1, 2}})
    assert json.loads(path.read_text()) == {"state": "succeeded", "loss": "inf"}
    assert [entry.name for entry in tmp_path.iterdir()] == ["status.json"]


def test_presets_are_listed(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["presets", "--json"]) == 0
    listed = json.loads(capsys.readouterr().out)
    assert {"reward-bt", "dpo"} <= {preset["name"] for preset in listed}
    assert main(["presets"]) == 0
    assert "Strength of the tie to the reference" in capsys.readouterr().out


def test_memory_that_runs_out_is_told_with_what_helps(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A real allocation that no machine can serve, in the middle of a run."""

    def huge(*args: Any, **kwargs: Any) -> torch.Tensor:
        return torch.empty(1 << 50)

    monkeypatch.setattr(reward_trainer, "lay_out", huge)
    run = workspace.run(workspace.spec("reward"), "run")
    assert run.code == 2
    error = run.status["error"]
    assert error["message"] == "The machine ran out of memory."
    assert error["field"] == "params.batch_size"
    assert "gradient_checkpointing" in error["fix"]
