"""Online methods through a specification: rows of the registry on one loop."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.engine.reward_rows import write_reward_views
from tests.engine.support import Finished, Workspace, pair_row, say, write_rows
from training.engine import registry

PARAMS: dict[str, Any] = {
    "prompts_per_update": 4,
    "samples": 4,
    "rule": "contains",
    "rule_words": "e, a",
    "max_new_tokens": 5,
    "learning_rate": 3e-3,
    "warmup": 0.0,
    "minibatch": 8,
}


def train(space: Workspace, preset: str, **parts: Any) -> Finished:
    task = registry.get(preset).task
    known = {param.name for param in registry.get(preset).params}
    usual = {name: value for name, value in PARAMS.items() if name in known}
    params = usual | parts.pop("params", {})
    limits = parts.pop("limits", {"max_steps": 2})
    spec = space.spec(task, preset=preset, params=params, limits=limits, **parts)
    return space.run(spec, preset)


RULE_ALONE: list[tuple[str, dict[str, Any]]] = [
    ("grpo", {}),
    ("raft", {}),
    ("d3s", {}),
    ("dapo", {}),
    ("self-play", {}),
    ("p3o", {"samples": 2}),
    ("ppo-lsc", {"reference_samples": 2, "critic": "shared"}),
    ("pf-ppo", {"critic": "shared"}),
    ("online-dpo", {}),
    ("egpo", {"samples": 2}),
    ("nash-md", {"mixing": 0.5}),
    ("rso", {"samples": 8, "accepted": 4, "rejection_beta": 5.0}),
    ("kepo", {"success": 0.4}),
    ("superhf", {}),
    ("online-ipo", {"samples": 2}),
    ("mirror-prox", {"samples": 2}),
    ("ppo-gap", {"reference_samples": 2, "critic": "shared"}),
    ("pairwise-rl", {"reference_samples": 1, "critic": "shared"}),
    ("rluf", {"source_weights": "contains=0.5"}),
    ("dr-grpo", {}),
    ("gspo", {}),
    ("rloo", {}),
    ("beta-normalised-po", {}),
    ("adora", {}),
    ("grpo-pairwise", {}),
    ("ppo-par", {"reference_samples": 2, "critic": "shared"}),
    ("pf-ppo-extremes", {"critic": "shared"}),
]
REWARDS_AND_RULE: list[tuple[str, dict[str, Any]]] = [
    ("grpo-multi", {}),
    ("gdpo", {}),
    ("ppo-maxmin", {"critic": "shared"}),
    ("ppo-ensemble-mean", {"critic": "shared", "rule": "none"}),
    ("ppo-ensemble-worst", {"critic": "shared", "rule": "none"}),
    ("ppo-ensemble-uncertain", {"critic": "shared", "rule": "none"}),
]
OWN_TESTS = {
    *("think-rm", "directional-alignment", "ufo", "fine-grained-rlhf"),
    *("ppo-constrained", "self-rewarding-ppo", "hc-rlhf"),
    # In modules of their own.
    *("ppo", "cooper", "likelihood-rewards", "ppo-seq2seq"),
    *("waltz", "waltz-conversation", "profile-rl"),
}


def test_every_online_method_is_run_to_its_end() -> None:
    online = {p.name for p in registry.PRESETS.values() if p.task in ("ppo", "online")}
    run = [name for name, _ in (*RULE_ALONE, *REWARDS_AND_RULE)]
    assert {*run, *OWN_TESTS} == online


@pytest.mark.parametrize(("preset", "params"), REWARDS_AND_RULE)
def test_method_of_several_rewards_runs(
    workspace: Workspace,
    trained: dict[str, Path],
    preset: str,
    params: dict[str, Any],
) -> None:
    judge = {"source": str(trained["reward"])}
    models = {"reward": judge, "reward_2": judge}
    run = train(workspace, preset, params=params, models=models)
    assert run.code == 0, run.status["error"]
    assert (run.out / "model" / "config.json").is_file()
    found = run.status["metrics"]
    assert {"last/rewards/reward", "last/rewards/reward_2"} <= found.keys()
    caution = registry.get(preset).caution
    assert (caution in run.events[0]["warnings"]) == bool(caution)


@pytest.mark.parametrize(("preset", "params"), RULE_ALONE)
def test_method_runs_and_leaves_a_policy(
    workspace: Workspace, preset: str, params: dict[str, Any]
) -> None:
    run = train(workspace, preset, params=params)
    assert run.code == 0, run.status["error"]
    assert (run.out / "model" / "config.json").is_file()
    metrics = [e["metrics"] for e in run.events if e["event"] == "metrics"]
    assert [m["policy/first_ratio"] for m in metrics] == pytest.approx([1, 1], abs=1e-4)
    share = {"raft": 0.25, "superhf": 0.25, "pf-ppo": 0.5, "d3s": 0.5}.get(preset)
    if share is not None:
        assert metrics[0]["selected/share"] == share


@pytest.mark.parametrize("verdict", ["binary", "graded"])
def test_judge_learns_from_the_pairs_own_labels(
    workspace: Workspace, verdict: str
) -> None:
    rows = [pair_row(i, margin=1.0 + i) for i in range(8)]
    train_path = str(write_rows(workspace.path / "strong.parquet", rows))
    run = train(
        workspace,
        "think-rm",
        data={"train": train_path},
        params={"verdict": verdict, "rule": "none", "max_prompt_tokens": 256},
    )
    assert run.code == 0, run.status["error"]
    assert run.events[0]["rows"]["prompts"] == 8
    assert run.status["metrics"]["first/rewards/verdict"] >= 0
    if verdict == "graded":
        refused = train(
            workspace, "think-rm", params={"verdict": verdict, "rule": "none"}
        )
        assert "margin" in refused.status["error"]["expected"]


def test_directions_need_two_rewards(
    workspace: Workspace, trained: dict[str, Path]
) -> None:
    name = "directional-alignment"
    models = {"reward": {"source": str(trained["reward"])}}
    run = train(workspace, name, models=models, params={"directions": 2})
    assert run.code == 0, run.status["error"]
    assert run.events[0]["rows"]["prompts"] == 10  # two directions each
    assert run.status["metrics"]["first/selected/share"] == 0.25
    refused = train(workspace, name)
    assert refused.status["error"]["field"] == "models.reward_2"


def test_questions_are_tried_again(workspace: Workspace) -> None:
    rows = [pair_row(i, reference=say("assistant", "a")) for i in range(6)]
    path = str(write_rows(workspace.path / "known.parquet", rows))
    params = {"turns": 3, "critic": "shared", "rule": "none", "samples": 1}
    run = train(
        workspace,
        "ufo",
        data={"train": path},
        params={**params, "minibatch": 4, "max_prompt_tokens": 128},
    )
    assert run.code == 0, run.status["error"]
    assert run.status["metrics"]["first/rewards/tries"] <= 1.0
    bare = train(workspace, "ufo", params={**params, "minibatch": 4})
    assert "reference" in bare.status["error"]["expected"]


def test_parts_are_rewarded_where_they_end(workspace: Workspace) -> None:
    data = {"train": write_reward_views(workspace.path)["tokens"]}
    spec = workspace.spec(
        "reward",
        preset="reward-fine-grained",
        params={"min_words": 1, "batch_size": 4, "density": "sentence"},
        data=data,
    )
    judge = workspace.run(spec, "judge")
    assert judge.code == 0, judge.status
    run = train(
        workspace,
        "fine-grained-rlhf",
        models={"reward": {"source": str(judge.out / "model")}},
        params={"critic": "zero", "source_weights": "reward=0.3"},
    )
    assert run.code == 0, run.status["error"]
    metrics = run.status["metrics"]
    each = metrics["first/rewards/reward"]
    assert each != 0
    assert metrics["first/rewards/parts"] == pytest.approx(0.3 * each, abs=1e-5)
    refused = train(workspace, "fine-grained-rlhf", params={"critic": "zero"})
    assert refused.status["error"]["field"] == "models.reward"


def test_two_rewards_are_weighed_and_told_apart(
    workspace: Workspace, trained: dict[str, Path]
) -> None:
    models = {"reward": {"source": str(trained["reward"])}}
    run = train(
        workspace,
        "ppo-constrained",
        models=models,
        params={"critic": "zero", "thresholds": "reward=0.5, contains=0.9"},
    )
    assert run.code == 0, run.status["error"]
    metrics = run.status["metrics"]
    assert {"last/rewards/reward", "last/rewards/contains"} <= metrics.keys()
    # Both fall short of their thresholds, or not: the multipliers have moved.
    assert metrics["first/multipliers/0"] == pytest.approx(0.5)
    assert metrics["last/multipliers/0"] != metrics["first/multipliers/0"]


def test_demonstrations_alone_reward_what_they_made_likelier(
    workspace: Workspace, trained: dict[str, Path]
) -> None:
    models = {
        "better": {"source": str(trained["policy"])},
        "worse": {"source": "tiny:causal"},
    }
    params = {"rule": "none", "critic": "shared"}
    run = train(workspace, "self-rewarding-ppo", models=models, params=params)
    assert run.code == 0, run.status["error"]
    assert run.status["metrics"]["first/rewards/ratio"] != 0
    refused = train(workspace, "self-rewarding-ppo", params=params)
    assert refused.status["error"]["field"] == "models.better"


@pytest.mark.parametrize(
    ("preset", "samples", "expected"),
    [("p3o", 4, "exactly 2"), ("rloo", 1, "at least 2"), ("self-play", 1, "at least")],
)
def test_groups_that_cannot_be_compared_are_refused(
    workspace: Workspace, preset: str, samples: int, expected: str
) -> None:
    run = train(workspace, preset, params={"samples": samples, "minibatch": 1})
    assert run.code == 2
    assert run.status["error"]["field"] == "params.samples"
    assert expected in run.status["error"]["expected"]


def test_policy_is_tested_on_prompts_that_it_never_saw(workspace: Workspace) -> None:
    params = {
        "critic": "shared",
        "thresholds": "contains=0.05",
        "safety_source": "contains",
        "safety_bound": "bernstein",
    }
    run = train(workspace, "hc-rlhf", params=params)
    assert run.code == 0, run.status["error"]
    metrics = run.status["metrics"]
    assert metrics["safety/prompts"] == 16
    assert metrics["safety/lower_bound"] < metrics["safety/mean"]
    reached = metrics["safety/lower_bound"] >= metrics["safety/threshold"]
    assert metrics["safety/passed"] == float(reached)
    data = {key: value for key, value in workspace.data.items() if key != "test"}
    refused = train(workspace, "hc-rlhf", params=params, data=data)
    assert refused.status["error"]["field"] == "data.test"
