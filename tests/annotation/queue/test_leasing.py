"""Handing out tasks: whom, which, how many, and for how long."""

from __future__ import annotations

from typing import Any

import pytest
from django.utils import timezone
from pytest_django import Settings

from annotation.models import Assignment, Project, QueueCursor, Task
from annotation.services import leasing
from annotation.services.progress import Progress
from tests import factories
from tests.annotation.queue.person import Person, member


def tasks_of(handed: dict[str, Any]) -> list[int]:
    ids = [assignment["id"] for assignment in handed["assignments"]]
    by_id = dict(Assignment.objects.filter(pk__in=ids).values_list("pk", "task_id"))
    return [by_id[pk] for pk in ids]


def test_lease_hands_out_the_oldest_tasks_and_takes_their_slots(
    alice: Person, project: Project
) -> None:
    handed = alice.lease("letters", count=3)
    first = list(Task.objects.order_by("id")[:3])
    assert handed["state"] == "open"
    assert tasks_of(handed) == [task.pk for task in first]
    assert [task.leased for task in first] == [1, 1, 1]
    assert handed["progress"] == {
        "today": 0,
        "answered": 0,
        "remaining": 10,
        "total": 10,
    }
    assert factories.counters_off() == []


def test_assignment_shows_texts_and_nothing_about_where_they_came_from(
    alice: Person, project: Project
) -> None:
    Task.objects.update(reason="uncertain", is_control=True, priority=7)
    response = alice.client.post("/api/v1/projects/letters/assignments?count=1")
    (assignment,) = response.json()["assignments"]
    assert set(assignment) == {
        "id",
        "expires_at",
        "protocol_version",
        "prompt",
        "completions",
        "answer",
    }
    assert set(assignment["prompt"]) == {"messages", "context", "passages"}
    shown = {"id", "label", "messages", "trace", "steps", "outcome"}
    assert [set(c) for c in assignment["completions"]] == [shown, shown]
    # Nothing was asked that reveals an outcome, or labels steps.
    assert [(c["outcome"], c["steps"]) for c in assignment["completions"]] == [
        (None, None),
        (None, None),
    ]
    assert [c["label"] for c in assignment["completions"]] == ["A", "B"]
    text = response.content.decode()
    for secret in ("secret-model", "uncertain", "control", "priority"):
        assert secret not in text


def test_two_people_get_different_tasks_at_overlap_one(
    alice: Person, bob: Person, project: Project
) -> None:
    hers, his = alice.lease("letters", count=5), bob.lease("letters", count=20)
    assert len(tasks_of(hers)) == len(tasks_of(his)) == 5
    assert not set(tasks_of(hers)) & set(tasks_of(his))
    assert bob.lease("letters", count=1)["assignments"] == []


def test_task_goes_to_as_many_people_as_its_overlap_and_to_nobody_twice(
    project: Project,
) -> None:
    Task.objects.update(overlap=2)
    people = [member(project, f"p{n}") for n in range(3)]
    handed = [tasks_of(person.lease("letters", count=10)) for person in people]
    assert [len(tasks) for tasks in handed] == [10, 10, 0]
    assert all(len(set(tasks)) == len(tasks) for tasks in handed)
    assert factories.counters_off() == []


def test_higher_priority_is_asked_first(alice: Person, project: Project) -> None:
    late = factories.make_tasks(project, 2, priority=9)
    low = factories.make_tasks(project, 1, priority=0)
    tasks = tasks_of(alice.lease("letters", count=13))
    assert tasks[:2] == [task.pk for task in late]
    assert tasks[-1] == low[0].pk


@pytest.mark.parametrize(
    "fields", [{"state": "held"}, {"state": "closed"}, {"route": "ai"}]
)
def test_tasks_that_are_not_for_people_now_are_not_handed_out(
    alice: Person, project: Project, fields: dict[str, Any]
) -> None:
    Task.objects.update(**fields)
    handed = alice.lease("letters", count=5)
    assert handed["assignments"] == []
    assert handed["state"] == "finished"
    again = alice.lease("letters", count=5)
    assert again["thanks"] == {"answers": 0, "models": 0, "rounds": 0}


