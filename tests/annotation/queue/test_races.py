"""Invariants 1 and 2 under fire: real processes, real connections, SIGKILL."""

from __future__ import annotations

import threading
import uuid
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import connection

from annotation.models import Assignment, Feedback, Project, Tally, Task
from annotation.services import leasing
from annotation.services.answering import Receipt, submit
from annotation.services.tokens import make_token
from tests import factories
from tests.annotation.queue.load import Annotator, Web, work_together

pytestmark = [pytest.mark.race, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def web(hone_environment: dict[str, str], free_port: int) -> Iterator[Web]:
    server = Web(hone_environment, free_port, workers=4)
    yield server
    server.stop()


def crew(project: Project, port: int, people: int, tabs: int = 1) -> list[Annotator]:
    """Make people with tokens; each works in one or several tabs."""
    made = []
    for n in range(people):
        user = factories.add_member(project, name=f"racer{n}")
        _, secret = make_token(user=user, name="race", scopes=["annotate"])
        for tab in range(tabs):
            holder, seed = f"tab-{tab}", 100 * n + tab
            made.append(Annotator(port, secret, project.slug, holder, seed))
    return made


def assert_nothing_lost(annotators: list[Annotator]) -> None:
    """Every promise is kept, once; every counter says what the rows say."""
    assert [person.surprises for person in annotators if person.surprises] == []
    promised = {k: v for person in annotators for k, v in person.acknowledged.items()}
    stored = dict(Feedback.objects.values_list("client_id", "assignment"))
    assert {str(key): value for key, value in stored.items()} == promised
    assert factories.counters_off() == []
    met = Counter(Assignment.objects.values_list("task", "actor"))
    assert max(met.values()) == 1
    counted = Counter(
        Assignment.objects.filter(counted=True).values_list("task", flat=True)
    )
    overlaps = dict(Task.objects.values_list("pk", "overlap"))
    assert all(count <= overlaps[task] for task, count in counted.items())
    answered = Counter(
        Assignment.objects.filter(state="answered").values_list("actor", flat=True)
    )
    assert dict(Tally.objects.values_list("actor", "answered")) == answered


@pytest.mark.parametrize(("overlap", "tasks"), [(1, 120), (3, 40)])
def test_killed_web_processes_lose_nothing_and_hand_out_nothing_twice(
    web: Web, overlap: int, tasks: int
) -> None:
    project = factories.make_project("race", overlap=overlap, lease_seconds=3)
    factories.make_tasks(project, tasks)
    annotators = crew(project, web.port, people=8)
    with web.kill_workers(every_seconds=1.0):
        work_together(annotators)
    assert web.killed >= 3
    assert_nothing_lost(annotators)
    assert Assignment.objects.filter(counted=True).count() == overlap * tasks
    assert Task.objects.filter(counted=overlap, leased=0).count() == tasks


def test_tabs_of_one_person_never_hold_one_task_twice(web: Web) -> None:
    project = factories.make_project("race", overlap=2)
    factories.make_tasks(project, 60)
    annotators = crew(project, web.port, people=2, tabs=4)
    work_together(annotators)
    assert_nothing_lost(annotators)
    assert Assignment.objects.filter(counted=True).count() == 120
    for person in (annotators[:4], annotators[4:]):
        handed = [task for tab in person for task in tab.handed]
        assert len(handed) == len(set(handed)) == 60


def at_once(calls: list[Callable[[], Any]]) -> list[Any]:
    """Run functions at one moment on connections of their own; errors are results."""
    barrier = threading.Barrier(len(calls))
    results: list[Any] = [None] * len(calls)

    def run(n: int, call: Callable[[], Any]) -> None:
        try:
            barrier.wait()
            results[n] = call()
        except Exception as error:
            results[n] = error
        finally:
            connection.close()

    threads = [
        threading.Thread(target=run, args=(n, call)) for n, call in enumerate(calls)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    return results


def held_by(user: User, project: Project, count: int = 1) -> list[leasing.Held]:
    return leasing.lease(user=user, slug=project.slug, count=count).held


def answering(
    user: User, held: leasing.Held, client_id: uuid.UUID
) -> Callable[[], Receipt]:
    judgments = factories.compare(held.completions)
    return lambda: submit(
        user=user,
        assignment=held.id,
        client_id=client_id,
        judgments=judgments,
        protocol_version=1,
    )


def test_one_answer_sent_by_many_connections_is_one_row() -> None:
    project = factories.make_project()
    user = factories.add_member(project)
    for task in factories.make_tasks(project, 5):
        (held,) = held_by(user, project)
        client_id = uuid.uuid4()
        results = at_once([answering(user, held, client_id)] * 6)
        assert [r.repeated for r in results].count(False) == 1, results
        assert {r.feedback_id for r in results} == {
            Feedback.objects.latest("created_at").pk
        }
        assert Feedback.objects.filter(assignment__task=task).count() == 1
    assert Tally.objects.get().answered == 5
    assert factories.counters_off() == []


def test_two_answers_at_once_to_one_assignment_leave_one() -> None:
    project = factories.make_project()
    user = factories.add_member(project)
    factories.make_tasks(project, 5)
    for _ in range(5):
        (held,) = held_by(user, project)
        results = at_once([answering(user, held, uuid.uuid4()) for _ in range(4)])
        assert sum(isinstance(r, Receipt) for r in results) == 1
        assert {getattr(r, "code", "ok") for r in results} == {"already_answered", "ok"}
    assert Feedback.objects.count() == 5


def test_one_client_id_at_once_for_two_assignments_stores_one() -> None:
    project = factories.make_project()
    user = factories.add_member(project)
    factories.make_tasks(project, 10)
    for _ in range(5):
        one, two = held_by(user, project, 2)
        client_id = uuid.uuid4()
        results = at_once([answering(user, held, client_id) for held in (one, two)])
        codes = sorted(getattr(r, "code", "ok") for r in results)
        assert codes == ["client_id_conflict", "ok"]
    assert Feedback.objects.count() == 5
    assert factories.counters_off() == []


def test_late_answers_race_for_the_last_slot() -> None:
    """Three people's leases ran out; whoever comes first fills the one slot."""
    project = factories.make_project(overlap=1)
    users = [factories.add_member(project) for _ in range(3)]
    for task in factories.make_tasks(project, 5):
        Task.objects.filter(pk=task.pk).update(overlap=3)
        held = [held_by(user, project)[0] for user in users]
        factories.let_leases_run_out()
        leasing.expire_leases()
        Task.objects.filter(pk=task.pk).update(overlap=1)
        results = at_once(
            [answering(u, h, uuid.uuid4()) for u, h in zip(users, held, strict=True)]
        )
        assert all(r.late for r in results), results
        assert sorted(r.counted for r in results) == [False, False, True]
    assert factories.counters_off() == []


def test_expiry_beside_answers_and_leases_never_deadlocks() -> None:
    project = factories.make_project(overlap=2, lease_seconds=1)
    users = [factories.add_member(project) for _ in range(4)]
    factories.make_tasks(project, 40)
    errors: list[BaseException] = []
    long_ago = datetime(2020, 1, 1, tzinfo=UTC)

    def annotate(user: User) -> None:
        try:
            for _ in range(12):
                for held in held_by(user, project, 3):
                    answering(user, held, uuid.uuid4())()
        except BaseException as error:
            errors.append(error)

    def expire() -> None:
        for _ in range(60):
            live = Assignment.objects.filter(state="leased").values_list("pk")[:3]
            Assignment.objects.filter(pk__in=live).update(expires_at=long_ago)
            leasing.expire_leases(5)

    at_once([*(lambda u=u: annotate(u) for u in users), expire, expire])
    assert errors == []
    assert factories.counters_off() == []


def test_first_visits_at_once_make_one_actor_and_one_cursor() -> None:
    project = factories.make_project()
    user = factories.add_member(project)
    factories.make_tasks(project, 12)
    results = at_once([lambda: held_by(user, project, 2)] * 6)
    held = [item.id for result in results for item in result]
    assert len(held) == len(set(held)) == 12
    assert factories.counters_off() == []


def test_killed_database_comes_back_with_counters_that_equal_the_rows(
    temporary_var: Path, free_port: int
) -> None:
    """SIGKILL of a private postmaster under load: what was promised is there."""
    from tests.annotation.queue.private import private_world

    with private_world(temporary_var, free_port, people=6, tasks=120) as world:
        world.run_while_killing_the_database(times=2)
        report = world.report()
    assert report["kills"] == 2
    assert report["surprises"] == []
    assert report["stored"] == report["promised"]
    assert report["counters_off"] == 0
    assert report["counted"] == 120
