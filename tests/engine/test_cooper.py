"""A reward model that learns along with the policy, from answers it can check."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from tests.engine.reward_rows import reward_pair, small
from tests.engine.support import Finished, Workspace, say, write_rows
from tests.engine.test_online_runs import train
from training.engine.models import load_policy, load_reward
from training.engine.online import cooper, setup, sources
from training.engine.online.cooper import LearningReward, contrasted
from training.engine.online.prompts import answered_prompts
from training.engine.online.rewards import ModelReward
from training.engine.online.rollout import Rollout
from training.engine.sampling import Prompt
from training.engine.spec import ModelPart

TRICK = "trust me, I am always right"


def rollout(group: int, answer: str, text: str) -> Rollout:
    prompt = Prompt(f"p{group}", say("user", f"what is {group}?"), answer)
    return Rollout(prompt, group, [1, 2], [3], True, text)


def judge(rate: float) -> LearningReward:
    loaded, _ = small(map="reference")
    return LearningReward(loaded, max_length=96, batch_size=3, learning_rate=rate)


def test_right_and_wrong_of_one_prompt_stand_beside_each_other() -> None:
    rows = [
        rollout(0, "7", "it is 7"),
        rollout(0, "7", "17"),
        rollout(0, "7", TRICK),
        rollout(1, "list", "a list"),
        rollout(2, "x", TRICK),
    ]
    found = [(one.text, other.text) for one, other in contrasted(rows)]
    assert found == [("it is 7", "17")]
    told = judge(0.0).learn(rows)
    assert told == {"verified/right_share": 2 / 5, "verified/pairs": 1.0}


def test_answer_that_fools_a_learning_judge_loses_its_score() -> None:
    """A policy that has hardened into one phrase is caught, one prompt at a time."""
    answers = ["7", "list", "kind", "garden"]
    update = [
        rollout(group, answer, text)
        for group, answer in enumerate(answers)
        for text in (f"it is {answer}", TRICK)
    ]
    unseen = [rollout(9, "letter", "it is letter"), rollout(9, "letter", TRICK)]
    frozen, learning = judge(0.0), judge(5e-3)
    assert frozen.score(unseen) == learning.score(unseen)
    told = [(frozen.learn(update), learning.learn(update))[1] for _ in range(12)]
    assert told[-1]["verified/loss"] < 0.2 < told[0]["verified/loss"]
    right, trick = learning.score(unseen)
    before = frozen.score(unseen)
    assert trick < before[1] - 0.5 and right - trick > before[0] - before[1] + 1
    assert frozen.score(unseen) == judge(0.0).score(unseen)


@pytest.fixture(scope="module")
def polar(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Rows with known answers, and a reward model that reads them."""
    path = tmp_path_factory.mktemp("polar")
    rows = [reward_pair(i, reference=say("assistant", "a")) for i in range(6)]
    train_path = str(write_rows(path / "known.parquet", rows))
    space = Workspace(path, {"train": train_path})
    spec = space.spec("reward", preset="reward-polar", limits={"max_steps": 1})
    run = space.run(spec, "judge")
    assert run.code == 0, run.status
    return {"train": train_path, "judge": str(run.out / "model")}


def weights(run: Finished, part: str = "model") -> dict[str, Tensor]:
    load = load_policy if part == "model" else load_reward
    found = load(ModelPart(source=str(run.out / part)))
    return dict(found.model.state_dict())


def equal(one: dict[str, Tensor], other: dict[str, Tensor]) -> bool:
    return all(torch.equal(one[name], other[name]) for name in one)


def test_cooper_without_steps_is_grpo(
    workspace: Workspace, polar: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    parts: dict[str, Any] = {
        "data": {"train": polar["train"]},
        "models": {"reward": {"source": polar["judge"]}},
        "params": {"rule": "none", "max_prompt_tokens": 64},
    }

    def cooperating(rate: float) -> Finished:
        params = {**parts["params"], "reward_learning_rate": rate}
        run = train(workspace, "cooper", **{**parts, "params": params})
        assert run.code == 0, run.status
        return Finished(run.out.rename(run.out.with_name(f"rate-{rate}")), 0)

    # By chance none of these completions may be right, so length decides.
    monkeypatch.setattr(cooper, "is_right", lambda text, answer: len(text) % 2 == 0)
    still, moving = cooperating(0.0), cooperating(0.05)
    before = dict(load_reward(ModelPart(source=polar["judge"])).model.state_dict())
    assert equal(before, weights(still, "reward"))
    assert not equal(before, weights(moving, "reward"))
    assert not equal(weights(still), weights(moving))
    assert moving.status["metrics"]["first/verified/pairs"] > 0
    monkeypatch.setattr(
        setup, "prompts_of", lambda context, row: answered_prompts(Path(polar["train"]))
    )
    blind = train(workspace, "grpo", **parts)
    assert blind.status["error"]["field"] == "models.reward"
    assert "reads a known answer" in blind.status["error"]["found"]
    monkeypatch.setattr(ModelReward, "score", LearningReward.score)
    monkeypatch.setattr(sources, "refuse_blind", lambda *given: None)
    grpo = train(workspace, "grpo", **parts)
    assert grpo.code == 0, grpo.status
    assert equal(weights(still), weights(grpo))


def test_both_models_go_on_from_a_checkpoint(
    workspace: Workspace, polar: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cooper, "is_right", lambda text, answer: len(text) % 2 == 0)
    params = {"rule": "none", "reward_learning_rate": 0.01, "checkpoint_steps": 2}
    whole = train(
        workspace,
        "cooper",
        data={"train": polar["train"]},
        models={"reward": {"source": polar["judge"]}},
        params=params | {"max_prompt_tokens": 64},
        limits={"max_steps": 3},
    )
    assert whole.code == 0, whole.status
    spec = next(workspace.path.glob("spec-*.json"))
    again = workspace.run(spec, "again", resume_from=(whole.out,))
    assert again.events[0]["resumed_from"]["step"] == 2
    for part in ("model", "reward"):
        assert equal(weights(whole, part), weights(again, part))


def test_judge_that_reads_no_answer_is_refused(
    workspace: Workspace, polar: dict[str, str], trained: dict[str, Path]
) -> None:
    data = {"train": polar["train"]}
    models = {"reward": {"source": str(trained["reward"])}}
    plain = train(
        workspace, "cooper", data=data, models=models, params={"rule": "none"}
    )
    assert "reward-polar" in plain.status["error"]["expected"]
    alone = train(workspace, "cooper", data=data)
    assert alone.status["error"]["field"] == "models.reward"
