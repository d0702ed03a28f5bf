"""Invariant 2: an answer is stored once, never lost, counted while a slot is free."""

from __future__ import annotations

import uuid
from typing import Any

import pytest
from django.db import DatabaseError, connection

from annotation.models import Assignment, Feedback, Membership, Project, Tally, Task
from annotation.services import leasing
from tests import factories
from tests.annotation.queue.person import Person, member


def expire() -> None:
    factories.let_leases_run_out()
    leasing.expire_leases()


def test_answer_is_stored_and_counted(alice: Person, project: Project) -> None:
    assignment = alice.one("letters")
    response = alice.submit(assignment, active_ms=4321)
    assert response.status_code == 201
    body = response.json()
    assert set(body) == {"feedback_id", "client_id", "late", "counted", "progress"}
    assert (body["late"], body["counted"]) == (False, True)
    stored = Feedback.objects.get()
    assert str(stored.pk) == body["feedback_id"]
    assert stored.active_ms == 4321
    assert stored.judgments == factories.compare(assignment["completions"])
    row = stored.assignment
    assert (row.state, row.counted) == ("answered", True)
    assert (row.task.leased, row.task.counted) == (0, 1)
    assert factories.counters_off() == []


def test_repeat_stores_one_row_and_returns_the_same_receipt(
    alice: Person, project: Project
) -> None:
    assignment = alice.one("letters")
    body = factories.answer(assignment)
    path = f"/assignments/{assignment['id']}/feedback"
    first, second = alice.post(path, body), alice.post(path, body)
    assert (first.status_code, second.status_code) == (201, 200)
    assert first.json() == second.json()
    assert Feedback.objects.count() == 1
    assert Tally.objects.get().answered == 1


def test_repeat_with_other_content_is_refused(alice: Person, project: Project) -> None:
    assignment, other = alice.lease("letters", count=2)["assignments"]
    client_id = str(uuid.uuid4())
    assert alice.submit(assignment, client_id=client_id).status_code == 201
    changed = factories.compare(assignment["completions"], "b", 1)
    response = alice.submit(assignment, client_id=client_id, judgments=changed)
    assert (response.status_code, response.json()["error"]) == (
        409,
        "client_id_conflict",
    )
    elsewhere = alice.submit(other, client_id=client_id)
    assert (elsewhere.status_code, elsewhere.json()["error"]) == (
        409,
        "client_id_conflict",
    )
    assert Feedback.objects.count() == 1
    assert factories.counters_off() == []


def test_client_ids_of_two_people_do_not_meet(
    alice: Person, bob: Person, project: Project
) -> None:
    client_id = str(uuid.uuid4())
    for person in (alice, bob):
        response = person.submit(person.one("letters"), client_id=client_id)
        assert response.status_code == 201


def test_own_expired_lease_is_late_and_counts_while_a_slot_is_free(
    alice: Person, project: Project
) -> None:
    assignment = alice.one("letters")
    expire()
    body = alice.submit(assignment).json()
    assert (body["late"], body["counted"]) == (True, True)
    assert Feedback.objects.get().late
    assert factories.counters_off() == []


def test_lease_past_its_time_still_has_its_slot_until_it_is_taken_back(
    alice: Person, project: Project
) -> None:
    assignment = alice.one("letters")
    factories.let_leases_run_out()
    body = alice.submit(assignment).json()
    assert (body["late"], body["counted"]) == (True, True)


def test_late_answer_without_a_free_slot_is_kept_and_not_counted(
    alice: Person, bob: Person, project: Project
) -> None:
    Task.objects.exclude(pk=Task.objects.order_by("id")[0].pk).update(state="closed")
    hers = alice.one("letters")
    expire()
    his = bob.one("letters")
    response = alice.submit(hers)
    assert response.status_code == 201
    assert (response.json()["late"], response.json()["counted"]) == (True, False)
    answer = bob.submit(his).json()
    assert (answer["late"], answer["counted"]) == (False, True)
    assert Feedback.objects.count() == 2
    assert factories.counters_off() == []
    # Sending the late one again changes nothing.
    assert Assignment.objects.filter(counted=True).count() == 1


@pytest.mark.parametrize("verb", ["release", "skip"])
def test_answer_after_giving_the_task_back_is_late(
    alice: Person, project: Project, verb: str
) -> None:
    assignment = alice.one("letters")
    body = {"reason": "unsure"} if verb == "skip" else None
    given = alice.post(f"/assignments/{assignment['id']}/{verb}", body)
    assert given.status_code == 200
    body = alice.submit(assignment).json()
    assert (body["late"], body["counted"]) == (True, True)
    assert factories.counters_off() == []


