"""Launching from the panel: forms from the registry, its errors on the fields."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from annotation.models import Project
from tests.factories import add_member, make_project, sign_in
from training.admin.fields import check, field_for, shown
from training.engine.registry import PRESETS, get
from training.models import ModelVersion, Round, Snapshot, TrainingRun

pytestmark = pytest.mark.django_db
ADD = "/admin/training/trainingrun/add/"


def ready(project: Project) -> Snapshot:
    return Snapshot.objects.create(
        project=project, name="batch", state="ready", rows=40, manifest={"version": 1}
    )


def filled(client: Client, preset: str, **changes: Any) -> dict[str, Any]:
    """Return the launch form as the browser would send it, with changes."""
    form = client.get(ADD, {"preset": preset}).context["form"]
    data: dict[str, Any] = {"preset": preset}
    for field in form:
        value = field.initial
        if value in (None, False):
            continue
        data[field.name] = "on" if value is True else value
    for name in ("snapshot", "model"):
        choices = list(form.fields[name].choices)
        first = choices[0][1][0][0] if name == "model" else choices[0][0]
        data.setdefault(name, str(first))
    return {**data, **changes}


def world(role: str = "researcher") -> tuple[Project, Snapshot, Client]:
    project = make_project()
    return project, ready(project), sign_in(add_member(project, role))


@pytest.mark.parametrize("name", list(PRESETS))
def test_every_setting_of_every_preset_has_its_field(name: str) -> None:
    preset = get(name)
    own, loop = shown(preset)
    drawn = {param.name for param in (*own, *loop)}
    elsewhere = {"role", "reward_model", "suite_file"}
    assert drawn | elsewhere >= {param.name for param in preset.params}
    for param in (*own, *loop):
        assert param.help in str(field_for(param).help_text)


@pytest.mark.parametrize("preset", ["reward-bt", "dpo"])
def test_defaults_launch_a_queued_run(preset: str) -> None:
    project, snapshot, client = world()
    answered = client.post(ADD, filled(client, preset))
    assert answered.status_code == 302, answered.context["form"].errors
    run = TrainingRun.objects.get()
    assert answered["Location"] == reverse(
        "admin:training_trainingrun_change", args=[run.pk]
    )
    assert (run.state, run.preset, run.snapshot) == ("queued", preset, snapshot)
    assert run.project == project
    assert run.params == check(get(preset), {})[0]
    assert run.model is not None
    assert (
        run.model.source
        == {
            "reward-bt": "wheel:minilm",
            "dpo": "wheel:smollm2",
        }[preset]
    )
    assert run.created_by is not None


def test_settings_lora_and_limits_reach_the_run() -> None:
    _, _, client = world()
    given = filled(
        client,
        "dpo",
        param_learning_rate="3e-5",
        param_beta="0,2",
        use_lora="on",
        lora_r="4",
        minutes="1.5",
        max_rows="32",
        seed="7",
        name="short one",
    )
    del given["param_precompute_reference"]
    assert client.post(ADD, given).status_code == 302
    run = TrainingRun.objects.get()
    assert run.params["learning_rate"] == 3e-5
    assert run.params["beta"] == 0.2
    assert run.params["precompute_reference"] is False
    assert run.lora is not None and run.lora["r"] == 4
    assert run.limits == {"seconds": 90.0, "max_rows": 32}
    assert (run.seed, run.name) == (7, "short one")


@pytest.mark.parametrize(
    ("field", "value", "expected"),
    [
        ("param_learning_rate", "fast", "a number"),
        ("param_learning_rate", "7", "at most 1"),
        ("param_batch_size", "2.5", "a whole number"),
        ("param_batch_size", "", "a whole number"),
        ("param_label_smoothing", "0.2", "which ignores it"),
        ("lora_r", "0", ""),
        ("max_rows", "0", ""),
        ("source", "", "found nothing"),
    ],
)
def test_what_is_wrong_is_said_on_its_field(
    field: str, value: str, expected: str
) -> None:
    _, _, client = world()
    given = filled(client, "dpo", **{field: value})
    if field == "source":
        given["model"] = "source"
    if field == "lora_r":
        given["use_lora"] = "on"
    answered = client.post(ADD, given)
    assert answered.status_code == 200
    errors = answered.context["form"].errors
    assert list(errors) == [field], errors
    assert expected in str(errors[field])
    assert "aria-describedby" in answered.content.decode()
    assert not TrainingRun.objects.exists()


def test_all_mistakes_show_at_once() -> None:
    _, _, client = world()
    given = filled(client, "dpo", param_beta="-1", param_epochs="never")
    errors = client.post(ADD, given).context["form"].errors
    assert set(errors) == {"param_beta", "param_epochs"}


def test_another_source_becomes_a_model_of_the_project() -> None:
    project, _, client = world()
    given = filled(client, "reward-bt", model="source", source="tiny:encoder")
    assert client.post(ADD, given).status_code == 302
    model = TrainingRun.objects.get().model
    assert model is not None
    assert (model.source, model.project) == ("tiny:encoder", project)


def test_a_policy_is_evaluated_against_its_parent_by_a_judge() -> None:
    project, snapshot, client = world()
    base, judge = (
        ModelVersion.objects.create(
            project=project, name=role, role=role, source="tiny:causal"
        )
        for role in ("policy", "reward")
    )
    policy = ModelVersion.objects.create(
        project=project, name="new", role="policy", source="tiny:causal", parent=base
    )
    given = filled(client, "evaluate", model=str(policy.pk), judge=str(judge.pk))
    answered = client.post(ADD, given)
    assert answered.status_code == 302, answered.context["form"].errors
    run = TrainingRun.objects.get()
    assert (run.kind, run.snapshot) == ("evaluate", snapshot)
    assert run.params["role"] == "policy"
    assert run.reference == base
    assert run.inputs["reward_model"] == str(judge.pk)


def test_foreign_snapshots_and_models_are_no_choice() -> None:
    _, snapshot, client = world()
    foreign = make_project()
    theirs = ready(foreign)
    model = ModelVersion.objects.create(
        project=foreign, name="theirs", role="policy", source="tiny:causal"
    )
    for changes in ({"snapshot": str(theirs.pk)}, {"model": str(model.pk)}):
        answered = client.post(ADD, filled(client, "dpo", **changes))
        assert answered.status_code == 200
        assert list(answered.context["form"].errors) == list(changes)
    assert "theirs" not in client.get(ADD, {"preset": "dpo"}).content.decode()
    assert snapshot.project != foreign
    assert not TrainingRun.objects.exists()


def test_without_a_snapshot_the_page_says_what_comes_first() -> None:
    client = sign_in(add_member(make_project(), "researcher"))
    text = client.get(ADD).content.decode()
    assert "There is no snapshot of the view pairs yet." in text
    assert reverse("admin:training_snapshot_add") in text


def test_reviewers_launch_nothing() -> None:
    _, _, client = world("reviewer")
    assert client.get(ADD).status_code == 403
    refused = client.post(ADD, {"preset": "dpo"})
    assert refused.status_code == 403
    assert "takes the role researcher or owner" in refused.content.decode()
    assert not TrainingRun.objects.exists()


def test_freezing_keeps_the_filter_and_queues() -> None:
    project, _, client = world()
    page = reverse("admin:training_snapshot_add")
    given = {
        "project": project.pk,
        "name": "evening",
        "view": "pairs",
        "aggregate": "consensus",
        "kinds": ["human"],
        "rounds": "0, 2",
        "since": "2026-01-02",
    }
    answered = client.post(page, given)
    snapshot = Snapshot.objects.get(name="evening")
    assert answered["Location"] == reverse(
        "admin:training_snapshot_change", args=[snapshot.pk]
    )
    assert snapshot.state == "queued"
    assert snapshot.query["aggregate"] == "consensus"
    assert snapshot.query["ties"] == "drop"
    assert snapshot.query["rounds"] == [0, 2]
    assert snapshot.query["kinds"] == ["human"]
    assert snapshot.query["since"].startswith("2026-01-02T00:00:00")
    wrong = client.post(page, {**given, "rounds": "first"})
    assert "Expected numbers" in wrong.content.decode()


def test_another_view_is_frozen_for_the_methods_that_take_it() -> None:
    project, _, client = world()
    page = reverse("admin:training_snapshot_add")
    given = {"project": project.pk, "name": "verdicts", "view": "unary"}
    refused = client.post(page, {**given, "aggregate": "consensus"})
    assert "has no choice of aggregate" in refused.content.decode()
    client.post(page, {**given, "aggregate": "label", "keep_ties": "on"})
    snapshot = Snapshot.objects.get(name="verdicts")
    Snapshot.objects.filter(pk=snapshot.pk).update(state="ready", rows=1)
    text = client.get(
        reverse("admin:training_snapshot_change", args=[snapshot.pk])
    ).content.decode()
    assert "Kahneman-Tversky" in text
    assert "exports/unary.jsonl" in text and "Train a policy with DPO" not in text
    form = client.get(ADD, {"preset": "kto"}).context["form"]
    assert list(form.fields["snapshot"].queryset) == [snapshot]


def test_a_run_is_launched_like_another_with_one_setting_changed() -> None:
    _, snapshot, client = world()
    given = filled(
        client, "dpo", param_beta="0.25", use_lora="on", lora_r="4", minutes="1.5"
    )
    assert client.post(ADD, given).status_code == 302
    first = TrainingRun.objects.get()
    page = client.get(f"/admin/training/trainingrun/{first.pk}/change/")
    assert f"?preset=dpo&amp;like={first.pk}" in page.content.decode()
    asked = {"preset": "dpo", "like": str(first.pk)}
    form = client.get(ADD, asked).context["form"]
    data = {
        field.name: "on" if (value := field.value()) is True else value
        for field in form
        if field.value() is not None and field.value() is not False
    }
    again = client.post(ADD, {**data, "preset": "dpo", "param_batch_size": "2"})
    assert again.status_code == 302, again.context["form"].errors
    second = TrainingRun.objects.exclude(pk=first.pk).get()
    assert second.params == first.params | {"batch_size": 2}
    assert (second.snapshot, second.model) == (snapshot, first.model)
    assert (second.lora, second.limits) == (first.lora, first.limits)
    stranger = sign_in(add_member(make_project(), "owner"))
    theirs = stranger.get(ADD, asked).context["form"]
    assert theirs["param_beta"].value() != 0.25


def test_a_round_starts_with_settings_and_is_steered() -> None:
    project, _, client = world()
    page = reverse("admin:training_round_add")
    form = client.get(page, {"project": project.pk}).context["form"]
    given: dict[str, Any] = {
        field.name: "on" if field.initial is True else field.initial
        for field in form
        if field.initial not in (None, False)
    }
    given |= {"project": project.pk, "set_pairs": "12", "set_random_share": "0,5"}
    wrong = client.post(page, {**given, "set_random_share": "7"})
    assert list(wrong.context["form"].errors) == ["set_random_share"]
    answered = client.post(page, given)
    assert answered.status_code == 302, answered.context["form"].errors
    round_ = Round.objects.get()
    assert round_.settings["pairs"] == 12
    assert round_.settings["random_share"] == 0.5
    second = client.post(page, given)
    assert "is open" in second.content.decode()

    for verb, paused in (("pause", True), ("resume", False)):
        steer = reverse("admin:training_round_steer", args=[round_.pk, verb])
        assert client.get(steer).status_code == 405
        client.post(steer)
        round_.refresh_from_db()
        assert round_.paused is paused
    shown_page = reverse("admin:training_round_change", args=[round_.pk])
    assert "Collect" in client.get(shown_page).content.decode()
    stranger = sign_in(add_member(make_project(), "owner"))
    assert stranger.get(shown_page).status_code == 404
    pause = reverse("admin:training_round_steer", args=[round_.pk, "pause"])
    assert stranger.post(pause).status_code == 404
