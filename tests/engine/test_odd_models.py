"""Models that would teach, score or judge by chance are refused by what they lack."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from safetensors.torch import load_file, save_file
from transformers import AutoTokenizer

from tests.engine.support import Finished, Workspace, pair_row, say, write_rows
from training.engine import registry
from training.engine.models import load_policy, load_reward, save_model
from training.engine.spec import ModelPart
from training.engine.tasks.evaluate import REPORT


@pytest.fixture
def model(tmp_path: Path) -> Path:
    place = tmp_path / "model"
    loaded = load_policy(ModelPart(source="tiny:causal"))
    save_model(loaded.model, loaded.tokenizer, place)
    return place


def templated(text: str | None, *, ends: bool = True) -> Callable[[Path], None]:
    """Return what gives a model another chat template, or takes it and its end away."""

    def change(place: Path) -> None:
        for file in place.glob("chat_template*"):
            file.unlink()
        path = place / "tokenizer_config.json"
        told: dict[str, Any] = json.loads(path.read_text())
        told.pop("chat_template", None)
        if text is not None:
            told["chat_template"] = text
        if not ends:
            told.pop("eos_token"), told.pop("pad_token", None)
        path.write_text(json.dumps(told))

    return change


def without_a_layer(place: Path) -> None:
    path = place / "model.safetensors"
    weights = load_file(path)
    del weights[next(name for name in weights if "q_proj" in name)]
    save_file(weights, path, metadata={"format": "pt"})


def with_more_tokens(place: Path) -> None:
    tokenizer = AutoTokenizer.from_pretrained(place)
    tokenizer.add_tokens([f"<more-{i}>" for i in range(500)])
    tokenizer.save_pretrained(place)


def refused(run: Finished) -> dict[str, Any]:
    assert run.code == 2, run.status
    assert [event["event"] for event in run.events] == ["failed"]
    error: dict[str, Any] = run.status["error"]
    assert error["fix"]
    return error


@pytest.mark.parametrize("task", ["dpo", "reward"])
@pytest.mark.parametrize(
    ("change", "said"),
    [
        (templated("{{ raise_exception('no such turn') }}"), "no such turn"),
        (templated("{% for m in messages %}"), "TemplateSyntaxError"),
        (templated("hello"), "read the same"),
        (templated(None, ends=False), "eos_token"),
        (without_a_layer, "q_proj"),
        (with_more_tokens, "<more-499>"),
    ],
    ids=["raises", "syntax", "silent", "endless", "layer", "tokens"],
)
def test_model_that_cannot_be_read_aright_is_refused(
    workspace: Workspace,
    model: Path,
    task: str,
    change: Callable[[Path], None],
    said: str,
) -> None:
    change(model)
    error = refused(workspace.run(workspace.spec(task, source=str(model)), "run"))
    assert said in error["found"] and error["field"] == "model.source"


@pytest.mark.parametrize("task", ["score", "evaluate", "ppo"])
def test_model_that_was_never_trained_to_score_judges_nothing(
    workspace: Workspace, model: Path, task: str
) -> None:
    """Its head would be drawn at random, and every score with it."""
    parts: dict[str, Any] = {"source": str(model)}
    if task == "ppo":
        parts = {"models": {"reward": {"source": str(model)}}}
    error = refused(workspace.run(workspace.spec(task, **parts), "run"))
    assert "no reward model" in error["message"] and "score.weight" in error["found"]
    # A head of its own is all it takes, and a fresh one is what training is for.
    loaded = load_reward(ModelPart(source=str(model)))
    save_model(loaded.model, loaded.tokenizer, model.parent / "scores")
    load_reward(ModelPart(source=str(model.parent / "scores")), is_trained=True)


def test_template_that_refuses_a_row_is_told_with_its_turns(
    workspace: Workspace, model: Path
) -> None:
    templated(
        "{% for m in messages %}{% if m.role == 'system' %}"
        "{{ raise_exception('no system turn') }}{% endif %}{{ m.content }}{% endfor %}"
    )(model)
    rows = [pair_row(i) for i in range(3)]
    rows[1]["prompt"] = say("system", "Be brief.") + rows[1]["prompt"]
    data = {"train": str(write_rows(workspace.path / "rows.parquet", rows))}
    spec = workspace.spec("dpo", source=str(model), data=data)
    error = refused(workspace.run(spec, "run"))
    assert "no system turn; turns of system, user" in error["found"]


def test_method_goes_along_with_the_model_into_its_report(
    workspace: Workspace,
) -> None:
    doubtful = next(
        preset
        for preset in registry.PRESETS.values()
        if preset.name == "reward-eurus" and not preset.is_verified
    )
    spec = workspace.spec("reward", preset=doubtful.name, limits={"max_steps": 1})
    made = workspace.run(spec, "made").out / "model"
    moved = shutil.move(made, workspace.path / "elsewhere")
    spec = workspace.spec("evaluate", source=str(moved), params={"bootstrap": 100})
    run = workspace.run(spec, "measured")
    assert run.code == 0, run.status
    report = json.loads((run.out / REPORT).read_text())
    assert report["method"]["preset"] == doubtful.name
    assert "Unverified: no source" in report["method"]["caution"]
    page = (run.out / "report.html").read_text()
    assert doubtful.title in page and "Unverified: no source" in page
