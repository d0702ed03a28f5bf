"""One judge process writes to several people at once, and says when nobody writes."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone
from pytest_django.fixtures import Settings

from annotation.models import Project
from annotation.services.projects import create_project
from tests.factories import add_member, make_user, sign_in
from training.engine import streaming
from training.models import ModelVersion, Reply, Talk
from training.services import health, replies, talking
from workers.tasks.talking import write_reply


def talk_of(name: str) -> Talk:
    """Let a person of a project with one model say something."""
    project = Project.objects.get(slug="chat")
    person = add_member(project, "annotator", name)
    talk = talking.open_talk(user=person, project=project)
    return talking.say(user=person, talk=talk.pk, number=1, content=f"I am {name}.")


@pytest.fixture
def chat() -> None:
    project = create_project(
        slug="chat",
        preset="hh",
        routing={"live": {"max_new_tokens": 40, "temperature": 1.0}},
    )
    ModelVersion.objects.create(
        project=project, name="tiny", role="policy", source="tiny:causal"
    )


@pytest.mark.django_db(transaction=True)
def test_two_talks_grow_side_by_side_in_one_process(
    chat: None, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.LIVE_REPLIES_AT_ONCE = 3
    monkeypatch.setattr(streaming, "TELL_EVERY_SECONDS", 0.0)
    grow, told, most = replies.grow, [], 0

    def told_too(job: replies.Job, text: str) -> bool:
        nonlocal most
        told.append(job.reply)
        most = max(most, Reply.objects.filter(state=Reply.State.RUNNING).count())
        return grow(job, text)

    monkeypatch.setattr(replies, "grow", told_too)
    first, second = (talk_of(name).turns.get() for name in ("ann", "ben"))
    own = first.replies.get(place=0)
    write_reply(own.pk)
    own.refresh_from_db()
    assert own.state == Reply.State.DONE, own.error
    others = set(second.replies.values_list("pk", flat=True))
    begun = next(place for place, reply in enumerate(told) if reply in others)
    ended = len(told) - told[::-1].index(own.pk)
    assert begun < ended  # the second person's text grew before the first's was whole
    assert most == 3
    # Messages of those that were taken beside find nothing to do any more.
    for reply in Reply.objects.exclude(state=Reply.State.DONE):
        write_reply(reply.pk)
    assert set(Reply.objects.values_list("state", "attempt")) == {("done", 1)}
    assert first.replies.exclude(text="").count() == 2


@pytest.mark.django_db
def test_the_banner_counts_replies_that_nobody_writes(chat: None) -> None:
    talk_of("ann")

    def judge() -> health.QueueHealth:
        return {each.queue: each for each in health.queue_health()}["judge"]

    assert judge().waiting == 2
    assert not judge().is_stuck  # they came in this very moment
    long_ago = timezone.now() - timedelta(minutes=1)
    Reply.objects.update(beat_at=long_ago)
    assert judge().since == long_ago
    boss = make_user("boss", is_superuser=True, is_staff=True)
    page = sign_in(boss).get("/admin/").content.decode()
    assert "2 jobs wait on the queue" in page and "judge" in page
    Reply.objects.update(state=Reply.State.DONE)
    assert (judge().waiting, judge().is_stuck) == (0, False)
