"""Attacks on the loop: late workers, lost databases, values that nothing can keep."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import psycopg
import pytest
from django.db import connection
from django.urls import reverse
from pytest_django.fixtures import DjangoCaptureOnCommitCallbacks, Settings

from annotation.errors import Conflict, InvalidInput, Unavailable
from annotation.models import Feedback, Judge, Project, Task, TaskCompletion
from annotation.projections.query import ViewQuery
from annotation.services import reacting
from annotation.services.answers import Tally, stream_rows
from annotation.services.tasks import NewTask, create_tasks
from config.celery import app
from config.dispatch import enqueue
from tests.factories import add_member, answer, make_project, make_tasks, sign_in
from tests.training.factories import make_completion, make_prompt, tiny_encoder
from tests.training.test_rounds import SETTINGS, found, go_on, run_to_the_end
from training.models import Round, RoutingPlan, Snapshot, SnapshotFeedback
from training.services import health, rounds, routing
from training.services.freezing import create_snapshot, freeze
from training.services.judges import save_judge
from training.services.launching import launch
from training.services.round_settings import RoundSettings
from training.services.round_steps import STEPS
from training.services.routing import Wanted
from training.services.routing_settings import read_settings

__all__ = ["found"]


@pytest.fixture(autouse=True)
def files_of_this_test(settings: Settings, tmp_path: Path) -> None:
    settings.VAR = tmp_path / "var"
    settings.ARTIFACTS = settings.VAR / "artifacts"


# --- workers that come late ----------------------------------------------------------


@pytest.mark.django_db
def test_a_worker_that_was_given_up_undoes_nothing() -> None:
    """Two set the routes of one plan; the second finds that out, and is no failure."""
    project = make_project()
    (task,) = make_tasks(project)
    plan = RoutingPlan.objects.create(
        project=project,
        state="applying",
        share=0.5,
        settings=read_settings(None).model_dump(),
    )
    wanted = [Wanted(task.pk, "ai", 0.5, "because", 0, False)]
    routing.apply_decisions(plan, wanted)
    late = RoutingPlan.objects.get(pk=plan.pk)
    with pytest.raises(Conflict):
        routing.apply_decisions(late, wanted)
    routing.failed(late, {"message": "It was applied already."})
    plan.refresh_from_db()
    assert (plan.state, plan.error) == ("applied", None)


@pytest.mark.django_db
def test_whoever_changes_a_judge_takes_no_money_back() -> None:
    """A batch writes what it spends, and its end, while somebody looks at the form."""
    project = make_project()
    judge = Judge.objects.create(
        project=project,
        name="large",
        backend="endpoint",
        settings={"url": "http://127.0.0.1:9/v1", "model": "large"},
    )
    shown = Judge.objects.get(pk=judge.pk)
    ended = {"state": "stopped", "problem": {"name": "budget"}, "fingerprint": "m|1"}
    Judge.objects.filter(pk=judge.pk).update(spent=7, calls=3, **ended)
    shown.name, shown.budget = "larger", Decimal(9)
    save_judge(shown)
    judge.refresh_from_db()
    assert (judge.name, judge.calls) == ("larger", 3)
    assert (judge.budget, judge.spent) == (Decimal(9), Decimal(7))
    assert {name: getattr(judge, name) for name in ended} == ended


@pytest.mark.django_db
@pytest.mark.parametrize("field", ["price_prompt", "price_completion", "budget"])
def test_money_that_no_column_holds_is_refused_by_the_form(field: str) -> None:
    project = make_project()
    client = sign_in(add_member(project, "researcher"))
    page = reverse("admin:annotation_judge_add")
    told = {"price_prompt": "0", "price_completion": "0", "concurrency": "1"}
    told |= {"project": str(project.pk), "name": "n", "backend": "endpoint"}
    told |= {"set_url": "http://127.0.0.1:9/v1", "set_model": "m"}
    told |= {"set_method": "direct", "set_on_change": "stop"}
    for value in ("1e20", "NaN", "-1", "1e-20"):
        assert client.post(page, told | {field: value}).status_code == 200
        assert not Judge.objects.exists()
    assert client.post(page, told | {field: "12.5"}).status_code == 302
    assert getattr(Judge.objects.get(), field) == Decimal("12.5")


@pytest.mark.django_db(transaction=True)
def test_a_round_pushed_from_two_sides_and_paused_in_between_ends_once(
    found: Round,
) -> None:
    over, broke = threading.Event(), list[BaseException]()

    def again(work: Callable[[], object]) -> None:
        try:
            while not over.is_set():
                work()
                time.sleep(0.05)
        except BaseException as error:
            broke.append(error)
        finally:
            connection.close()

    def interrupt() -> None:
        for paused in (True, False):
            rounds.set_paused(found, paused)
            time.sleep(0.03)

    def push() -> bool:
        return rounds.advance(found.pk)

    threads = [
        threading.Thread(target=again, args=[w]) for w in (push, push, interrupt)
    ]
    for thread in threads:
        thread.start()
    ends = time.monotonic() + 120
    while go_on(found) not in rounds.OVER and not broke and time.monotonic() < ends:
        time.sleep(0.01)
    over.set()
    for thread in threads:
        thread.join(30)
    assert not broke
    assert (found.state, found.error) == ("done", None)
    kinds = sorted(found.runs.values_list("kind", flat=True))
    assert kinds == ["dpo", "generate", "generate", "reward", "score"]
    assert Snapshot.objects.filter(project=found.project).count() == 1
    assert RoutingPlan.objects.filter(project=found.project).count() == 1
    assert Round.objects.filter(project=found.project).count() == 2
    queue = Task.objects.filter(project=found.project, round=2)
    assert queue.count() == 8 and not queue.filter(state="held").exists()
    judged = Feedback.objects.filter(assignment__task__in=queue)
    # Both orders of what the reward model answers, and nothing twice.
    assert judged.count() == 2 * queue.filter(route="ai").count() > 0


# --- what nothing can keep -----------------------------------------------------------


@pytest.mark.django_db
def test_a_value_that_no_column_takes_stops_the_round_in_words(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """It would be met again at every look, by nobody but the log."""

    def step(held: Round, _: RoundSettings) -> None:
        held.report = {"gain": float("nan")}

    monkeypatch.setitem(STEPS, Round.State.COLLECTING, step)
    settings = {"policy_base": "tiny:causal"}
    made = rounds.start(project=make_project(), settings=settings)
    assert rounds.advance(made.pk) is False
    made.refresh_from_db()
    assert (made.state, made.report) == ("failed", {})
    assert made.error is not None and made.error["fix"]
    monkeypatch.undo()
    assert rounds.retry(made).state == "collecting"


def test_scores_that_are_no_numbers_choose_nothing(found: Round) -> None:
    """Rejection sampling would draw for ever: no chance is above one that is NaN."""
    settings = {**SETTINGS, "sourcing": "rejection"}
    Round.objects.filter(pk=found.pk).update(settings=settings)
    run_to_the_end(found, score=lambda text: float("nan" if "new" in text else 1))
    assert found.state == "failed" and found.error is not None
    assert "no numbers" in found.error["message"] and found.error["fix"]
    assert not Task.objects.filter(round=2).exists()


# --- a database that dies ------------------------------------------------------------


def answered(project: Project, tasks: list[Task]) -> None:
    person = sign_in(add_member(project))
    count = len(tasks)
    path = f"/api/v1/projects/{project.slug}/assignments?count={count}"
    held = person.post(path).json()["assignments"]
    assert len(held) == count
    for each in held:
        said = person.post(
            f"/api/v1/assignments/{each['id']}/feedback",
            answer(each),
            "application/json",
        )
        assert said.status_code == 201, said.content


@pytest.mark.django_db(transaction=True)
def test_a_connection_killed_while_freezing_costs_nothing() -> None:
    """A round waits for it: what passes by itself asks nobody to press a button."""
    project = make_project()
    answered(project, make_tasks(project, 4))
    snapshot = create_snapshot(project=project, name="whole")
    told = connection.get_connection_params()
    killed: list[int] = []

    def kill(_: int) -> None:
        if not killed:
            with connection.cursor() as cursor:
                cursor.execute("SELECT pg_backend_pid()")
                killed.append(cursor.fetchone()[0])
            names = ("host", "port", "user", "password", "dbname")
            with psycopg.connect(**{name: told[name] for name in names}) as other:
                other.execute("SELECT pg_terminate_backend(%s)", killed)

    with pytest.raises(Unavailable, match="went away"):
        freeze(snapshot.pk, progress=kill)
    snapshot.refresh_from_db()
    assert (snapshot.state, snapshot.error, snapshot.rows) == ("running", None, 0)
    assert not SnapshotFeedback.objects.exists()
    again = freeze(snapshot.pk)
    assert (again.state, again.rows) == ("ready", 4)
    assert SnapshotFeedback.objects.filter(snapshot=snapshot).count() == 4


@pytest.mark.django_db
def test_a_message_server_that_says_nothing_keeps_nobody_waiting(
    monkeypatch: pytest.MonkeyPatch,
    django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks,
) -> None:
    """It takes the connection, and a thread of the web server would wait for ever."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
        monkeypatch.setattr(app.conf, "broker_url", f"redis://127.0.0.1:{port}/0")
        with django_capture_on_commit_callbacks() as sent:
            enqueue("workers.upkeep")
        (send,) = sent
        sending = threading.Thread(target=send, daemon=True)
        sending.start()
        sending.join(30)
        assert not sending.is_alive()
    monkeypatch.undo()
    waiting = health.messages("gpu")
    with django_capture_on_commit_callbacks(execute=True):
        enqueue("workers.nothing", 7, queue="gpu")
    assert waiting is not None and health.messages("gpu") == waiting + 1
    assert "workers.nothing" in str(health.client().lpop("gpu"))