def test_tasks_that_open_below_the_cursor_are_found_again(
    alice: Person, project: Project
) -> None:
    early = Task.objects.order_by("id").first()
    assert early is not None
    Task.objects.filter(pk=early.pk).update(state="held")
    assert len(tasks_of(alice.lease("letters", count=9))) == 9
    Task.objects.filter(pk=early.pk).update(state="open")
    assert tasks_of(alice.lease("letters", count=1)) == [early.pk]


def test_search_from_the_start_rests_after_it_found_nothing(
    alice: Person, project: Project
) -> None:
    alice.lease("letters", count=10)
    assert alice.lease("letters", count=1)["assignments"] == []
    cursor = QueueCursor.objects.get()
    assert cursor.found_nothing_at is not None
    alice.lease("letters", count=1)
    again = QueueCursor.objects.get()
    assert again.found_nothing_at == cursor.found_nothing_at
    # A task beyond the cursor is found all the same.
    (new,) = factories.make_tasks(project, 1)
    assert tasks_of(alice.lease("letters", count=1)) == [new.pk]


def test_search_from_the_start_comes_round_even_while_there_is_more_ahead(
    alice: Person, bob: Person, project: Project, settings: Settings
) -> None:
    hers = alice.lease("letters", count=2)
    assert len(tasks_of(bob.lease("letters", count=2))) == 2
    alice.post(f"/assignments/{hers['assignments'][0]['id']}/release")
    assert tasks_of(bob.lease("letters", count=1)) != tasks_of(hers)[:1]
    settings.QUEUE_LOOK_BACK_SECONDS = 0
    assert tasks_of(bob.lease("letters", count=1)) == tasks_of(hers)[:1]


def test_paused_project_hands_out_nothing_new_and_takes_answers(
    alice: Person, project: Project
) -> None:
    assignment = alice.one("letters", holder="tab")
    Project.objects.update(state="paused")
    handed = alice.lease("letters", count=3, holder="tab")
    assert handed["state"] == "paused"
    assert [a["id"] for a in handed["assignments"]] == [assignment["id"]]
    assert alice.submit(assignment).status_code == 201


def test_reloaded_tab_gets_its_own_leases_back_first(
    alice: Person, project: Project
) -> None:
    before = alice.lease("letters", count=2, holder="tab-1")["assignments"]
    Assignment.objects.update(expires_at=timezone.now())
    after = alice.lease("letters", count=3, holder="tab-1")["assignments"]
    assert [a["id"] for a in after[:2]] == [a["id"] for a in before]
    assert [a["completions"] for a in after[:2]] == [a["completions"] for a in before]
    assert len(after) == 3
    assert after[0]["expires_at"] > before[0]["expires_at"]


def test_two_tabs_of_one_person_hold_different_tasks(
    alice: Person, project: Project
) -> None:
    one = tasks_of(alice.lease("letters", count=4, holder="tab-1"))
    two = tasks_of(alice.lease("letters", count=4, holder="tab-2"))
    none = tasks_of(alice.lease("letters", count=2))
    assert len({*one, *two, *none}) == 10
    # Without a holder there is nothing to come back to.
    assert alice.lease("letters", count=2)["assignments"] == []
    assert alice.lease("letters", count=2)["state"] == "open"


def test_one_person_holds_a_limited_number_of_tasks(
    alice: Person, project: Project, settings: Settings
) -> None:
    settings.LIVE_LEASES_PER_PERSON = 4
    assert len(alice.lease("letters", count=3)["assignments"]) == 3
    assert len(alice.lease("letters", count=3)["assignments"]) == 1
    assert alice.lease("letters", count=3)["assignments"] == []


@pytest.mark.parametrize("count", [0, -1, 21, "many"])
def test_count_out_of_range_is_refused_with_the_range(
    alice: Person, project: Project, count: object
) -> None:
    response = alice.post(f"/projects/letters/assignments?count={count}")
    assert response.status_code == 422
    assert response.json()["fix"]


def test_expired_lease_returns_and_goes_to_somebody_else(
    alice: Person, bob: Person, project: Project
) -> None:
    hers = tasks_of(alice.lease("letters", count=10))
    assert bob.lease("letters", count=1)["assignments"] == []
    factories.let_leases_run_out()
    assert leasing.expire_leases() == 10
    assert leasing.expire_leases() == 0
    assert Task.objects.filter(leased=0).count() == 10
    QueueCursor.objects.update(found_nothing_at=None)
    assert tasks_of(bob.lease("letters", count=10)) == hers
    assert factories.counters_off() == []


