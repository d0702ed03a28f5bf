"""Runs and rounds over HTTP: who may, what comes back, what is refused."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client
from django.utils import timezone
from pytest_django.fixtures import Settings

from annotation.models import Project
from tests.factories import add_member
from tests.training.factories import make_project, make_snapshot, tiny_encoder
from training.models import ModelVersion, RunEvent, TrainingRun

pytestmark = pytest.mark.django_db


@pytest.fixture
def project(settings: Settings, tmp_path: Any) -> Project:
    settings.ARTIFACTS = tmp_path
    return make_project()


def client_of(project: Project, role: str) -> Client:
    client = Client()
    client.force_login(add_member(project, role))
    return client


@pytest.fixture
def alice(project: Project) -> Client:
    return client_of(project, "researcher")


@pytest.fixture
def charlie() -> Client:
    """A researcher of another project."""
    return client_of(make_project("plums"), "researcher")


@pytest.fixture
def run(project: Project, alice: Client) -> TrainingRun:
    answer = post(alice, "/api/v1/runs", reward(project))
    assert answer.status_code == 201, answer.json()
    return TrainingRun.objects.get(pk=answer.json()["id"])


def reward(project: Project, **fields: Any) -> dict[str, Any]:
    return {
        "project": project.slug,
        "kind": "reward",
        "model": str(tiny_encoder().pk),
        "snapshot": str(make_snapshot(project).pk),
        **fields,
    }


def post(client: Client, path: str, body: dict[str, Any] | None = None) -> Any:
    return client.post(path, body or {}, content_type="application/json")


def test_a_researcher_launches_watches_and_cancels(
    alice: Client, run: TrainingRun
) -> None:
    path = f"/api/v1/runs/{run.pk}"
    seen = alice.get(path).json()
    assert (seen["state"], seen["project"]) == ("queued", "pears")
    for seq in (1, 2, 3):
        RunEvent.objects.create(
            run=run, attempt=1, seq=seq, kind="metrics", step=seq, at=timezone.now()
        )
    events = alice.get(f"{path}/events").json()
    assert [event["seq"] for event in events["events"]] == [1, 2, 3]
    after = events["events"][1]["id"]
    later = alice.get(f"{path}/events?after={after}").json()
    assert [event["seq"] for event in later["events"]] == [3]
    again = alice.get(f"{path}/events?after={later['next']}").json()
    assert again == {"state": "queued", "next": later["next"], "events": []}
    assert post(alice, f"{path}/cancel").json()["state"] == "cancelled"
    assert post(alice, f"{path}/cancel").json()["state"] == "cancelled"
    assert post(alice, f"{path}/retry").json()["state"] == "queued"
    refused = post(alice, f"{path}/retry")
    assert (refused.status_code, refused.json()["error"]) == (409, "conflict")


def test_strangers_are_not_told_and_annotators_are_refused(
    project: Project, run: TrainingRun, charlie: Client
) -> None:
    bob = client_of(project, "annotator")
    path = f"/api/v1/runs/{run.pk}"
    for verb in ("", "/events"):
        assert charlie.get(path + verb).status_code == 404
        assert bob.get(path + verb).status_code == 403
        assert Client().get(path + verb).status_code == 401
    for verb in ("/cancel", "/retry"):
        assert post(charlie, path + verb).status_code == 404
        assert post(bob, path + verb).status_code == 403
    assert charlie.get("/api/v1/runs").json() == []
    assert bob.get("/api/v1/runs").json() == []
    assert post(charlie, "/api/v1/runs", reward(project)).status_code == 404
    assert post(bob, "/api/v1/runs", reward(project)).status_code == 403
    run.refresh_from_db()
    assert run.state == "queued"
    assert TrainingRun.objects.count() == 1


def test_another_projects_model_and_snapshot_are_unknown(
    project: Project, alice: Client
) -> None:
    plums = make_project("plums")
    foreign = ModelVersion.objects.create(
        project=plums, name="theirs", role="encoder", source="tiny:encoder"
    )
    for field, pk in (("model", foreign.pk), ("snapshot", make_snapshot(plums).pk)):
        answer = post(alice, "/api/v1/runs", reward(project, **{field: str(pk)}))
        assert answer.status_code == 422
        assert answer.json()["fields"][0]["path"] == field


def test_a_wrong_setting_comes_back_with_its_name(
    project: Project, alice: Client
) -> None:
    answer = post(alice, "/api/v1/runs", reward(project, params={"epochs": -1}))
    assert answer.status_code == 422
    body = answer.json()
    assert body["error"] == "invalid_input"
    assert body["fields"][0]["path"] == "params.epochs"
    assert body["fix"]


def test_a_model_from_outside_can_be_named(project: Project, alice: Client) -> None:
    body = {"source": "wheel:minilm", "role": "encoder"}
    made = post(alice, "/api/v1/projects/pears/models", body)
    assert (made.status_code, made.json()["name"]) == (201, "MiniLM-L6")
    names = [
        model["name"] for model in alice.get("/api/v1/projects/pears/models").json()
    ]
    assert names == ["MiniLM-L6"]


def test_rounds_are_opened_paused_and_seen(
    project: Project, alice: Client, charlie: Client
) -> None:
    path = "/api/v1/projects/pears/rounds"
    settings = {"min_labels": 5, "reward_base": "tiny:encoder"}
    made = post(alice, path, {"settings": settings})
    assert (made.status_code, made.json()["number"]) == (201, 1)
    assert post(alice, path, {}).status_code == 409
    paused = post(alice, f"{path}/1/pause").json()
    assert (paused["paused"], paused["state"]) == (True, "collecting")
    assert "paused" in paused["waiting_for"]
    assert not post(alice, f"{path}/1/resume").json()["paused"]
    assert post(alice, f"{path}/1/retry").status_code == 409
    assert post(alice, f"{path}/9/pause").status_code == 404
    assert [each["number"] for each in alice.get(path).json()] == [1]
    bob = client_of(project, "annotator")
    for verb in ("/1/pause", "/1/resume", "/1/retry"):
        assert post(charlie, path + verb).status_code == 404
        assert post(bob, path + verb).status_code == 403
    assert charlie.get(path).status_code == 404