# --- the verified pool (invariant 6) -------------------------------------------------


def beside(task: Task, **fields: Any) -> Task:
    """Make another task about a task's prompt, with a completion of its own."""
    made = Task.objects.create(
        project=task.project,
        prompt=task.prompt,
        protocol=task.protocol,
        key=f"beside {task.pk}",
        **fields,
    )
    kept = task.slots.order_by("position").first()
    assert kept is not None
    other = make_completion(task.prompt, f"later than {task.pk}")
    for position, each in enumerate((kept.completion, other)):
        TaskCompletion.objects.create(task=made, completion=each, position=position)
    return made


@pytest.mark.django_db
def test_nothing_that_comes_later_of_a_verified_prompt_trains() -> None:
    project = make_project()
    prompt = make_prompt(project, "held back")
    ids = tuple(make_completion(prompt, text).pk for text in ("yes", "no"))
    create_tasks(project=project, tasks=[NewTask(ids)])
    Task.objects.filter(prompt=prompt).update(verified_pool=True)
    task = Task.objects.get(prompt=prompt)
    fair = make_tasks(project)
    answered(project, [*fair, task, beside(task)])
    row = {"id": "1", "user": "u", "signal": "thumb", "value": 1}
    row["completion_id"] = str(ids[0])
    assert reacting.take(project=project, source="app", rows=[row]).accepted == 1
    for view, trains in (("pairs", {str(fair[0].pk)}), ("unary", set[str]())):
        tally = Tally()
        rows = list(stream_rows(project, view, ViewQuery(), tally))
        assert {row.task for row in rows} == trains
        assert tally.dropped["verified pool"] == 3


@pytest.mark.django_db
def test_no_run_learns_of_a_prompt_that_joined_the_pool_by_another_task() -> None:
    project = make_project()
    (task,) = make_tasks(project)
    answered(project, [task])
    snapshot = freeze(create_snapshot(project=project, name="whole").pk)
    common: dict[str, Any] = {"project": project, "model": tiny_encoder()}
    launch(**common, snapshot=snapshot, kind="reward")
    beside(task, verified_pool=True)
    with pytest.raises(InvalidInput, match="set apart since whole was frozen"):
        launch(**common, snapshot=snapshot, kind="reward")
