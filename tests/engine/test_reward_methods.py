"""Every reward model as a user runs it: trained, saved, loaded and asked."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
import torch

from tests.engine.reward_rows import items, reward_pair, write_reward_views
from tests.engine.support import Finished, Workspace, say, write_rows
from training.engine import registry
from training.engine.models import load_reward
from training.engine.registry.fits import makers
from training.engine.registry.rewards_algebra import RewardRow
from training.engine.rewards.contract import Scorer
from training.engine.rewards.model import HEAD_FILE, RewardModel
from training.engine.spec import ModelPart

METHODS = [
    preset.name
    for preset in registry.PRESETS.values()
    if isinstance(preset.settings, RewardRow)
]
SMALL: dict[str, Any] = {
    "gate_width": 8,
    "gate_layers": 1,
    "dimension": 8,
    "latent": 4,
    "hidden": 8,
    "debias": True,
    "base_rate": 0.1,
    "min_words": 1,
    "features": 2,
    "meta_prompts": 3,
    "meta_samples": 2,
    "max_new_tokens": 4,
}


def train(space: Workspace, views: dict[str, str], name: str, **parts: Any) -> Finished:
    preset = registry.get(name)
    params = {key: value for key, value in SMALL.items() if key in _names(preset)}
    params |= {"batch_size": 4, "learning_rate": 1e-3} | parts.pop("params", {})
    stage = makers(registry.get(name), "model")
    if stage and "source" not in parts:
        first = train(space, views, stage[0])
        parts["source"] = str(first.out / "model")
    parts.setdefault("models", {n: {"source": "tiny:causal"} for n in preset.models})
    data = parts.pop("data", None) or {"train": views[str(preset.view)]}
    spec = space.spec("reward", preset=name, params=params, data=data, **parts)
    return space.run(spec, f"run-{name}-{len(list(space.path.iterdir()))}")


def _names(preset: registry.Preset) -> set[str]:
    return {param.name for param in preset.params}


def scorer_of(run: Finished) -> Scorer:
    loaded = load_reward(ModelPart(source=str(run.out / "model")))
    assert isinstance(loaded.model, RewardModel)
    return Scorer(loaded.model, loaded.tokenizer, max_length=128, batch_size=4)


@pytest.fixture(scope="module")
def views(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    return write_reward_views(tmp_path_factory.mktemp("views"))


@pytest.mark.parametrize("name", METHODS)
def test_every_method_trains_and_keeps_the_contract(
    workspace: Workspace, views: dict[str, str], name: str
) -> None:
    run = train(workspace, views, name)
    assert run.code == 0, run.status
    assert run.status["metrics"]["last/loss"] == pytest.approx(
        run.losses()[max(run.losses())]
    )
    assert run.events[0]["rows"]["trained_on"] >= 4
    assert json.loads((run.out / "model" / HEAD_FILE).read_text())["preset"] == name
    scorer = scorer_of(run)
    asked = items(4, factors=[0.5, 1.0])
    scores = scorer.score(asked)
    assert len(scores.value) == 4 and all(map(_finite, scores.value))
    if not scorer.compares:
        assert scorer.recombined(scores) == pytest.approx(scores.value, abs=1e-9)
    assert (scores.uncertainty is not None) == (name == "reward-ensemble")
    there = scorer.prob(asked[:2], asked[2:])
    back = scorer.prob(asked[2:], asked[:2])
    for one, other in zip(there, back, strict=True):
        assert 0 <= one <= 1
        assert one + other == pytest.approx(1, abs=1e-12)
    # A batch's own make-up changes nothing but comparisons.
    if not scorer.compares:
        alone = [scorer.score([item]).value[0] for item in asked]
        assert alone == pytest.approx(scores.value, abs=1e-5)


def _finite(value: float) -> bool:
    return bool(torch.isfinite(torch.tensor(value)))


def test_heads_are_asked_by_every_task(
    workspace: Workspace, views: dict[str, str]
) -> None:
    for name in ("reward-helpsteer2", "reward-gpm"):
        run = train(workspace, views, name)
        source = str(run.out / "model")
        scored = workspace.run(workspace.spec("score", source=source), f"scored-{name}")
        assert scored.code == 0, scored.status
        table = pq.read_table(scored.out / "scores.parquet")
        values = table["score"].to_pylist()
        assert len(set(values)) > 2
        if name == "reward-gpm":
            # Two completions of a prompt: what one gains the other loses.
            assert values[0] == pytest.approx(-values[1])
        measured = workspace.run(
            workspace.spec("evaluate", source=source, params={"bootstrap": 100}),
            f"measured-{name}",
        )
        assert measured.code == 0, measured.status
    judged = workspace.spec(
        "evaluate",
        reference={"source": "tiny:causal"},
        params={
            "role": "policy",
            "reward_model": source,
            "bootstrap": 100,
            "max_new_tokens": 2,
        },
        limits={"max_rows": 2},
    )
    assert workspace.run(judged, "judged").code == 0


def test_values_of_beginnings_steer_a_model_that_does_not_learn(
    workspace: Workspace, views: dict[str, str]
) -> None:
    values = str(train(workspace, views, "reward-values").out / "model")

    def drawn(name: str, source: str, **params: Any) -> Finished:
        spec = workspace.spec(
            "generate",
            preset="value-augmented-sampling",
            models={"value": {"source": source}},
            params={"max_new_tokens": 3, **params},
            limits={"max_rows": 3},
        )
        return workspace.run(spec, name)

    runs = [drawn(f"by-{beta}", values, value_beta=beta) for beta in (0.0, 900.0)]
    assert [run.code for run in runs] == [0, 0], runs[1].status
    texts = [
        pq.read_table(run.out / "completions.parquet")["content"].to_pylist()
        for run in runs
    ]
    assert texts[0] != texts[1]
    refused = drawn("by-nothing", "tiny:causal")
    assert refused.status["error"]["field"] == "models.value"
    encoder = train(workspace, views, "reward-values", source="tiny:encoder")
    assert "causal" in encoder.status["error"]["expected"]


def test_comparing_model_refuses_lonely_completions(
    workspace: Workspace, views: dict[str, str]
) -> None:
    scorer = scorer_of(train(workspace, views, "reward-gpm"))
    with pytest.raises(Exception, match="single completions"):
        scorer.score(items(2))


def test_adapters_leave_a_whole_model_with_its_head(
    workspace: Workspace, views: dict[str, str]
) -> None:
    for name, source in (
        ("reward-smoothed", "tiny:encoder"),
        ("reward-pair-judge", "tiny:causal"),
    ):
        run = train(workspace, views, name, source=source, lora={"r": 2, "alpha": 4})
        assert run.code == 0, run.status
        assert not (run.out / "model" / "adapter_config.json").exists()
        assert scorer_of(run).score(items(4)).value


def test_run_that_was_stopped_goes_on_the_same(
    workspace: Workspace, views: dict[str, str]
) -> None:
    settings = {"params": {"epochs": 2, "checkpoint_steps": 2}}
    whole = train(workspace, views, "reward-maxmin", **settings)
    limits = {"max_steps": 3}
    preset = "reward-maxmin"
    data = {"train": views["pairs"]}
    params = {"batch_size": 4, "learning_rate": 1e-3, **settings["params"]}
    part = workspace.spec("reward", preset=preset, params=params, data=data)
    half = workspace.run(
        workspace.spec(
            "reward", preset=preset, params=params, data=data, limits=limits
        ),
        "half",
    )
    assert half.code == 0
    resumed = workspace.run(part, "resumed", resume_from=(half.out,))
    assert resumed.code == 0
    assert resumed.events[0]["resumed_from"]["step"] == 2
    # The shorter run had another schedule; the record of annotators went along.
    heads = [
        load_reward(ModelPart(source=str(run.out / "model"))).model.state_dict()
        for run in (whole, resumed)
    ]
    assert heads[0].keys() == heads[1].keys()
    assert heads[1]["head.totals"].abs().sum() > 0


@pytest.mark.parametrize(
    ("name", "change", "said"),
    [
        ("reward-maxmin", {"annotator": None}, "lacks annotator"),
        ("reward-cost", {"chosen_unsafe": None}, "lacks chosen_unsafe"),
        ("reward-polar", {"reference": None}, "lacks reference"),
        ("reward-heron", {"chosen_factors": [1.0]}, "do not fit"),
    ],
)
def test_rows_that_lack_something_are_named(
    workspace: Workspace, name: str, change: dict[str, Any], said: str
) -> None:
    rows = [reward_pair(i) for i in range(4)] + [reward_pair(4, **change)]
    path = str(write_rows(workspace.path / "bad.parquet", rows))
    run = train(workspace, {}, name, data={"train": path})
    assert run.code == 2
    error = run.status["error"]
    assert said in error["message"]
    assert "train-4" in error["found"] and error["fix"]


def test_second_stage_wants_its_first(
    workspace: Workspace, views: dict[str, str]
) -> None:
    for source in ("tiny:causal", None):
        if source is None:
            source = str(train(workspace, views, "reward-micro").out / "model")
        run = train(workspace, views, "reward-armorm", source=source)
        assert run.code == 2
        assert "reward-helpsteer2" in run.status["error"]["expected"]


def test_head_that_is_damaged_is_refused(
    workspace: Workspace, views: dict[str, str]
) -> None:
    run = train(workspace, views, "reward-robust")
    head: Path = run.out / "model" / HEAD_FILE
    head.write_text(head.read_text()[:40])
    found = workspace.run(
        workspace.spec("score", source=str(run.out / "model")), "scored"
    )
    assert found.code == 2
    assert HEAD_FILE in found.status["error"]["expected"]


def test_verdict_wants_a_language_model(
    workspace: Workspace, views: dict[str, str]
) -> None:
    run = train(workspace, views, "reward-rlbff", source="tiny:encoder")
    assert run.code == 2
    assert run.status["error"]["expected"] == "a causal language model"


def test_wordy_prompts_do_not_change_the_question(
    workspace: Workspace, views: dict[str, str]
) -> None:
    """The wording of a question is kept whole where the rest must be cut."""
    scorer = scorer_of(train(workspace, views, "reward-pair-judge"))
    long = [
        type(item)(say("user", "word " * 400), item.completion) for item in items(2)
    ]
    assert scorer.score(long).shortened == 2
