"""Launching refuses what can be known to be wrong, and says what would be right."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

import pytest
from pytest_django.fixtures import Settings

from annotation.errors import Conflict, InvalidInput
from tests.training.factories import (
    make_project,
    make_prompt,
    make_snapshot,
    tiny_encoder,
    tiny_policy,
)
from training.models import ModelVersion, Snapshot, TrainingRun
from training.services import runs
from training.services.launching import launch
from training.services.promoting import base_model

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def files_of_this_test(settings: Settings, tmp_path: Any) -> None:
    settings.ARTIFACTS = tmp_path


@pytest.fixture
def good() -> dict[str, Any]:
    project = make_project()
    return {
        "project": project,
        "kind": "reward",
        "model": tiny_encoder(),
        "snapshot": make_snapshot(project),
    }


def test_a_run_keeps_every_setting(good: dict[str, Any]) -> None:
    run = launch(**good, params={"batch_size": 2})
    assert run.state == "queued"
    assert (run.params["batch_size"], run.params["epochs"]) == (2, 1.0)
    assert run.name == "Bradley-Terry reward model from tiny encoder on easy"


@pytest.mark.parametrize(
    ("change", "path", "expected"),
    [
        ({"params": {"batch_size": 0}}, "params.batch_size", "at least 1"),
        ({"params": {"speed": 1}}, "params.speed", "a setting of reward-bt"),
        ({"preset": "dpo"}, "preset", "a preset for 'reward'"),
        ({"preset": "magic"}, "preset", "one of reward-bt"),
        ({"snapshot": None}, "snapshot", "a frozen snapshot"),
        ({"model": None}, "model", "the model to train a reward model from"),
        ({"seed": -1}, "seed", "a whole number from 0"),
        ({"launcher": "rocket"}, "launcher", "one of local, accelerate"),
        (
            {"launcher": "accelerate", "limits": {"seconds": 60}},
            "launcher",
            "local: one process",
        ),
        ({"backend": "hone"}, "backend", "one of trl"),
        ({"limits": {"seconds": -3}}, "limits.seconds", "greater than 0"),
        ({"lora": {"r": 0}}, "lora.r", "greater than or equal to 1"),
        ({"inputs": {"prompt_ids": [0]}}, "inputs.prompt_ids", "prompts of pears"),
        (
            {"inputs": {"completion_ids": ["no-id"]}},
            "inputs.completion_ids.0",
            "valid UUID",
        ),
        (
            {"inputs": {"reward_model": str(uuid4())}},
            "inputs.reward_model",
            "a model of pears",
        ),
    ],
)
def test_each_wrong_thing_is_named(
    good: dict[str, Any], change: dict[str, Any], path: str, expected: str
) -> None:
    with pytest.raises(InvalidInput) as error:
        launch(**{**good, **change})
    assert error.value.fields[0]["path"] == path
    assert expected in (error.value.expected or "")
    assert error.value.fix
    assert not TrainingRun.objects.exists()


def test_a_snapshot_must_be_ready_and_of_the_project(good: dict[str, Any]) -> None:
    queued = Snapshot.objects.create(project=good["project"], name="later")
    with pytest.raises(InvalidInput, match="one that is queued"):
        launch(**{**good, "snapshot": queued})
    other = make_snapshot(make_project("plums"))
    with pytest.raises(InvalidInput, match="another project's"):
        launch(**{**good, "snapshot": other})


def test_models_have_roles_and_projects(good: dict[str, Any]) -> None:
    prompt = make_prompt(good["project"], "hello")
    with pytest.raises(InvalidInput, match="a policy model to sample from"):
        launch(
            project=good["project"],
            kind="generate",
            model=tiny_encoder(),
            inputs={"prompt_ids": [prompt.pk]},
        )
    foreign = base_model(
        project=make_project("plums"), source="tiny:causal", role="policy"
    )
    with pytest.raises(InvalidInput, match="a model of pears"):
        launch(**{**good, "kind": "dpo", "model": foreign})


def test_a_model_from_outside_is_one_row() -> None:
    assert tiny_policy() == tiny_policy()
    assert ModelVersion.objects.count() == 1
    with pytest.raises(InvalidInput, match="This is no model"):
        base_model(project=None, source=" ", role="policy")


def test_priority_then_fairness_then_age(good: dict[str, Any]) -> None:
    busy = launch(**good, name="busy")
    first = launch(**good, name="first")
    urgent = launch(**good, name="urgent", priority=5)
    plums = make_project("plums")
    other = launch(
        project=plums,
        kind="reward",
        model=tiny_encoder(),
        snapshot=make_snapshot(plums),
        name="other",
    )
    assert runs.claim(busy.pk, worker="one") is not None
    taken = [runs.claim_next(worker="two") for _ in range(3)]
    assert taken == [urgent, other, first]
    assert runs.claim_next(worker="two") is None


def test_a_claimed_run_is_claimed_once(good: dict[str, Any]) -> None:
    run = launch(**good)
    mine = runs.claim(run.pk, worker="one")
    assert mine is not None and mine.attempt == 1
    assert runs.claim(run.pk, worker="two") is None


def test_only_what_failed_is_tried_again(good: dict[str, Any]) -> None:
    run = launch(**good)
    with pytest.raises(Conflict, match="a run that is queued"):
        runs.retry(run)
    runs.request_cancel(run)
    assert runs.retry(run).state == "queued"
