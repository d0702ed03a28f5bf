"""What the queue may cost: statements and rows, whatever the backlog or history."""

from __future__ import annotations

import json
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test.utils import CaptureQueriesContext

from annotation.models import Assignment, Project, QueueCursor, Task
from annotation.services import leasing, progress, queue_sql
from annotation.services.people import actor_of
from tests import factories
from tests.annotation.queue.bulk import answer_in_bulk, tasks_in_bulk
from tests.annotation.queue.person import member

LEASE_STATEMENTS = 10
SUBMIT_STATEMENTS = 15


def statements(captured: CaptureQueriesContext) -> list[str]:
    return [query["sql"] for query in captured.captured_queries]


def assert_at_most(captured: CaptureQueriesContext, limit: int) -> None:
    assert len(captured) <= limit, "\n---\n".join(statements(captured))


@pytest.mark.parametrize("count", [1, 20])
def test_statements_of_a_lease(project: Project, count: int) -> None:
    """At most ten with BEGIN and COMMIT: first visit, later ones, and at the end."""
    factories.make_tasks(project, 35)
    alice = member(project, "alice")
    with CaptureQueriesContext(connection) as first:
        assert len(alice.lease("letters", count=count)["assignments"]) == count
    assert_at_most(first, LEASE_STATEMENTS)
    with CaptureQueriesContext(connection) as next_one:
        alice.lease("letters", count=count, holder="tab")
    assert_at_most(next_one, LEASE_STATEMENTS - 2)
    with CaptureQueriesContext(connection) as reload:
        alice.lease("letters", count=count, holder="tab")
    assert_at_most(reload, LEASE_STATEMENTS - 2)
    # Everything at once: totals to count, leases to expire, the whole queue to search.
    progress._totals.clear()
    leasing._expired_at = float("-inf")
    Task.objects.update(state="closed")
    with CaptureQueriesContext(connection) as last:
        alice.lease("letters", count=count)
    assert_at_most(last, LEASE_STATEMENTS)


@pytest.mark.parametrize("count", [1, 20])
def test_statements_of_an_answer(project: Project, count: int) -> None:
    factories.make_tasks(project, 15)
    alice = member(project, "alice")
    assignments = alice.lease("letters", count=count)["assignments"]
    with CaptureQueriesContext(connection) as first:
        stored = alice.submit(assignments[0])
    assert stored.status_code == 201
    assert_at_most(first, 10)
    with CaptureQueriesContext(connection) as correction:
        supersedes = stored.json()["feedback_id"]
        assert alice.submit(assignments[0], supersedes=supersedes).status_code == 201
    assert_at_most(correction, 10)
    for assignment in assignments[1:]:
        alice.submit(assignment)
    last = alice.one("letters")
    with CaptureQueriesContext(connection) as later:
        assert alice.submit(last).status_code == 201
    assert_at_most(later, 9)
    assert max(map(len, (first, correction, later))) <= SUBMIT_STATEMENTS


def plan_of_pick(actor: int, project: Project, reached: list[int]) -> dict[str, Any]:
    """Run the statement that picks five tasks; return its plan with real figures."""
    with connection.cursor() as cursor:
        cursor.execute(
            "EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) " + queue_sql.PICK,
            {
                "reached": reached[::-1],
                "project": project.pk,
                "actor": actor,
                "count": 5,
            },
        )
        found = cursor.fetchone()[0]
    plan: dict[str, Any] = (json.loads(found) if isinstance(found, str) else found)[0]
    return plan["Plan"]


def nodes(plan: dict[str, Any]) -> list[dict[str, Any]]:
    return [plan] + [n for child in plan.get("Plans", []) for n in nodes(child)]


def rows_read(plan: dict[str, Any]) -> float:
    """Return how many rows the scans of a plan have touched, filtered ones included."""
    return sum(
        (node["Actual Rows"] + node.get("Rows Removed by Filter", 0))
        * node["Actual Loops"]
        for node in nodes(plan)
        if "Scan" in node["Node Type"]
    )


@pytest.fixture(scope="module")
def crowded(django_db_setup: None, django_db_blocker: Any) -> Any:
    """20,000 tasks answered by Vera and open for others, and 1,000 after them."""
    with django_db_blocker.unblock():
        project = factories.make_project("crowded", overlap=2)
        vera = actor_of(factories.add_member(project, name="vera"))
        nils = actor_of(factories.add_member(project, name="nils"))
        tasks_in_bulk(project, 21_000)
        met = answer_in_bulk(project, vera, 20_000)
        yield project, vera, nils, met
        with connection.cursor() as cursor:
            cursor.execute("TRUNCATE annotation_project, annotation_actor CASCADE")
        User.objects.filter(username__in=["vera", "nils"]).delete()


@pytest.mark.django_db
def test_pick_reads_a_few_entries_of_its_index(crowded: Any) -> None:
    project, vera, nils, met = crowded
    for actor, reached in ((nils, 0), (vera, met[-1])):
        plan = plan_of_pick(actor.pk, project, [0] * 5 + [reached] + [0] * 4)
        scans = [n for n in nodes(plan) if n.get("Relation Name") == "annotation_task"]
        assert {n.get("Index Name") for n in scans} == {"task_queue"}
        assert not [n for n in nodes(plan) if n["Node Type"] == "Seq Scan"]
        assert rows_read(plan) <= 100


@pytest.mark.django_db
def test_whole_history_is_read_once_and_then_stepped_over(crowded: Any) -> None:
    """Without a cursor the first lease passes 20,000 met tasks; no later one does."""
    project, vera, _, met = crowded
    assert rows_read(plan_of_pick(vera.pk, project, [0] * 10)) > 20_000
    handed = leasing.lease(user=vera.user, slug="crowded", count=5)
    tasks = Assignment.objects.filter(pk__in=[held.id for held in handed.held])
    assert min(task for (task,) in tasks.values_list("task_id")) > met[-1]
    reached = QueueCursor.objects.get(actor=vera).reached
    assert rows_read(plan_of_pick(vera.pk, project, reached)) <= 100


@pytest.mark.django_db
def test_statements_do_not_grow_with_history(crowded: Any) -> None:
    _, vera, nils, _ = crowded
    counts = []
    for actor in (vera, nils):
        leasing.lease(user=actor.user, slug="crowded", count=5)
        leasing._expired_at = float("inf")
        with CaptureQueriesContext(connection) as captured:
            leasing.lease(user=actor.user, slug="crowded", count=5)
        counts.append(len(captured))
    assert counts[0] == counts[1]


@pytest.mark.django_db
def test_expiry_reads_only_what_is_due(crowded: Any) -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "EXPLAIN (FORMAT JSON) " + queue_sql.EXPIRE.replace("%(limit)s", "50")
        )
        found = cursor.fetchone()[0]
    plan = (json.loads(found) if isinstance(found, str) else found)[0]["Plan"]
    assert "assignment_expiry" in {n.get("Index Name") for n in nodes(plan)}