def test_somebody_elses_assignment_is_refused(
    alice: Person, bob: Person, charlie: Person, project: Project
) -> None:
    assignment = alice.one("letters")
    his = bob.submit(assignment)
    assert (his.status_code, his.json()["error"]) == (403, "not_your_assignment")
    assert charlie.submit(assignment).status_code == 404
    assert bob.submit(assignment | {"id": 10**12}).status_code == 404
    assert bob.submit(assignment | {"id": 10**30}).status_code == 404
    assert not Feedback.objects.exists()


def test_reviewer_may_not_answer_for_somebody_else(
    alice: Person, project: Project
) -> None:
    reviewer = member(project, "rita", "reviewer")
    assert reviewer.submit(alice.one("letters")).status_code == 403


def test_nothing_is_answered_without_a_lease(alice: Person, project: Project) -> None:
    """There is no address for a task: only an assignment of one's own has one."""
    task = Task.objects.order_by("id")[0]
    completions = [slot.completion_id for slot in task.slots.order_by("position")]
    body = {"id": 999_999, "completions": completions, "protocol_version": 1}
    assert alice.submit(body).status_code == 404
    assert alice.post(f"/tasks/{task.pk}/feedback", {}).status_code == 404


def test_second_answer_under_another_client_id_is_refused(
    alice: Person, project: Project
) -> None:
    assignment = alice.one("letters")
    first = alice.submit(assignment).json()
    again = alice.submit(assignment)
    assert (again.status_code, again.json()["error"]) == (409, "already_answered")
    assert first["feedback_id"] in again.json()["fix"]
    assert Feedback.objects.count() == 1


def test_correction_is_a_new_row_that_supersedes_the_newest(
    alice: Person, project: Project
) -> None:
    assignment = alice.one("letters")
    first = alice.submit(assignment).json()["feedback_id"]
    changed = factories.compare(assignment["completions"], "b", 3)
    second = alice.submit(assignment, judgments=changed, supersedes=first)
    assert second.status_code == 201
    assert second.json()["counted"] is True
    assert second.json()["progress"]["answered"] == 1
    stale = alice.submit(assignment, supersedes=first)
    assert (stale.status_code, stale.json()["error"]) == (409, "conflict")
    third = alice.submit(assignment, supersedes=second.json()["feedback_id"])
    assert third.status_code == 201
    assert Feedback.objects.count() == 3
    assert Task.objects.order_by("id")[0].counted == 1
    assert factories.counters_off() == []


def test_correction_of_nothing_or_of_another_answer_is_refused(
    alice: Person, project: Project
) -> None:
    one, two = alice.lease("letters", count=2)["assignments"]
    first = alice.submit(one).json()["feedback_id"]
    assert alice.submit(two, supersedes=first).status_code == 409
    assert alice.submit(one, supersedes=str(uuid.uuid4())).status_code == 409
    assert Feedback.objects.count() == 1


def test_control_task_is_answered_like_any_other(
    alice: Person, project: Project
) -> None:
    Task.objects.update(is_control=True, control_answer={"outcome": "a"})
    response = alice.submit(alice.one("letters"))
    assert response.status_code == 201
    assert "control" not in response.content.decode()


def test_history_is_ones_own_newest_first_with_the_answers_that_stand(
    alice: Person, bob: Person, project: Project
) -> None:
    one, two = alice.lease("letters", count=2)["assignments"]
    first = alice.submit(one).json()["feedback_id"]
    alice.submit(two)
    changed = factories.compare(one["completions"], "tie")
    newest = alice.submit(one, judgments=changed, supersedes=first).json()
    bob.submit(bob.one("letters"))
    history = alice.get("/projects/letters/history?limit=20").json()
    assert [item["id"] for item in history] == [two["id"], one["id"]]
    assert history[1]["answer"]["feedback_id"] == newest["feedback_id"]
    assert history[1]["answer"]["judgments"][0]["outcome"] == "tie"
    assert history[1]["completions"] == one["completions"]
    assert history[1]["prompt"] == one["prompt"]
    assert len(alice.get("/projects/letters/history?limit=1").json()) == 1
    assert alice.get("/projects/letters/history?limit=0").status_code == 422


def test_history_costs_the_same_number_of_statements_at_any_length(
    alice: Person, project: Project, django_assert_num_queries: Any
) -> None:
    for assignment in alice.lease("letters", count=10)["assignments"]:
        alice.submit(assignment)
    for limit in (1, 10):
        with django_assert_num_queries(6):
            alice.get(f"/projects/letters/history?limit={limit}")


