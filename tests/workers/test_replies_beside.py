"""A long batch of a judge holds up nobody who talks with a model."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Any

import pytest
from django.db import connections

from annotation.models import Judge, JudgeBatch, Project
from annotation.services.projects import create_project
from tests.factories import add_member, make_tasks
from tests.workers.conftest import eventually
from tests.workers.judge_server import Plan, serving
from training.models import ModelVersion, Reply
from training.services import replies, talking
from workers.tasks.judging import run_judge_row
from workers.tasks.talking import write_together

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def project() -> Project:
    made = create_project(
        slug="chat",
        preset="hh",
        routing={"live": {"max_new_tokens": 8, "temperature": 1.0}},
    )
    ModelVersion.objects.create(
        project=made, name="tiny", role="policy", source="tiny:causal"
    )
    return made


@pytest.fixture
def batch(project: Project) -> Iterator[threading.Event]:
    """Let a judge process be at work on a batch; it ends once the event is set."""
    may_end = threading.Event()

    def patiently(asked: dict[str, Any], n: int) -> Plan:
        may_end.wait(120)
        return Plan(shares={"A": 0.7, "B": 0.3})

    make_tasks(project, 6, route="ai")
    with serving(patiently) as server:
        judge = Judge.objects.create(
            project=project,
            name="slow",
            backend="endpoint",
            settings={"url": server.url, "model": "stub", "timeout_seconds": 150},
            concurrency=1,
        )

        def work() -> None:
            try:
                run_judge_row(judge.pk)
            finally:
                connections.close_all()

        process = threading.Thread(target=work)
        process.start()
        eventually(lambda: server.seen, seconds=60, what="the batch's first call")
        yield may_end
        may_end.set()
        process.join(60)
        assert not process.is_alive()
    ended = JudgeBatch.objects.get()
    assert (ended.state, ended.counts["answers"]) == ("done", 12)


def begin_talk(project: Project, name: str) -> list[int]:
    person = add_member(project, "annotator", name)
    talk = talking.open_talk(user=person, project=project)
    talking.say(user=person, talk=talk.pk, number=1, content=f"I am {name}.")
    return list(Reply.objects.filter(turn__talk=talk.pk).values_list("pk", flat=True))


def states(wanted: list[int]) -> set[str]:
    return set(Reply.objects.filter(pk__in=wanted).values_list("state", flat=True))


def test_replies_are_written_while_a_batch_is_under_way(
    project: Project, batch: threading.Event
) -> None:
    said = begin_talk(project, "ann")
    eventually(lambda: states(said) == {"done"}, seconds=60, what="the reply")
    assert JudgeBatch.objects.get().state == "running"
    # The messages that come later find nothing to do.
    assert [replies.claim(pk) for pk in said] == [None, None]


def test_a_reply_that_breaks_stops_neither_the_batch_nor_the_next_reply(
    project: Project, batch: threading.Event, monkeypatch: pytest.MonkeyPatch
) -> None:
    write, broken = write_together, threading.Event()

    def once(job: replies.Job) -> None:
        if not broken.is_set():
            broken.set()
            replies.fail(job, {"message": "It broke."})
            raise RuntimeError("the first one")
        write(job)

    monkeypatch.setattr("workers.tasks.beside.write_together", once)
    said = begin_talk(project, "ann")
    eventually(lambda: "done" in states(said), seconds=60, what="the second reply")
    assert states(said) == {"done", "failed"}
    assert JudgeBatch.objects.get().state == "running"
