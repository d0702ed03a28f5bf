"""Attacks by way of conversations with models: others' talks, and work without end."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from pytest_django.fixtures import Settings

from annotation.errors import Conflict, NotAllowed, TooManyAttempts
from annotation.models import Membership, Project
from annotation.services.projects import create_project
from annotation.services.tokens import make_token
from tests.factories import add_member, make_user, sign_in
from training.models import ModelVersion, Reply, Talk
from training.services import replies, talking

pytestmark = pytest.mark.django_db


@pytest.fixture
def project() -> Project:
    made = create_project(slug="chat", preset="hh")
    for name in ("careful", "quick"):
        ModelVersion.objects.create(
            project=made, name=name, role="policy", source="tiny:causal"
        )
    return made


@pytest.fixture
def alice(project: Project) -> User:
    return add_member(project, "annotator", "alice")


@pytest.fixture
def talk(alice: User, project: Project) -> Talk:
    return talking.open_talk(user=alice, project=project)


def trial(user: User, project: Project) -> Talk:
    models = list(project.models.values_list("pk", flat=True))
    return talking.open_trial(user=user, project=project, models=models)


def say(user: User, talk: Talk, content: str = "Hello?", number: int = 1) -> Talk:
    return talking.say(user=user, talk=talk.pk, number=number, content=content)


@pytest.mark.parametrize("role", ["annotator", "owner", "stranger", "superuser"])
def test_nobody_reads_or_continues_anothers_talk(
    role: str, alice: User, project: Project, talk: Talk
) -> None:
    say(alice, talk, "My secret.")
    if role in ("stranger", "superuser"):
        other = make_user(role, is_superuser=role == "superuser")
    else:
        other = add_member(project, role, role)
    client = sign_in(other)
    calls: list[tuple[str, str, Any]] = [
        ("get", "", None),
        ("post", "/turns", {"number": 2, "content": "And mine?"}),
        ("post", "/turns", {"number": 1, "content": "My secret."}),
        ("post", "/retry", None),
    ]
    for method, path, body in calls:
        address = f"/api/v1/talks/{talk.pk}{path}"
        answer = getattr(client, method)(address, body, "application/json")
        assert answer.status_code == (404 if role == "stranger" else 403), answer
        assert b"secret" not in answer.content
    assert talk.turns.count() == 1


def test_who_leaves_the_project_leaves_the_talk(
    alice: User, project: Project, talk: Talk
) -> None:
    say(alice, talk)
    Membership.objects.filter(user=alice).delete()
    assert sign_in(alice).get(f"/api/v1/talks/{talk.pk}").status_code == 404


def test_who_may_try_no_models_out_any_more_does_not(project: Project) -> None:
    tester = add_member(project, "researcher", "tester")
    mine = trial(tester, project)
    Membership.objects.filter(user=tester).update(role="annotator")
    with pytest.raises(NotAllowed):
        say(tester, mine)
    assert not Reply.objects.exists()


@pytest.mark.parametrize("scope", ["read", "train", "ingest", "write"])
def test_a_token_for_something_else_does_not_talk(
    scope: str, alice: User, talk: Talk
) -> None:
    _, secret = make_token(user=alice, name="program", scopes=[scope])
    client = Client(headers={"authorization": f"Bearer {secret}"})
    for answer in (
        client.get(f"/api/v1/talks/{talk.pk}"),
        client.post("/api/v1/projects/chat/talks", {}, "application/json"),
    ):
        assert answer.status_code == 403, answer.content


def test_one_person_keeps_the_models_busy_with_so_much_at_most(
    project: Project, settings: Settings
) -> None:
    settings.LIVE_REPLIES_PER_PERSON = 4
    tester = add_member(project, "researcher", "tester")
    for _ in range(2):
        say(tester, trial(tester, project))
    third = trial(tester, project)
    with pytest.raises(TooManyAttempts, match="still writing to you") as refused:
        say(tester, third)
    assert refused.value.retry_after > 0
    assert Reply.objects.count() == 4
    # Another is not kept waiting by it, and what is whole makes room.
    say(add := add_member(project, "researcher", "other"), trial(add, project))
    for reply in Reply.objects.filter(turn__talk__actor__user=tester)[:2]:
        Reply.objects.filter(pk=reply.pk).update(state=Reply.State.DONE)
    say(tester, third)


def test_a_failing_reply_is_not_asked_for_without_end(
    alice: User, talk: Talk, settings: Settings
) -> None:
    settings.LIVE_TRIES_PER_REPLY = 3
    say(alice, talk)
    first = talk.turns.get().replies.get(place=0)
    for tries in range(1, 4):
        job = replies.claim(first.pk)
        assert job is not None and job.attempt == tries
        replies.finish(job, " ", "stop")  # blank: it has failed
        if tries < 3:
            talking.ask_again(user=alice, talk=talk.pk)
    with pytest.raises(Conflict, match="failed too often") as told:
        talking.ask_again(user=alice, talk=talk.pk)
    assert told.value.found == "3 tries"


def test_asking_again_counts_as_work_too(
    alice: User, talk: Talk, project: Project, settings: Settings
) -> None:
    settings.LIVE_REPLIES_PER_PERSON = 2
    say(alice, talk)
    turn = talk.turns.get()
    turn.replies.update(state=Reply.State.FAILED, error={"message": "gone"})
    Membership.objects.filter(user=alice).update(role="researcher")
    say(alice, trial(alice, project))
    with pytest.raises(TooManyAttempts):
        talking.ask_again(user=alice, talk=talk.pk)


def test_a_paused_project_answers_nobody(
    alice: User, talk: Talk, project: Project
) -> None:
    project.state = Project.State.PAUSED
    project.save()
    with pytest.raises(Conflict, match="paused"):
        say(alice, talk)
    assert not Reply.objects.exists()


@pytest.mark.parametrize("size", [8001, 900_000])
def test_a_huge_turn_is_refused_and_kept_nowhere(
    size: int, alice: User, talk: Talk
) -> None:
    answer = sign_in(alice).post(
        f"/api/v1/talks/{talk.pk}/turns",
        {"number": 1, "content": "x" * size},
        "application/json",
    )
    assert answer.status_code == 422
    assert len(answer.content) < 2000
    assert talk.turns.count() == 0


def test_what_models_write_stays_text(alice: User, talk: Talk) -> None:
    """No markup is added or taken on the way: the screen sanitises what it shows."""
    say(alice, talk)
    first = talk.turns.get().replies.get(place=0)
    job = replies.claim(first.pk)
    assert job is not None
    replies.finish(job, "<script>alert(1)</script>\0\ud800", "stop")
    answer = sign_in(alice).get(f"/api/v1/talks/{talk.pk}")
    assert answer.headers["Content-Type"].startswith("application/json")
    text = answer.json()["turns"][0]["replies"][0]["text"]
    assert text == "<script>alert(1)</script>?"