def test_nobody_sees_anothers_answer_but_reviewers(
    alice: Person, bob: Person, charlie: Person, project: Project
) -> None:
    alice.submit(alice.one("letters"))
    task = Feedback.objects.get().assignment.task_id
    path = f"/projects/letters/tasks/{task}/feedback"
    assert alice.get(path).status_code == 403
    assert bob.get(path).status_code == 403
    assert charlie.get(path).status_code == 404
    rita = member(project, "rita", "reviewer")
    (seen,) = rita.get(path).json()
    assert (seen["actor"], seen["counted"]) == ("alice", True)
    factories.make_project("other")
    assert rita.get(f"/projects/other/tasks/{task}/feedback").status_code == 404


def test_deactivating_a_person_keeps_their_feedback(
    alice: Person, project: Project
) -> None:
    assignment = alice.one("letters")
    alice.submit(assignment)
    alice.user.is_active = False
    alice.user.save()
    assert alice.submit(assignment).status_code == 401
    assert Feedback.objects.count() == 1
    with pytest.raises(DatabaseError):
        alice.user.delete()


def test_answers_of_somebody_who_left_the_project_are_refused(
    alice: Person, project: Project
) -> None:
    assignment = alice.one("letters")
    Membership.objects.all().delete()
    assert alice.submit(assignment).status_code == 404


def test_feedback_rows_are_never_edited(alice: Person, project: Project) -> None:
    alice.submit(alice.one("letters"))
    with pytest.raises(DatabaseError, match="never edited"):
        Feedback.objects.update(active_ms=1)


def test_skip_release_and_renew_can_be_repeated(
    alice: Person, bob: Person, project: Project
) -> None:
    skipped, released, kept = alice.lease("letters", count=3)["assignments"]
    flag = {"kind": "pii", "note": "a phone number"}
    for _ in range(2):
        path = f"/assignments/{skipped['id']}/skip"
        response = alice.post(path, {"reason": "private", "flag": flag})
        assert (response.status_code, response.json()) == (200, {"state": "skipped"})
        response = alice.post(f"/assignments/{released['id']}/release")
        assert (response.status_code, response.json()) == (200, {"state": "released"})
        response = alice.post(f"/assignments/{kept['id']}/renew")
        assert response.status_code == 200
    assert response.json()["expires_at"] > kept["expires_at"]
    row = Assignment.objects.get(pk=skipped["id"])
    assert (row.skip_reason, row.skip_flag) == ("private", flag)
    # The skipped task never comes to her again, the released one does.
    hers = [a["id"] for a in alice.lease("letters", count=20)["assignments"]]
    assert released["id"] in hers
    assert skipped["id"] not in hers
    assert len(bob.lease("letters", count=20)["assignments"]) == 1
    assert factories.counters_off() == []


def test_verbs_on_an_answered_task_are_refused(alice: Person, project: Project) -> None:
    assignment = alice.one("letters")
    alice.submit(assignment)
    for verb, body in (("skip", {"reason": ""}), ("release", None)):
        response = alice.post(f"/assignments/{assignment['id']}/{verb}", body)
        assert (response.status_code, response.json()["error"]) == (
            409,
            "already_answered",
        )
    response = alice.post(f"/assignments/{assignment['id']}/renew")
    assert (response.status_code, response.json()["error"]) == (409, "lease_lost")


@pytest.mark.parametrize("verb", ["skip", "release", "renew"])
def test_verbs_on_anothers_task_are_refused(
    alice: Person, bob: Person, charlie: Person, project: Project, verb: str
) -> None:
    path = f"/assignments/{alice.one('letters')['id']}/{verb}"
    assert bob.post(path, {}).status_code == 403
    assert charlie.post(path, {}).status_code == 404
    assert Assignment.objects.get().state == "leased"


def test_expired_lease_cannot_be_renewed(alice: Person, project: Project) -> None:
    assignment = alice.one("letters")
    expire()
    response = alice.post(f"/assignments/{assignment['id']}/renew")
    assert (response.status_code, response.json()["error"]) == (409, "lease_lost")


