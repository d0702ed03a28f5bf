"""What reaches the arithmetic of a run: schedules, coefficients, scales, memory."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from tests.engine.support import Workspace
from tests.engine.test_online_runs import train
from training.engine.online import loop
from training.engine.online.schedule import scheduled
from training.engine.ppo import learner
from training.engine.ppo.learner import UpdateSettings


def rates(name: str, warmup: int, total: int) -> list[float]:
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=2.0)
    found = scheduled(optimizer, name, warmup, total)
    told = []
    for _ in range(total):
        told.append(float(optimizer.param_groups[0]["lr"]))
        optimizer.step()
        found.step()
    return told


def test_every_update_learns_and_the_rate_falls_to_nothing_behind_the_last() -> None:
    assert rates("linear", 0, 4) == pytest.approx([2.0, 1.5, 1.0, 0.5])
    assert rates("linear", 2, 5) == pytest.approx([2 / 3, 4 / 3, 2.0, 4 / 3, 2 / 3])
    assert rates("constant", 2, 3) == [2.0, 2.0, 2.0]
    assert rates("constant_with_warmup", 1, 3) == pytest.approx([1.0, 2.0, 2.0])
    assert rates("cosine", 0, 2) == pytest.approx([2.0, 1.0])


def settings_used(monkeypatch: pytest.MonkeyPatch) -> list[UpdateSettings]:
    """Return a list that fills with what updates are told."""
    told: list[UpdateSettings] = []
    real = learner.update

    def watched(*args: Any, **options: Any) -> dict[str, float]:
        told.append(args[4])
        return real(*args, **options)

    monkeypatch.setattr(loop, "update", watched)
    return told


def test_constraints_take_their_weight_from_the_tie_wherever_it_stands(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One reward: its multiplier starts at one half, and the tie has the rest."""
    told = settings_used(monkeypatch)
    params = {"critic": "shared", "thresholds": "contains=0.5", "kl_coef": 0.2}
    params |= {"kl_place": "loss", "kl_estimator": "k2"}
    run = train(workspace, "ppo-constrained", params=params, limits={"max_steps": 1})
    assert run.code == 0, run.status["error"]
    assert told[0].kl_coef == pytest.approx(0.1)


def test_critic_that_learns_alone_leaves_the_policy_as_it_was(
    workspace: Workspace,
) -> None:
    """Its head learns; the states it shares, and what decays weights, do not."""
    params = {"critic": "shared", "critic_warmup": 1, "weight_decay": 0.5}
    params |= {"learning_rate": 3e-2, "critic_learning_rate": 3e-2}
    run = train(workspace, "ppo", params=params, limits={"max_steps": 3})
    assert run.code == 0, run.status["error"]
    told = [e["metrics"] for e in run.events if e["event"] == "metrics"]
    assert told[1]["objective/kl"] == pytest.approx(0.0, abs=1e-6)
    assert abs(told[2]["objective/kl"]) > 1e-3


def test_reference_scale_is_that_of_the_scores_that_are_learned_from(
    workspace: Workspace,
) -> None:
    """Chances to win lie between 0 and 1, however low the rewards they come from."""
    params = {"critic": "shared", "reference_samples": 2, "score_scale": "reference"}
    params |= {"rule": "length", "rule_target": 500}
    run = train(workspace, "ppo-par", params=params, limits={"max_steps": 1})
    assert run.code == 0, run.status["error"]
    metrics = run.status["metrics"]
    assert metrics["first/rewards/length"] < -0.9
    assert abs(metrics["first/rewards/mean"]) < 0.5


def test_trial_steps_leave_no_trace_in_what_is_remembered(
    workspace: Workspace,
) -> None:
    params = {"samples": 2, "score_scale": "running", "checkpoint_steps": 1}
    run = train(workspace, "egpo", params=params)
    assert run.code == 0, run.status["error"]
    path = run.out / "checkpoints" / "checkpoint-1" / "state.pt"
    state = torch.load(path, weights_only=True)["state"]
    assert state["scale"]["count"] == 8  # four prompts, two completions each, once
