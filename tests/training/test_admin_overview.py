"""The panel's first page: its questions, the next step, and the banner."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils.timezone import now
from pytest_django import DjangoAssertNumQueries

from annotation.models import Feedback, Membership
from tests.annotation.test_admin_access import answer
from tests.factories import add_member, make_project, make_tasks, sign_in
from tests.training.test_admin_pages import make_run, world
from training.models import Round, Snapshot, TrainingRun

pytestmark = pytest.mark.django_db


def test_the_overview_answers_its_questions() -> None:
    project, client = world("owner")
    people = [add_member(project), add_member(project)]
    tasks = make_tasks(project, 4, overlap=2)
    for task in tasks[:3]:
        for person in people:
            answer(task, person)
    make_run(project, "running", step=3, total_steps=10)
    context = client.get("/admin/").context
    flow, trust, cost = context["flow"], context["trust"], context["cost"]
    assert (flow["today"], flow["open_tasks"]) == (6, 1)
    assert (trust["agreement"].count, trust["agreement"].of) == (3, 3)
    assert (trust["first"].count, trust["first"].of) == (6, 6)
    assert cost["attention"] == 6.0
    assert [run.step for run, _, _ in context["running"]["runs"]] == [3]
    # Another project of theirs: its answers are looked at beside these.
    second = make_project()
    Membership.objects.create(project=second, user=people[0], role="reviewer")
    answer(make_tasks(second)[0], people[1])
    both = sign_in(people[0])
    assert both.get("/admin/").context["trust"]["first"].of == 1
    Membership.objects.filter(user=people[0]).update(role="reviewer")
    assert both.get("/admin/").context["trust"]["first"].of == 7
    chosen = both.get("/admin/", {"project": second.slug}).context
    assert chosen["trust"]["first"].of == 1
    # A correction takes the place of what it corrects.
    first = Feedback.objects.filter(project=project).earliest("created_at")
    changed = [{**first.judgments[0], "outcome": "tie", "strength": 0}]
    Feedback.objects.create(
        client_id=first.pk,
        assignment=first.assignment,
        project=project,
        actor=first.actor,
        judgments=changed,
        protocol=first.protocol,
        content_hash="1" * 64,
        supersedes=first,
    )
    trust = client.get("/admin/").context["trust"]
    assert (trust["agreement"].count, trust["agreement"].of) == (2, 3)
    assert (trust["ties"].count, trust["ties"].of) == (1, 6)
    empty = client.get("/admin/", {"project": "unknown"}).context["flow"]
    assert empty["today"] == 6
    stranger = sign_in(add_member(make_project(), "owner")).get("/admin/").context
    assert stranger["flow"]["today"] == 0
    assert stranger["running"]["runs"] == []


def test_the_first_steps_lead_once_round_the_loop() -> None:
    project, client = world()

    def following() -> str | None:
        steps = client.get("/admin/").context["steps"]
        return steps["next"] and steps["next"]["name"]

    # Where nothing can be labelled, that is the first thing to mend.
    assert following() == "Import something to label"
    person = add_member(project)
    tasks = make_tasks(project, 10)
    assert following() == "Label ten comparisons"
    for task in tasks:
        answer(task, person)
    assert following() == "Freeze a snapshot"
    Snapshot.objects.create(project=project, name="s", state="ready", rows=10)
    assert following() == "Train a reward model"
    make_run(project, "succeeded", kind="reward")
    assert following() == "Train a policy with DPO"
    make_run(project, "succeeded", kind="dpo", preset="dpo")
    assert following() == "Start a round"
    Round.objects.create(project=project, number=1)
    assert following() is None


def test_the_banner_says_that_no_worker_answers() -> None:
    project, client = world()
    assert client.get("/admin/queues/").json() == {"stuck": []}
    run = make_run(project, "queued")
    TrainingRun.objects.filter(pk=run.pk).update(
        created_at=now() - timedelta(minutes=5)
    )
    (advice,) = client.get("/admin/queues/").json()["stuck"]
    assert "'gpu'" in advice and "no worker answers" in advice
    assert "no worker answers" in client.get("/admin/").content.decode()


def test_the_overview_asks_the_same_however_much_there_is(
    django_assert_max_num_queries: DjangoAssertNumQueries,
) -> None:
    project, client = world()
    person = add_member(project)
    for task in make_tasks(project, 12):
        answer(task, person)
    for _ in range(5):
        make_run(project)
    client.get("/admin/")
    with django_assert_max_num_queries(25):
        assert client.get("/admin/").status_code == 200
