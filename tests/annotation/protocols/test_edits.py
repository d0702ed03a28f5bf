"""An edit becomes a completion."""

from __future__ import annotations

import pytest

from annotation.models import Completion, Feedback
from annotation.services.projects import create_project
from tests.annotation.protocols.answers import ask, send, whole_answer

pytestmark = pytest.mark.django_db


def test_an_edit_becomes_a_completion_beside_its_original() -> None:
    project = create_project(slug="mended", preset="critique-and-edit")
    client, assignment = ask(project, size=1)
    (shown,) = assignment["completions"]
    original = shown["messages"][0]["content"]
    answer = whole_answer(project.protocol.questions, assignment)
    answer[1]["content"] = original.replace("sea", "lake")
    sent = send(client, assignment, answer)
    assert sent.status_code == 201
    edited = Completion.objects.exclude(pk=shown["id"]).get()
    assert edited.text == original.replace("sea", "lake")
    assert str(edited.parent_id) == shown["id"]
    assert edited.branch_at == original.index("sea")
    assert edited.generator == f"person-{Feedback.objects.get().actor_id}"
    assert not edited.slots.exists()
    # A correction back to the original adds nothing: that text is there already.
    body = {
        "client_id": "11111111-1111-4111-8111-111111111111",
        "judgments": [answer[0], answer[1] | {"content": original}],
        "protocol_version": 1,
        "supersedes": sent.json()["feedback_id"],
    }
    path = f"/api/v1/assignments/{assignment['id']}/feedback"
    again = client.post(path, body, content_type="application/json")
    assert again.status_code == 201
    assert Completion.objects.count() == 2
