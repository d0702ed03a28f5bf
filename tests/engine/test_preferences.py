"""Every method on collected preferences: launched from one form of specification."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

from tests.engine.preference_rows import full_pair, list_row, unary_row, write_views
from tests.engine.support import Finished, Workspace, pair_row, say, write_rows
from training.engine import checkpoints, registry
from training.engine.models import load_policy
from training.engine.spec import ModelPart

OFFLINE = [p for p in registry.PRESETS.values() if p.task == "dpo"]
FAST = {"batch_size": 3, "learning_rate": 3e-3}


@pytest.fixture(autouse=True)
def _own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HONE_VAR", str(tmp_path / "var"))


def launch(
    workspace: Workspace, preset: str, name: str = "run", **parts: Any
) -> Finished:
    """Run a method on two batches of the view it reads."""
    found = registry.get(preset)
    views = write_views(workspace.path)
    assert found.view is not None
    rows = parts.pop("rows", None)
    if rows is not None:
        path = str(write_rows(workspace.path / f"{name}.parquet", rows))
    else:
        path = views[found.view]
    parts.setdefault("data", {"train": path})
    parts["params"] = FAST | parts.get("params", {})
    if found.models:
        parts.setdefault("models", {m: {"source": "tiny:causal"} for m in found.models})
    spec = workspace.spec("dpo", preset=preset, **parts)
    return workspace.run(spec, name)


@pytest.mark.parametrize("preset", OFFLINE, ids=lambda p: p.name)
def test_every_method_launches_and_learns(
    workspace: Workspace, preset: registry.Preset, trained: dict[str, Path]
) -> None:
    # A model that is its own reference has nothing to label pairs by.
    labels_itself = preset.name == "spa"
    if labels_itself:
        refused = launch(workspace, preset.name, "refused")
        assert "moved away from" in refused.status["error"]["expected"]
    reference = {"source": str(trained["policy"])} if labels_itself else None
    run = launch(workspace, preset.name, reference=reference)
    assert run.code == 0, run.status["error"]
    losses = run.losses()
    assert len(losses) == math.ceil(run.events[0]["rows"]["trained_on"] / 3)
    assert all(math.isfinite(loss) for loss in losses.values())
    told = run.events[0]["warnings"]
    assert (preset.caution in told) == bool(preset.caution)
    assert preset.status != "memory" or "Unverified" in told[0]
    before = load_policy(ModelPart(source="tiny:causal"), seed=0).model.state_dict()
    after = load_policy(ModelPart(source=str(run.out / "model"))).model.state_dict()
    assert any(not torch.equal(before[name], after[name]) for name in before)


@pytest.mark.parametrize(
    ("preset", "first"),
    [
        ("dpo", math.log(2)),
        ("soft-dpo", math.log(2)),
        ("ln-dpo", math.log(2)),
        ("dove", math.log(2)),
        ("step-dpo", math.log(2)),
        ("kto", 0.5),
        ("ipo", 25.0),
        ("inpo", (1 / 0.015) ** 2),
        ("hinge", 1.0),
    ],
)
def test_first_loss_is_known_while_policy_and_reference_agree(
    workspace: Workspace, preset: str, first: float
) -> None:
    run = launch(workspace, preset, limits={"max_steps": 1})
    assert run.losses()[1] == pytest.approx(first, rel=1e-5)


def test_two_backends_train_dpo_alike(workspace: Workspace) -> None:
    rows = [pair_row(i) for i in range(12)]
    # Grouped, their orders differ: one pays for shared prompts, the other for padding.
    params = {"group_by_length": False}
    curves = [
        launch(workspace, "dpo", name, rows=rows, backend=name, params=params).losses()
        for name in ("hone", "trl")
    ]
    assert curves[0] == pytest.approx(curves[1], abs=2e-4)
    refused = launch(
        workspace, "dpo", "no", rows=rows, backend="trl", params={"use_weights": True}
    )
    assert "use_weights" in refused.status["error"]["expected"]


@pytest.mark.parametrize("preset", ["inpo", "t-reg", "pro"])
def test_frozen_models_before_or_during_training_are_the_same(
    workspace: Workspace, preset: str
) -> None:
    curves = [
        launch(
            workspace, preset, f"run-{before}", params={"precompute_reference": before}
        ).losses()
        for before in (True, False)
    ]
    assert curves[0] == pytest.approx(curves[1], rel=1e-4)


def test_small_passes_added_up_are_the_step_of_a_large_one(
    workspace: Workspace,
) -> None:
    rows = [full_pair(i, weight=1.0 + i) for i in range(14)]

    def curve(batch: int, accumulation: int) -> dict[int, float]:
        params = {
            "batch_size": batch,
            "gradient_accumulation": accumulation,
            "group_by_length": False,
            "use_weights": True,
            "epochs": 2,
        }
        name = f"run-{batch}"
        return launch(workspace, "rpo", name, rows=rows, params=params).losses()

    # Fourteen rows: the last step of an epoch is a smaller one.
    large, small = curve(4, 1), curve(1, 4)
    assert len(large) == 8
    assert small == pytest.approx(large, abs=1e-5)


def test_weights_decide_how_much_a_row_counts(workspace: Workspace) -> None:
    rows = [full_pair(0, weight=1.0), full_pair(1, weight=0.0)]
    params = {"batch_size": 2, "use_weights": True}
    weighted = launch(workspace, "simpo", "weighted", rows=rows, params=params)
    alone = launch(workspace, "simpo", "alone", rows=rows[:1])
    assert weighted.losses()[1] == pytest.approx(alone.losses()[1], abs=1e-5)


def test_moving_labels_survive_a_resumption(workspace: Workspace) -> None:
    params = {"epochs": 4, "checkpoint_steps": 3, "label_rate": 0.5}
    whole = launch(workspace, "power-dl", "whole", params=params)
    again = workspace.run(
        next(workspace.path.glob("spec-*.json")), "again", resume_from=(whole.out,)
    )
    began = again.events[0]["resumed_from"]["step"]
    assert began == max(c.step for c in checkpoints.candidates((whole.out,)))
    later = {s: loss for s, loss in whole.losses().items() if s > began}
    assert later and again.losses() == pytest.approx(later, abs=1e-6)
    path = whole.out / "checkpoints" / f"checkpoint-{began}" / "label_state.json"
    labels = json.loads(path.read_text())["labels"]
    assert max(labels) < 1


@pytest.mark.parametrize("lora", [None, {"r": 2}], ids=["whole", "adapters"])
def test_masks_of_tokens_survive_a_resumption_and_leave_the_policy(
    workspace: Workspace, lora: dict[str, int] | None
) -> None:
    params = {"epochs": 2, "checkpoint_steps": 2, "l1": 0.05}
    whole = launch(workspace, "sparse-po", "whole", params=params, lora=lora)
    assert whole.code == 0, whole.status
    again = workspace.run(
        next(workspace.path.glob("spec-*.json")), "again", resume_from=(whole.out,)
    )
    began = again.events[0]["resumed_from"]["step"]
    later = {s: loss for s, loss in whole.losses().items() if s > began}
    assert later and again.losses() == pytest.approx(later, abs=1e-6)
    metrics = [e["metrics"] for e in whole.events if e["event"] == "metrics"]
    assert all(0 <= found["masks/used_share"] <= 1 for found in metrics)
    saved = load_file(whole.out / "model" / "model.safetensors")
    assert saved and not any("mask" in name for name in saved)


def test_reference_of_another_vocabulary_is_refused(
    workspace: Workspace, trained: dict[str, Path]
) -> None:
    from transformers import AutoTokenizer

    other = workspace.path / "other"
    loaded = load_policy(ModelPart(source=str(trained["policy"])))
    loaded.model.save_pretrained(other)
    tokenizer = AutoTokenizer.from_pretrained(trained["policy"])
    tokenizer.add_tokens(["<new>"])
    tokenizer.save_pretrained(other)
    run = launch(workspace, "dpo", reference={"source": str(other)})
    assert run.status["error"]["field"] == "reference.source"
    assert "vocabulary" in run.status["error"]["expected"]


def test_another_reference_is_measured_against(
    workspace: Workspace, trained: dict[str, Path]
) -> None:
    run = launch(workspace, "ipo", reference={"source": str(trained["policy"])})
    assert run.code == 0
    assert run.losses()[1] != pytest.approx(25.0, rel=1e-3)


REFUSED: dict[str, tuple[str, list[dict[str, Any]], str]] = {
    "no column": ("modpo", [pair_row(0)], "margins"),
    "empty value": ("mm-dpo", [full_pair(0), full_pair(1, margin=None)], "train-1"),
    "not a number": ("sppo", [full_pair(0, chosen_value=math.nan)], "train-0"),
    "too few margins": ("modpo", [full_pair(0, margins=[0.1, 0.2])], "1 number"),
    "no reason": ("dpo-rationale", [full_pair(0, rationale=" ")], "rationale"),
    "nobody": ("fspo", [full_pair(0, annotator=None)], "annotator"),
    "other view": ("pro", [full_pair(0)], "candidates"),
    "empty text": ("dpo", [pair_row(0, chosen=say("assistant", " "))], "row train-0"),
    "ties": ("dpo", [pair_row(0, soft_label=0.5)], "preferred side"),
    "short lists": (
        "lipo",
        [list_row(0, groups=[0, None, None, None])],
        "at least one",
    ),
    "neutral": ("kto", [unary_row(0, label=None), unary_row(2, label=None)], "one row"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_unusable_rows_are_refused_before_the_run_starts(
    workspace: Workspace, case: str
) -> None:
    preset, rows, said = REFUSED[case]
    for row in rows:
        row.setdefault("values", [])
    run = launch(workspace, preset, rows=rows)
    error = run.status["error"]
    assert run.code == 2
    assert said in json.dumps(error) and error["fix"]
    assert [event["event"] for event in run.events] == ["failed"]


def test_models_a_method_needs_are_asked_for(workspace: Workspace) -> None:
    for preset, params, field in (
        ("poft", {}, "models.teacher_1"),
        ("mnpo", {"older_weight": 0.5}, "models.previous_2"),
    ):
        run = launch(workspace, preset, preset, params=params, models={})
        assert run.status["error"]["field"] == field


def test_model_of_nan_weights_is_refused_before_it_runs(
    workspace: Workspace, trained: dict[str, Path]
) -> None:
    loaded = load_policy(ModelPart(source=str(trained["policy"])))
    with torch.no_grad():
        next(iter(loaded.model.parameters()))[0, 0] = math.nan
    broken = workspace.path / "broken"
    loaded.model.save_pretrained(broken)
    loaded.tokenizer.save_pretrained(broken)
    error = launch(workspace, "dpo", source=str(broken)).status["error"]
    assert "embed" in error["found"] and error["field"] == "model.source"


def test_loss_that_is_no_number_stops_the_run_and_names_rows(
    workspace: Workspace,
) -> None:
    rows = [full_pair(i, chosen_value=1e30 if i == 2 else 0.5) for i in range(6)]
    run = launch(workspace, "copg", rows=rows, params={"batch_size": 6})
    error = run.status["error"]
    assert run.code == 2 and error["message"] == "The loss is not a number."
    assert error["found"].endswith("at the rows train-2")
