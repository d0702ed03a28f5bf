"""Arithmetic in bfloat16, weights and losses in float32."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

from tests.engine.support import Finished, Workspace
from training.engine.models import load_policy, load_reward
from training.engine.preferences import trainer as learning
from training.engine.spec import ModelPart

LOW = {"source": "tiny:causal", "dtype": "bfloat16"}
SHORT = {
    "batch_size": 4,
    "warmup": 0.0,
    # Smaller than what a bfloat16 weight of usual size could be moved by.
    "learning_rate": 1e-6,
    "schedule": "constant",
    "checkpoint_steps": 2,
    "checkpoint_seconds": None,
}
DRAWN = {
    "warmup": 0.0,
    "learning_rate": 1e-6,
    "rule": "length",
    "prompts_per_update": 4,
    "samples": 2,
    "minibatch": 8,
    "max_new_tokens": 6,
}


def weights(run: Finished) -> dict[str, torch.Tensor]:
    """Return a run's weights."""
    return load_file(run.out / "model" / "model.safetensors")


def metrics(run: Finished) -> dict[str, float]:
    """Return what the first step said."""
    assert run.code == 0, run.status["error"]
    found: dict[str, float] = next(
        event["metrics"] for event in run.events if event["event"] == "metrics"
    )
    return found


@pytest.mark.parametrize(
    ("task", "preset", "backend"),
    [
        ("dpo", "dpo", "hone"),
        ("dpo", "dpo", "trl"),
        ("reward", "reward-bt", "trl"),
        ("reward", "reward-rao-kupper", "hone"),
    ],
)
def test_lower_arithmetic_learns_nearly_the_same_in_full_weights(
    workspace: Workspace, task: str, preset: str, backend: str
) -> None:
    runs = []
    for model in ({"source": "tiny:causal"}, LOW):
        spec = workspace.spec(
            task,
            preset=preset,
            backend=backend,
            model=model,
            params=SHORT,
            limits={"max_steps": 2},
        )
        runs.append(workspace.run(spec, model.get("dtype", "float32")))
    full, low = (metrics(run) for run in runs)
    assert low["loss"] == pytest.approx(full["loss"], rel=5e-3)
    assert low["grad_norm"] == pytest.approx(full["grad_norm"], rel=2e-2)
    # Computed in float32: a bfloat16 number would have eight binary digits.
    assert float(torch.tensor(low["loss"]).bfloat16()) != low["loss"]
    if task == "dpo":
        # The reference computes as the policy does, so nothing tells them apart yet.
        assert low["loss"] == pytest.approx(math.log(2), abs=1e-6)
    kept = weights(runs[1])
    assert {value.dtype for value in kept.values()} == {torch.float32}
    if preset == "reward-rao-kupper":
        return
    load = load_policy if task == "dpo" else load_reward
    before = load(ModelPart(source="tiny:causal")).model.state_dict()
    moved = [(kept[name] != before[name]).float().mean() for name in kept]
    assert float(torch.stack(moved).mean()) > 0.9


def test_resumed_run_in_lower_arithmetic_goes_on_the_same(workspace: Workspace) -> None:
    def spec(steps: int) -> Any:
        return workspace.spec(
            "dpo", model=LOW, params=SHORT, limits={"max_steps": steps}
        )

    whole = workspace.run(spec(6), "whole")
    first = workspace.run(spec(3), "first")
    second = workspace.run(spec(6), "second", resume_from=(first.out,))
    assert second.events[0]["resumed_from"]["step"] == 2
    assert second.losses() == {s: x for s, x in whole.losses().items() if s > 2}
    after, before = weights(second), weights(whole)
    assert all(torch.equal(after[name], before[name]) for name in before)


@pytest.mark.parametrize(("task", "preset"), [("ppo", "ppo"), ("online", "grpo")])
def test_reference_is_the_policy_before_the_first_step(
    workspace: Workspace, task: str, preset: str
) -> None:
    critic = {"critic": "shared"} if task == "ppo" else {}
    spec = workspace.spec(
        task,
        preset=preset,
        model=LOW,
        params=DRAWN | critic,
        limits={"max_steps": 1},
    )
    run = workspace.run(spec, "run")
    found = metrics(run)
    assert found["objective/kl"] == 0.0
    assert found["policy/first_ratio"] == pytest.approx(1.0, abs=1e-6)
    assert {value.dtype for value in weights(run).values()} == {torch.float32}


def test_number_that_is_none_is_met_in_lower_arithmetic_too(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    def spoiled(batch: Any, read: Any) -> Any:
        return with_read(batch, read * float("inf"))

    with_read = learning.with_read
    monkeypatch.setattr(learning, "with_read", spoiled)
    run = workspace.run(workspace.spec("dpo", model=LOW, params=SHORT), "run")
    assert run.code == 2
    assert run.status["error"]["message"] == "The loss is not a number."