def test_leases_come_back_without_any_worker(
    alice: Person, bob: Person, project: Project
) -> None:
    hers = tasks_of(alice.lease("letters", count=10))
    factories.let_leases_run_out()
    leasing._expired_at = float("-inf")  # some seconds later
    assert tasks_of(bob.lease("letters", count=10)) == hers


def test_own_expired_task_comes_back_in_the_same_order(
    alice: Person, project: Project
) -> None:
    before = alice.lease("letters", count=10)["assignments"]
    factories.let_leases_run_out()
    leasing.expire_leases()
    after = alice.lease("letters", count=10)["assignments"]
    assert [(a["id"], a["completions"]) for a in after] == [
        (a["id"], a["completions"]) for a in before
    ]
    assert QueueCursor.objects.get().handed_out == 10


def test_orders_differ_by_person_and_two_in_a_row_by_nothing(
    alice: Person, bob: Person, project: Project
) -> None:
    Task.objects.update(overlap=2)
    factories.make_tasks(project, 60, overlap=2)
    drawn: dict[str, list[list[int]]] = {}
    for person in (alice, bob):
        for _ in range(14):
            for held in person.lease("letters", count=5)["assignments"]:
                person.submit(held)
        orders = Assignment.objects.filter(actor__user=person.user).order_by("id")
        drawn[person.user.username] = list(orders.values_list("order", flat=True))
    for seen in drawn.values():
        assert len(seen) == 70
        firsts = [order[0] for order in seen]
        # Sixteen from each whole block of thirty-two, and what lies at the ends.
        assert abs(sum(firsts) - 35) <= 16
        alike = [a == b for a, b in zip(firsts[::2], firsts[1::2], strict=True)]
        assert 0 < sum(alike) < len(alike)  # who knows one of two knows one
    assert drawn["alice"] != drawn["bob"]


def test_presented_completions_follow_the_stored_order(
    alice: Person, project: Project
) -> None:
    for assignment in alice.lease("letters", count=10)["assignments"]:
        row = Assignment.objects.get(pk=assignment["id"])
        slots = list(row.task.slots.order_by("position"))
        assert [c["id"] for c in assignment["completions"]] == [
            str(slots[place].completion_id) for place in row.order
        ]


def test_progress_counts_what_is_mine_and_what_is_left(
    alice: Person, bob: Person, project: Project
) -> None:
    for assignment in alice.lease("letters", count=4)["assignments"]:
        last = alice.submit(assignment).json()["progress"]
    assert last == {"today": 4, "answered": 4, "remaining": 6, "total": 10}
    (line,) = bob.get("/projects").json()
    assert line["progress"] == {
        "today": 0,
        "answered": 0,
        "remaining": 6,
        "total": 10,
    }
    assert Progress(**line["progress"]).total == 10


def test_progress_of_yesterday_is_not_today(alice: Person, project: Project) -> None:
    from annotation.models import Tally

    assert alice.submit(alice.one("letters")).status_code == 201
    Tally.objects.update(day="2020-01-01", answered=7, today=7)
    assert alice.get("/projects/letters").json()["progress"]["today"] == 0
    progress = alice.submit(alice.one("letters")).json()["progress"]
    assert (progress["today"], progress["answered"]) == (1, 8)


def test_finished_queue_thanks(alice: Person, project: Project) -> None:
    for assignment in alice.lease("letters", count=10)["assignments"]:
        assert alice.submit(assignment).status_code == 201
    handed = alice.lease("letters", count=1)
    assert handed["state"] == "finished"
    handed = alice.lease("letters", count=1)
    assert handed["thanks"]["answers"] == 10
    assert handed["progress"]["remaining"] == 0


def test_task_of_one_completion_and_of_many_are_handed_out(
    alice: Person, project: Project
) -> None:
    Task.objects.update(state="closed")
    factories.make_tasks(project, 1, size=1)
    factories.make_tasks(project, 1, size=4)
    sizes = [
        [c["label"] for c in a["completions"]]
        for a in alice.lease("letters", count=2)["assignments"]
    ]
    assert sizes == [["A"], ["A", "B", "C", "D"]]
