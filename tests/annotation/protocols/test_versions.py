"""Questions that change in mid-project, are looked at first, and have a version."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client

from annotation.errors import InvalidInput
from annotation.models import Feedback, Project, Scale, Task
from annotation.protocols.presets import PRESETS
from annotation.services.projects import create_project, publish_protocol
from tests import factories
from tests.annotation.protocols.answers import ask, make_task, send, whole_answer

pytestmark = pytest.mark.django_db

THUMB = {
    "id": "thumb",
    "kind": "reaction",
    "text": "Is it good?",
    "signals": [
        {"id": "up", "label": "Up", "value": 1},
        {"id": "down", "label": "Down", "value": -1},
    ],
}


def researcher(project: Project) -> Client:
    return factories.sign_in(factories.add_member(project, "researcher"))


def publish(client: Client, project: Project, **body: Any) -> Any:
    path = f"/api/v1/projects/{project.slug}/protocol"
    return client.post(path, body, content_type="application/json")


def test_each_task_comes_with_the_questions_of_its_own_version() -> None:
    project = create_project(slug="moving")
    make_task(project)
    response = publish(researcher(project), project, questions=[THUMB])
    assert (response.status_code, response.json()["version"]) == (201, 2)
    make_task(project)
    annotator = factories.sign_in(factories.add_member(project))
    handed = annotator.post("/api/v1/projects/moving/assignments?count=2").json()
    first, second = handed["assignments"]
    assert (first["protocol_version"], second["protocol_version"]) == (1, 2)
    kinds = {n: [q["kind"] for q in qs] for n, qs in handed["protocols"].items()}
    assert kinds == {"1": ["compare"], "2": ["reaction"]}
    told = annotator.get("/api/v1/projects/moving").json()
    assert told["protocol"]["version"] == 2
    assert told["protocols"] == handed["protocols"]
    # Each is answered on its own version's terms, and on no other's.
    old, new = (handed["protocols"][n] for n in ("1", "2"))
    assert send(annotator, first, whole_answer(new, first)).status_code == 422
    assert send(annotator, first, whole_answer(old, first)).status_code == 201
    assert send(annotator, second, whole_answer(new, second)).status_code == 201
    versions = Feedback.objects.order_by("created_at")
    assert list(versions.values_list("protocol__number", flat=True)) == [1, 2]


def test_given_answers_and_met_tasks_keep_their_version() -> None:
    project = create_project(slug="moving", overlap=2)
    annotator, answered = ask(project)
    before = whole_answer(project.protocol.questions, answered)
    sent = send(annotator, answered, before)
    stored = Feedback.objects.get()
    unseen = make_task(project)
    body = {"questions": [THUMB], "unseen_tasks": True}
    assert publish(researcher(project), project, **body).status_code == 201
    versions = dict(Task.objects.values_list("pk", "protocol__number"))
    assert versions.pop(unseen.pk) == 2
    assert set(versions.values()) == {1}
    assert Feedback.objects.get().judgments == stored.judgments
    # A correction is still held against what was asked.
    body = {
        "client_id": "11111111-1111-4111-8111-111111111111",
        "judgments": before,
        "protocol_version": 1,
        "supersedes": sent.json()["feedback_id"],
    }
    path = f"/api/v1/assignments/{answered['id']}/feedback"
    assert (
        annotator.post(path, body, content_type="application/json").status_code == 201
    )


@pytest.mark.parametrize(
    ("change", "path", "words"),
    [
        ({"kind": "vote"}, "questions.0.kind", "kind that does not exist"),
        ({"text": ""}, "questions.0.text", "at least 1 character"),
        ({"id": "Thumb Up"}, "questions.0.id", "small letters"),
        ({"signals": []}, "questions.0.signals", "at least 1 item"),
        ({"signals": [*THUMB["signals"]] * 2}, "questions.0", "different ids"),
        ({"colour": "red"}, "questions.0.colour", "not a field"),
        ({"reason": "perhaps"}, "questions.0.reason", "'off', 'optional'"),
        ({"stage": -1}, "questions.0.stage", "0 or more"),
    ],
)
def test_questions_are_checked_before_they_are_published(
    change: Any, path: str, words: str
) -> None:
    project = create_project(slug="moving")
    client = researcher(project)
    for address in ("protocol", "preview"):
        body = {"questions": [THUMB | change]}
        response = client.post(
            f"/api/v1/projects/moving/{address}", body, content_type="application/json"
        )
        assert response.status_code == 422
        told = response.json()["fields"]
        assert any(f["path"] == path and words in f["message"] for f in told), told
    assert project.protocol_versions.count() == 1


SCALE_ERRORS = [
    ([("a", 1), ("b", 2)], "same strengths"),
    ([("a", 0), ("b", 0)], "1 or more"),
    ([("a", 1), ("b", 1), ("tie", 1)], "0 for a tie"),
    ([("a", 1), ("a", 1), ("b", 1)], "different"),
]


@pytest.mark.parametrize(("options", "words"), SCALE_ERRORS)
def test_a_compare_scale_is_the_same_for_both_sides(options: Any, words: str) -> None:
    project = create_project(slug="moving")
    listed = [
        {"value": f"{n}", "outcome": side, "strength": strength, "label": "x"}
        for n, (side, strength) in enumerate(options)
    ]
    scale = {"id": "odd@1", "options": listed}
    question = {"id": "q", "kind": "compare", "text": "?", "scale": scale}
    with pytest.raises(InvalidInput) as refused:
        publish_protocol(project=project, questions=[question])
    assert words in refused.value.fields[0]["message"]


@pytest.mark.parametrize(
    "scale",
    [
        {"min": 1},
        {"min": 2, "max": 1},
        {"points": [{"value": 1, "label": "one"}]},
        {"points": [{"value": n, "label": "x"} for n in (2, 1)]},
        {"points": [{"value": n, "label": "x"} for n in (1, 2)], "min": 0, "max": 1},
        {"min": 0, "max": 1, "step": 0},
    ],
)
def test_a_rate_scale_has_points_or_a_range(scale: Any) -> None:
    project = create_project(slug="moving")
    question = {"id": "q", "kind": "rate", "text": "?", "scale": {"id": "s@1", **scale}}
    with pytest.raises(InvalidInput):
        publish_protocol(project=project, questions=[question])


def test_a_scale_cannot_change_under_its_name() -> None:
    project = create_project(slug="moving", preset="helpsteer3")
    changed = [dict(question) for question in PRESETS["helpsteer3"].questions]
    changed[0]["scale"] = {**changed[0]["scale"], "both_bad": True}
    response = publish(researcher(project), project, questions=changed)
    assert response.status_code == 422
    assert "helpsteer3-7@2 is free" in response.json()["fields"][0]["message"]
    assert project.protocol_versions.count() == 1
    changed[0]["scale"]["id"] = "helpsteer3-7@2"
    response = publish(researcher(project), project, questions=changed)
    assert response.status_code == 201
    assert Scale.objects.filter(name="helpsteer3-7").count() == 2


def test_a_version_from_before_a_field_came_has_its_default() -> None:
    project = create_project(slug="old")
    bare = [{"id": "q", "kind": "best_worst", "text": "Which?"}]
    project.protocol_versions.create(number=2, questions=bare)
    _, assignment = ask(project)
    annotator = factories.sign_in(factories.add_member(project))
    told = annotator.get("/api/v1/projects/old").json()["protocol"]["questions"]
    assert told[0] | {"stage": 0, "reveal": "none", "reasons": []} == told[0]
    assert assignment["completions"][0]["outcome"] is None


def test_passages_and_steps_come_ready_to_be_marked() -> None:
    step = {"id": "s", "kind": "step", "text": "?", "required": False}
    project = create_project(slug="read")
    publish_protocol(
        project=project, questions=[step | {"labels": [{"id": "ok", "label": "ok"}]}]
    )
    _, assignment = ask(project)
    steps = {tuple(each["steps"]) for each in assignment["completions"]}
    assert ("Rivers are dry.", "Hills are wet.") in steps
    river, hill = assignment["prompt"]["passages"]
    assert (river["doc"], river["title"], hill["doc"]) == ("river", "Rivers", "hill")
    for passage in (river, hill):
        cut = [passage["text"][s["start"] : s["end"]] for s in passage["sentences"]]
        assert len(cut) == 2
        assert all(text.endswith(".") for text in cut)
    assert [sentence["id"] for sentence in hill["sentences"]] == [0, 1]


@pytest.mark.parametrize("name", PRESETS)
def test_every_preset_can_be_looked_at_without_a_task(name: str) -> None:
    project = create_project(slug="looked-at", preset=name)
    client = researcher(project)
    seen = client.get("/api/v1/projects/looked-at/preview").json()
    assert seen["invented"] is True
    assert seen["protocol"] == {"version": 1, "questions": PRESETS[name].questions}
    answer = whole_answer(seen["protocol"]["questions"], seen["assignment"])
    kinds = {question["kind"] for question in seen["protocol"]["questions"]}
    assert kinds <= {judgment["kind"] for judgment in answer}


def test_a_preview_shows_a_real_task_and_leases_nothing() -> None:
    project = create_project(slug="looked-at")
    task = make_task(project)
    client = researcher(project)
    response = client.post(
        "/api/v1/projects/looked-at/preview",
        {"questions": [THUMB]},
        content_type="application/json",
    )
    seen = response.json()
    assert response.status_code == 200
    assert seen["invented"] is False
    assert seen["assignment"]["prompt"]["messages"] == task.prompt.messages
    assert seen["assignment"]["protocol_version"] == seen["protocol"]["version"] == 2
    assert "secret" not in response.content.decode()
    assert not task.assignments.exists()
    assert project.protocol_versions.count() == 1
    old = client.get("/api/v1/projects/looked-at/preview?version=1").json()
    assert old["protocol"]["questions"][0]["kind"] == "compare"
    missing = client.get("/api/v1/projects/looked-at/preview?version=7")
    assert missing.status_code == 404


def test_presets_are_listed_with_their_questions() -> None:
    client = factories.sign_in(factories.make_user())
    listed = client.get("/api/v1/presets").json()
    assert [preset["name"] for preset in listed] == list(PRESETS)
    by_name = {preset["name"]: preset for preset in listed}
    assert by_name["helpsteer2"]["overlap"] == 3
    assert by_name["instructgpt"]["most_completions"] == 9
    assert by_name["hh"]["questions"] == PRESETS["hh"].questions
