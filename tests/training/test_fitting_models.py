"""Models that another method trained are refused when a run is launched."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client
from pytest_django.fixtures import Settings

from annotation.errors import InvalidInput
from annotation.models import Project
from tests.factories import add_member, sign_in
from tests.training.factories import make_project, make_snapshot, tiny_policy
from training.engine.registry import PRESETS, get
from training.engine.registry.fits import Chosen, misfit
from training.engine.registry.further import further_models
from training.engine.registry.types import Preset
from training.models import ModelVersion, Snapshot, TrainingRun
from training.services.launching import launch
from training.services.promoting import base_model

pytestmark = pytest.mark.django_db
ADD = "/admin/training/trainingrun/add/"


@pytest.fixture(autouse=True)
def files_of_this_test(settings: Settings, tmp_path: Any) -> None:
    settings.ARTIFACTS = tmp_path


@pytest.fixture
def project() -> Project:
    return make_project()


def made_by(preset: str, project: Project) -> ModelVersion:
    """Return a registered model that a run of a method left."""
    chosen = get(preset)
    run = TrainingRun.objects.create(
        project=project,
        name=preset,
        kind=chosen.task,
        preset=preset,
        backend=chosen.backends[0],
        state=TrainingRun.State.SUCCEEDED,
    )
    return ModelVersion.objects.create(
        project=project,
        name=f"{preset} one",
        role=str(chosen.produces),
        source=f"runs/{preset}",
        run=run,
    )


CASES = [
    ("cooper", "reward", "reward-bt", "reward-polar"),
    ("fine-grained-rlhf", "reward", "reward-bt", "reward-fine-grained"),
    ("ppo-seq2seq", "mapping", "dpo", "seq2seq-reward"),
    ("waltz-conversation", "feedback", "dpo", "waltz"),
    ("reward-micro-router", "model", "reward-bt", "reward-micro"),
    ("reward-armorm", "model", "reward-bt", "reward-helpsteer2"),
]


def launched(
    preset: str, place: str, model: ModelVersion, project: Project
) -> TrainingRun:
    found = get(preset)
    snapshot = make_snapshot(project)
    Snapshot.objects.filter(pk=snapshot.pk).update(view=found.view or "pairs")
    snapshot.refresh_from_db()
    inputs: dict[str, Any] = {"models": {}}
    start = tiny_policy()
    if place == "reward":
        inputs["reward_model"] = str(model.pk)
    elif place == "model":
        start = model
    else:
        inputs["models"][place] = str(model.pk)
    params = {}
    if found.task in ("ppo", "online") and place != "reward" and found.needs_reward:
        params["rule"] = "lexicon"
    return launch(
        project=project,
        kind=found.task,
        preset=preset,
        snapshot=snapshot,
        model=start,
        inputs=inputs,
        params=params,
    )


@pytest.mark.parametrize(("preset", "place", "wrong", "right"), CASES)
def test_model_of_another_method_is_refused_before_the_run(
    project: Project, preset: str, place: str, wrong: str, right: str
) -> None:
    with pytest.raises(InvalidInput) as caught:
        launched(preset, place, made_by(wrong, project), project)
    paths = {"model": "model", "reward": "inputs.reward_model"}
    error = caught.value
    assert error.fields[0]["path"] == paths.get(place, f"inputs.models.{place}")
    assert right in str(error.expected)
    assert f"a model of {wrong}" in str(error.found)
    assert f"Train {right}" in str(error.fix)
    assert not TrainingRun.objects.exclude(state="succeeded").exists()
    run = launched(preset, place, made_by(right, project), project)
    assert run.state == TrainingRun.State.QUEUED


def test_model_that_comes_with_hone_was_trained_by_no_method(project: Project) -> None:
    built_in = base_model(project=None, source="tiny:encoder", role="reward")
    with pytest.raises(InvalidInput) as caught:
        launched("cooper", "reward", built_in, project)
    assert "which no run trained" in str(caught.value.found)
    # Nobody can tell what lies in a directory of somebody else's before it is read.
    elsewhere = ModelVersion.objects.create(
        project=project, name="theirs", role="reward", source="hub/theirs"
    )
    assert launched("cooper", "reward", elsewhere, project).state == "queued"


def test_judges_that_read_more_than_a_completion_are_refused(project: Project) -> None:
    for preset, word in (
        ("reward-polar", "known answer"),
        ("reward-gpm", "compares"),
    ):
        with pytest.raises(InvalidInput) as caught:
            launched("ppo", "reward", made_by(preset, project), project)
        assert word in str(caught.value.found), preset
    # Among several completions of a prompt a model that compares has its say.
    several = launched("grpo", "reward", made_by("reward-gpm", project), project)
    assert several.state == "queued"


def test_form_offers_models_of_the_right_method_and_says_why_another_is_wrong(
    project: Project, client: Client
) -> None:
    snapshot = make_snapshot(project)
    right, wrong = (made_by(name, project) for name in ("reward-polar", "reward-bt"))
    client = sign_in(add_member(project, "researcher"))
    form = client.get(ADD, {"preset": "cooper"}).context["form"]
    offered = {str(row.pk) for row in form.fields["judge"].queryset}
    assert offered == {str(right.pk)}
    assert str(form.fields["judge"].initial) == str(right.pk)
    form = client.get(ADD, {"preset": "ppo-seq2seq"}).context["form"]
    tiny_policy()
    made_by("dpo", project)
    mapping = made_by("seq2seq-reward", project)
    offered = {str(row.pk) for row in form.fields["model_mapping"].queryset.all()}
    assert offered == {str(mapping.pk)}
    plain = client.get(ADD, {"preset": "fine-grained-rlhf"})
    data = {"preset": "fine-grained-rlhf", "snapshot": str(snapshot.pk)}
    for field in plain.context["form"]:
        if field.initial not in (None, False) and field.name not in data:
            data[field.name] = "on" if field.initial is True else field.initial
    answered = client.post(
        ADD, {**data, "model": str(tiny_policy().pk), "judge": str(wrong.pk)}
    )
    assert answered.status_code == 200
    errors = answered.context["form"].errors
    assert list(errors) == ["judge"], errors
    assert "Train reward-fine-grained" in str(errors["judge"])


@pytest.mark.parametrize("preset", PRESETS.values(), ids=lambda p: p.name)
def test_what_a_method_says_of_its_models_can_be_met(preset: Preset) -> None:
    """Places are ones that a form has, and the named methods leave such a model."""
    further = {model.name: model.role for model in further_models(preset)}
    roles = {"model": None, "reward": "reward", "reference": "policy", **further}
    chosen = {}
    for made in preset.made_by:
        assert made.presets
        for place in made.places:
            assert place in roles
            for name in made.presets:
                role = roles[place] or get(name).produces
                assert get(name).produces == role, (preset.name, place)
        chosen[made.places[0]] = Chosen("it", made.presets[0])
    assert set(preset.one_of) <= roles.keys()
    assert set(preset.models) <= further.keys()
    for place in preset.one_of[:1]:
        chosen[place] = Chosen("it", "dpo")
    params = {"rule": "lexicon", "samples": 2, "thresholds": "reward=0, lexicon=0"}
    if preset.rewards is not None:
        chosen["reward"] = Chosen("it", "reward-bt")
    assert misfit(preset, params, chosen) is None
    for made in preset.made_by:
        wrong = {**chosen, made.places[0]: Chosen("it", "kto")}
        found = misfit(preset, params, wrong)
        assert found is not None and found.place == made.places[0]
    for place in preset.one_of:
        found = misfit(preset, params, {})
        assert found is not None and found.place == preset.one_of[0], place


def test_rewards_and_thresholds_are_counted_before_the_run(project: Project) -> None:
    judge = made_by("reward-bt", project)
    start: dict[str, Any] = {
        "project": project,
        "model": tiny_policy(),
        "snapshot": make_snapshot(project),
        "inputs": {"reward_model": str(judge.pk)},
    }
    with pytest.raises(InvalidInput) as alone:
        launch(**start, kind="online", preset="directional-alignment")
    assert alone.value.fields[0]["path"] == "inputs.models.reward_2"
    rule = {"rule": "lexicon"}
    launch(**start, kind="online", preset="directional-alignment", params=rule)
    with pytest.raises(InvalidInput) as bare:
        launch(**start, kind="ppo", preset="ppo-constrained")
    assert bare.value.fields[0]["path"] == "params.thresholds"
    with pytest.raises(InvalidInput) as itself:
        launch(**{**start, "inputs": {}}, kind="dpo", preset="spa")
    assert itself.value.fields[0]["path"] == "reference"
    snapshot = start["snapshot"]
    snapshot.manifest = {"counts": {"train": 32, "validation": 0, "test": 0}}
    with pytest.raises(InvalidInput) as untested:
        launch(
            **start,
            kind="ppo",
            preset="hc-rlhf",
            params={"thresholds": "reward=0", "safety_source": "reward"},
        )
    assert untested.value.fields[0]["path"] == "snapshot"
    assert "split test" in str(untested.value.expected)