class TestJudgments:
    """Answers that do not answer the task are refused, field by field."""

    def refused(self, person: Person, assignment: Any, **changes: Any) -> Any:
        response = person.submit(assignment, **changes)
        assert response.status_code == 422, response.content
        body = response.json()
        assert body["error"] == "invalid_judgments"
        assert body["expected"] and body["found"] and body["fix"]
        assert not Feedback.objects.exists()
        return body

    @pytest.mark.parametrize(
        ("change", "path"),
        [
            ({"a": str(uuid.uuid4())}, "completion"),
            ({"outcome": "better"}, "outcome"),
            ({"strength": 4}, "strength"),
            ({"strength": None}, "strength"),
            ({"outcome": "tie", "strength": 2}, "judgments"),
            ({"outcome": "unsure", "strength": 0}, "outcome"),
            ({"scale": "compare-3@1"}, "scale"),
            ({"scale": None}, "scale"),
            ({"question": "style"}, "question"),
            ({"criterion": "style"}, "criterion"),
            ({"kind": "compares"}, "judgments"),
            ({"surprise": 1}, "surprise"),
            ({"targets": [3]}, "targets"),
            ({"confidence": 2}, "confidence"),
        ],
    )
    def test_bad_field_is_named(
        self, alice: Person, project: Project, change: Any, path: str
    ) -> None:
        assignment = alice.one("letters")
        judgments = factories.compare(assignment["completions"])
        judgments[0] |= change
        body = self.refused(alice, assignment, judgments=judgments)
        assert any(path in field["path"] for field in body["fields"]), body

    @pytest.mark.parametrize(
        ("outcome", "strength"),
        [
            *(("a", n) for n in (1, 2, 3)),
            *(("b", n) for n in (1, 2, 3)),
            *((outcome, 0) for outcome in ("tie", "both_bad")),
        ],
    )
    def test_every_point_of_the_scale_is_accepted(
        self, alice: Person, project: Project, outcome: str, strength: int
    ) -> None:
        assignment = alice.one("letters")
        judgments = factories.compare(assignment["completions"], outcome, strength)
        assert alice.submit(assignment, judgments=judgments).status_code == 201

    def test_sides_must_be_as_presented(self, alice: Person, project: Project) -> None:
        assignment = alice.one("letters")
        turned = factories.compare(assignment["completions"][::-1])
        body = self.refused(alice, assignment, judgments=turned)
        assert body["fields"][0]["path"] == "judgments.0.a"

    @pytest.mark.parametrize("judgments", [[], "compare", None, [1], {}])
    def test_required_question_must_be_answered(
        self, alice: Person, project: Project, judgments: Any
    ) -> None:
        self.refused(alice, alice.one("letters"), judgments=judgments)

    def test_question_is_answered_once(self, alice: Person, project: Project) -> None:
        assignment = alice.one("letters")
        twice = factories.compare(assignment["completions"]) * 2
        self.refused(alice, assignment, judgments=twice)

    def test_other_protocol_version_is_refused(
        self, alice: Person, project: Project
    ) -> None:
        self.refused(alice, alice.one("letters"), protocol_version=2)

    def test_reason_rides_along(self, alice: Person, project: Project) -> None:
        assignment = alice.one("letters")
        reason = {
            "kind": "text",
            "role": "rationale",
            "completion": None,
            "content": "A is to the point 🙂",
            "question": "overall",
        }
        judgments = [*factories.compare(assignment["completions"]), reason]
        assert alice.submit(assignment, judgments=judgments).status_code == 201

    def test_required_reason_must_be_there(
        self, alice: Person, project: Project
    ) -> None:
        asked = project.protocol_versions.get().questions
        asked[0]["reason"] = "required"
        project.protocol_versions.create(number=2, questions=asked)
        Task.objects.update(protocol=project.protocol)
        self.refused(alice, alice.one("letters"))

    def test_flag_alone_is_an_answer(self, alice: Person, project: Project) -> None:
        flag = [{"kind": "flag", "target": "task", "flag": "bad_task", "note": "cut"}]
        response = alice.submit(alice.one("letters"), judgments=flag)
        assert response.status_code == 201

    def test_what_no_question_asks_is_refused(
        self, alice: Person, project: Project
    ) -> None:
        assignment = alice.one("letters")
        answer = factories.compare(assignment["completions"])
        choice = {"kind": "choose", "target": "task", "category": "fine"}
        for question in (None, "overall"):
            unasked = [*answer, choice | {"question": question}]
            body = self.refused(alice, assignment, judgments=unasked)
            assert body["fields"][0]["path"] in (
                "judgments.1.question",
                "judgments.1.kind",
            )


def test_counters_follow_rows_even_by_hand(alice: Person, project: Project) -> None:
    """The trigger counts whoever writes; the task's CHECK refuses one too many."""
    alice.one("letters")
    task = Task.objects.order_by("id")[0]
    other = factories.add_member(project, name="dora")
    from annotation.services.people import actor_of

    fields = {"task": task, "project": project, "actor": actor_of(other)}
    with pytest.raises(DatabaseError, match="task_never_over_assigned"):
        row = Assignment.objects.get()
        Assignment.objects.create(
            **fields, order=[0, 1], leased_at=row.leased_at, expires_at=row.expires_at
        )
    connection.needs_rollback = False
