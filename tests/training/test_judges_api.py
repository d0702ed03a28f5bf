"""Judges by HTTP: set up, asked, known by their cards; no secret comes back."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client

from annotation.models import Actor, Judge, JudgeBatch, Project
from tests.factories import add_member, make_project, make_tasks, sign_in
from tests.workers.test_judge_cards import says

pytestmark = pytest.mark.django_db
SECRET = "sk-live-0123456789"
ENDPOINT: dict[str, Any] = {
    "name": "large",
    "backend": "endpoint",
    "price_prompt": "0.5",
    "budget": 20,
    "settings": {
        "url": "http://127.0.0.1:9/v1",
        "model": "large",
        "key": "HONE_JUDGE_KEY_LARGE",
    },
}


@pytest.fixture
def project() -> Project:
    return make_project()


@pytest.fixture
def client(project: Project) -> Client:
    return sign_in(add_member(project, "researcher"))


def post(client: Client, path: str, body: Any = None) -> Any:
    return client.post(path, body or {}, content_type="application/json")


def at(project: Project, rest: str = "") -> str:
    return f"/api/v1/projects/{project.slug}/judges{rest}"


def test_a_judge_is_set_up_asked_and_told_of(
    project: Project, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HONE_JUDGE_KEY_LARGE", SECRET)
    made = post(client, at(project), ENDPOINT)
    assert made.status_code == 201, made.content
    told = made.json()
    assert (told["state"], told["spent"], told["maybe_paid_twice"]) == ("ready", 0, 0)
    assert told["settings"]["key"] == "HONE_JUDGE_KEY_LARGE"
    judge = Judge.objects.get(pk=told["id"])
    assert judge.created_by is not None and judge.budget == 20
    tried = post(client, at(project, f"/{judge.pk}/try"))
    assert tried.status_code == 202
    assert [each["kind"] for each in tried.json()["batches"]] == ["trial"]
    assert post(client, at(project, f"/{judge.pk}/pause")).json()["state"] == "stopped"
    assert post(client, at(project, f"/{judge.pk}/ask")).json()["state"] == "ready"
    one = client.get(at(project, f"/{judge.pk}"))
    listed = client.get(at(project))
    assert [each["id"] for each in listed.json()] == [judge.pk]
    for answer in (made, tried, one, listed):
        assert SECRET not in answer.content.decode()
    assert JudgeBatch.objects.count() == 1


def test_a_key_that_is_given_comes_back_nowhere(
    project: Project, client: Client
) -> None:
    given = {**ENDPOINT, "settings": {**ENDPOINT["settings"], "key": SECRET}}
    refused = post(client, at(project), given)
    assert refused.status_code == 422
    assert refused.json()["fields"][0]["path"].endswith("key")
    assert SECRET not in refused.content.decode()
    assert not Judge.objects.exists()


def test_what_belongs_to_others_is_refused_by_name(
    project: Project, client: Client
) -> None:
    other = make_project("other")
    theirs = Judge.objects.create(project=other, name="theirs", backend="recorded")
    stranger = Actor.objects.create(project=other, kind="model", external_id="m")
    for body, field in (
        ({"backend": "panel", "members": [theirs.pk]}, "members"),
        ({"backend": "recorded", "replays": stranger.pk}, "replays"),
        ({"backend": "recorded", "replays": None}, "replays"),
        ({"backend": "panel"}, "members"),
    ):
        refused = post(client, at(project), {"name": "mine", **body})
        assert refused.status_code == 422, (body, refused.content)
        assert refused.json()["fields"][0]["path"] == field
    assert post(client, at(project, f"/{theirs.pk}/ask")).status_code == 404
    assert not project.judges.exists()


def test_a_card_is_told_with_intervals(project: Project, client: Client) -> None:
    tasks = make_tasks(project, 6)
    judge = Judge.objects.create(project=project, name="r", backend="recorded")
    path = at(project, f"/{judge.pk}/card")
    assert client.get(path).json() == {"items": 0, "with_people": 0}
    judge.actor = says(project, "r", {task.pk: (0.9, 0.2) for task in tasks})
    judge.save()
    told = client.get(path).json()
    assert told["items"] == 6
    assert told["flips"]["value"] == 1
    low, high = told["flips"]["interval"]
    assert 0 < low < high <= 1
