"""Methods that sample while they learn, from the launch form to the engine's door."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from django.test import Client
from pytest_django.fixtures import Settings

from annotation.errors import InvalidInput
from annotation.models import Project
from tests.factories import add_member, sign_in
from tests.training.factories import make_project, make_snapshot, tiny_policy
from training.engine.registry import get
from training.engine.spec import load_spec
from training.models import ModelVersion, Snapshot, TrainingRun
from training.services import specs
from training.services.launching import launch
from training.services.promoting import base_model
from training.services.round_settings import policy_kind, read_settings

pytestmark = pytest.mark.django_db
ADD = "/admin/training/trainingrun/add/"


@pytest.fixture(autouse=True)
def files_of_this_test(settings: Settings, tmp_path: Any) -> None:
    settings.ARTIFACTS = tmp_path


@pytest.fixture
def project() -> Project:
    return make_project()


@pytest.fixture
def snapshot(project: Project) -> Snapshot:
    return make_snapshot(project)


@pytest.fixture
def judge(project: Project) -> ModelVersion:
    return base_model(project=project, source="tiny:encoder", role="reward")


def filled(client: Client, **changes: Any) -> dict[str, Any]:
    """Return the launch form, of PPO unless told, as the browser would send it."""
    preset = changes.get("preset", "ppo")
    form = client.get(ADD, {"preset": preset}).context["form"]
    data: dict[str, Any] = {"preset": preset}
    for field in form:
        if field.initial not in (None, False):
            data[field.name] = "on" if field.initial is True else field.initial
    for name in ("snapshot", "model"):
        choices = list(form.fields[name].choices)
        first = choices[0][1][0][0] if name == "model" else choices[0][0]
        data.setdefault(name, str(first))
    return {**data, **changes}


def test_form_offers_the_newest_reward_model_and_launches(
    project: Project, snapshot: Snapshot, judge: ModelVersion
) -> None:
    client = sign_in(add_member(project, "researcher"))
    assert (
        b"Scores what the policy writes" in client.get(ADD, {"preset": "ppo"}).content
    )
    answered = client.post(ADD, filled(client, param_kl_coef="0,1"))
    assert answered.status_code == 302, answered.context["form"].errors
    run = TrainingRun.objects.get()
    assert (run.kind, run.preset, run.backend) == ("ppo", "ppo", "hone")
    assert run.inputs == {"reward_model": str(judge.pk)}
    assert run.params["kl_coef"] == 0.1
    assert run.model is not None and run.model.role == "policy"


def test_without_a_judge_a_rule_is_enough_and_nothing_is_not(
    project: Project, snapshot: Snapshot
) -> None:
    client = sign_in(add_member(project, "researcher"))
    refused = client.post(ADD, filled(client))
    assert refused.status_code == 200
    errors = refused.context["form"].errors
    assert list(errors) == ["judge"]
    assert "a reward model or a rule" in str(errors["judge"])
    assert client.post(ADD, filled(client, param_rule="lexicon")).status_code == 302
    assert TrainingRun.objects.get().params["rule"] == "lexicon"


@pytest.mark.parametrize("preset", ["think-rm", "ufo"])
def test_methods_with_known_answers_need_no_judge(
    project: Project, snapshot: Snapshot, preset: str
) -> None:
    kind = get(preset).task
    run = launch(
        project=project,
        kind=kind,
        preset=preset,
        model=tiny_policy(),
        snapshot=snapshot,
    )
    assert (run.preset, run.params["rule"], run.state) == (preset, "none", "queued")


def test_engine_is_given_a_specification_it_accepts(
    project: Project, snapshot: Snapshot, judge: ModelVersion, tmp_path: Path
) -> None:
    run = launch(
        project=project,
        kind="ppo",
        model=tiny_policy(),
        snapshot=snapshot,
        inputs={"reward_model": str(judge.pk)},
        params={"max_new_tokens": 8},
    )
    path = specs.write_spec(run, tmp_path)
    assert json.loads(path.read_text())["params"]["reward_model"] == "tiny:encoder"
    spec = load_spec(path)
    assert (spec.task, spec.backend, spec.sources()) == (
        "ppo",
        "hone",
        ["tiny:causal", "tiny:encoder"],
    )
    assert spec.data.train is not None


@pytest.mark.parametrize(
    ("change", "path"),
    [
        ({"inputs": {}}, "inputs.reward_model"),
        ({"preset": "dpo"}, "preset"),
        ({"snapshot": None}, "snapshot"),
    ],
)
def test_what_cannot_run_is_refused(
    project: Project,
    snapshot: Snapshot,
    judge: ModelVersion,
    change: dict[str, Any],
    path: str,
) -> None:
    good: dict[str, Any] = {
        "project": project,
        "kind": "ppo",
        "model": tiny_policy(),
        "snapshot": snapshot,
        "inputs": {"reward_model": str(judge.pk)},
    }
    with pytest.raises(InvalidInput) as caught:
        launch(**{**good, **change})
    assert caught.value.fields[0]["path"] == path


def test_round_takes_any_preset_that_leaves_a_policy() -> None:
    settings = read_settings({"policy": {"preset": "ppo", "params": {"trace": 1.0}}})
    assert policy_kind(settings.policy) == "ppo"
    assert policy_kind(read_settings({}).policy) == "dpo"
    for preset in ("reward-bt", "generate", "magic"):
        with pytest.raises(InvalidInput) as caught:
            read_settings({"policy": {"preset": preset}})
        assert caught.value.fields[0]["path"] == "settings.policy.preset"
        assert "ppo" in str(caught.value.expected)


def test_form_names_the_further_models_that_a_method_knows(
    project: Project, snapshot: Snapshot, judge: ModelVersion, tmp_path: Path
) -> None:
    """A constrained run has two reward models, a poorer one refused by its role."""
    client = sign_in(add_member(project, "researcher"))
    other = base_model(project=project, source="tiny:causal", role="reward")
    given = {"preset": "ppo-constrained", "model_reward_2": str(other.pk)}
    thresholds = "reward=0.5, reward_2=0.1"
    answered = client.post(ADD, filled(client, **given, param_thresholds=thresholds))
    assert answered.status_code == 302, answered.context["form"].errors
    run = TrainingRun.objects.get()
    assert run.inputs["models"] == {"reward_2": str(other.pk)}
    spec = load_spec(specs.write_spec(run, tmp_path))
    assert {name: part.source for name, part in spec.models.items()} == {
        "reward_2": "tiny:causal"
    }


def test_models_that_a_method_needs_or_does_not_know_are_named(
    project: Project, snapshot: Snapshot, judge: ModelVersion
) -> None:
    start: dict[str, Any] = {
        "project": project,
        "model": tiny_policy(),
        "snapshot": snapshot,
    }
    with pytest.raises(InvalidInput) as lacking:
        launch(**start, kind="dpo", preset="accelerated-po")
    assert lacking.value.fields[0]["path"] == "inputs.models.previous_2"
    with pytest.raises(InvalidInput) as unknown:
        models = {"previous_2": str(tiny_policy().pk)}
        launch(**start, kind="dpo", preset="dpo", inputs={"models": models})
    assert unknown.value.fields[0]["path"] == "inputs.models.previous_2"
    with pytest.raises(InvalidInput) as other_role:
        models = {"previous_2": str(judge.pk)}
        launch(**start, kind="dpo", preset="accelerated-po", inputs={"models": models})
    assert "a policy model" in str(other_role.value)
    models = {"previous_2": str(tiny_policy().pk)}
    run = launch(
        **start, kind="dpo", preset="accelerated-po", inputs={"models": models}
    )
    assert run.inputs["models"] == models
