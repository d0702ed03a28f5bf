"""What the panel's pages about training show, and whom."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from django.utils.timezone import now
from pytest_django import DjangoAssertNumQueries

from annotation.models import Project
from tests.annotation.test_admin_access import answer
from tests.factories import add_member, make_project, make_tasks, sign_in
from training.admin.rounds import steps_of
from training.models import (
    Evaluation,
    ModelVersion,
    Round,
    RunEvent,
    Snapshot,
    SnapshotFeedback,
    TrainingRun,
)

pytestmark = pytest.mark.django_db
EVIL = "<script>alert(1)</script>"


def make_run(project: Project, state: str = "running", **fields: Any) -> TrainingRun:
    fields = {"name": "a run", "kind": "reward", "preset": "reward-bt"} | fields
    return TrainingRun.objects.create(project=project, state=state, **fields)


def add_metrics(
    run: TrainingRun, *losses: float, attempt: int = 1, start: int = 1
) -> None:
    for place, loss in enumerate(losses):
        RunEvent.objects.create(
            run=run,
            attempt=attempt,
            seq=place + 1,
            kind="metrics",
            step=start + place,
            payload={
                "metrics": {"loss": loss, "broken": "NaN"},
                "progress": {"done": start + place, "total": 10, "unit": "steps"},
            },
            at=now(),
        )


def page_of(item: Any, name: str = "change") -> str:
    meta = item._meta
    return reverse(f"admin:{meta.app_label}_{meta.model_name}_{name}", args=[item.pk])


def world(role: str = "researcher") -> tuple[Project, Client]:
    project = make_project()
    return project, sign_in(add_member(project, role))


def test_the_live_view_gives_what_is_new_and_no_more() -> None:
    project, client = world()
    run = make_run(project, total_steps=10, step=2)
    add_metrics(run, 0.7, 0.6)
    first = client.get(page_of(run, "live")).json()
    assert [point["metrics"] for point in first["points"]] == [
        {"loss": 0.7},
        {"loss": 0.6},
    ]
    assert first["percent"] == 20
    assert not first["final"]
    again = client.get(page_of(run, "live"), {"after": first["last"]}).json()
    assert again["points"] == []
    assert again["last"] == first["last"]
    add_metrics(run, 0.5, attempt=2, start=3)
    newer = client.get(page_of(run, "live"), {"after": first["last"]}).json()
    assert [point["step"] for point in newer["points"]] == [3]


def test_a_waiting_run_is_cancelled_and_retried_from_its_page() -> None:
    project, client = world()
    run = make_run(project, "queued")
    cancel, retry = page_of(run, "cancel"), page_of(run, "retry")
    assert client.get(cancel).status_code == 405
    client.post(cancel)
    run.refresh_from_db()
    assert run.state == "cancelled"
    client.post(retry)
    run.refresh_from_db()
    assert run.state == "queued"
    refused = client.post(retry, follow=True)
    assert "cannot be tried again" in refused.content.decode()


def test_cancelling_a_running_run_asks_its_worker() -> None:
    project, client = world()
    run = make_run(project, "running", attempt=1)
    client.post(page_of(run, "cancel"))
    run.refresh_from_db()
    assert (run.state, run.cancel_requested) == ("running", True)
    assert client.get(page_of(run, "live")).json()["cancelling"]


def test_posts_need_the_csrf_token() -> None:
    project = make_project()
    run = make_run(project, "queued")
    strict = Client(enforce_csrf_checks=True)
    strict.force_login(add_member(project, "owner"))
    assert strict.post(page_of(run, "cancel")).status_code == 403
    run.refresh_from_db()
    assert run.state == "queued"


def test_another_projects_training_is_not_there() -> None:
    _, client = world("owner")
    foreign = make_project()
    snapshot = Snapshot.objects.create(project=foreign, name="theirs")
    run = make_run(foreign, "queued", snapshot=snapshot)
    model = ModelVersion.objects.create(
        project=foreign, name="theirs", role="reward", source="x", run=run
    )
    evaluation = Evaluation.objects.create(model=model, suite="s", run=run)
    round_ = Round.objects.create(project=foreign, number=1)
    for item in (snapshot, run, model, evaluation, round_):
        assert client.get(page_of(item)).status_code == 404, item
    assert client.get(page_of(run, "live")).status_code == 404
    for verb in ("cancel", "retry"):
        assert client.post(page_of(run, verb)).status_code == 404
    run.refresh_from_db()
    assert run.state == "queued"
    compare = reverse("admin:training_trainingrun_compare")
    compared = client.get(compare, {"run": [str(run.pk)]}).context
    assert (compared["runs"], compared["missing"]) == ([], 1)


def test_a_model_of_no_project_is_everybodys_to_see_but_not_its_uses() -> None:
    _, client = world()
    model = ModelVersion.objects.create(name="base", role="policy", source="tiny:x")
    foreign = make_project()
    make_run(foreign, name="their secret run", model=model)
    ModelVersion.objects.create(
        project=foreign,
        name="their secret model",
        role="policy",
        source="x",
        parent=model,
    )
    Round.objects.create(project=foreign, number=9, policy_in=model)
    answered = client.get(page_of(model))
    assert answered.status_code == 200
    text = answered.content.decode()
    assert "their secret" not in text and f"round 9 of {foreign.slug}" not in text


def test_a_run_says_what_it_learned_on() -> None:
    project, client = world()
    run = make_run(project, metrics={"loss": 0.4, "first/loss": 0.7})
    RunEvent.objects.create(
        run=run,
        attempt=1,
        seq=1,
        kind="started",
        payload={
            "rows": {"read": 70, "trained_on": 28},
            "subset": {"kept": 28, "of": 35},
            "warnings": ["28 rows were shortened"],
            "environment": {"torch": "9.9"},
        },
        at=now(),
    )
    page = client.get(page_of(run))
    assert ("rows: trained on", 28) in page.context["learned_on"]
    assert ("subset: of", 35) in page.context["learned_on"]
    assert page.context["numbers"] == [("loss", 0.4)]
    text = page.content.decode()
    assert "28 rows were shortened" in text and "9.9" in text


def test_a_failed_run_says_what_to_do() -> None:
    project, client = world()
    error = {
        "message": "No room.",
        "expected": "2 GiB",
        "found": "1 GiB",
        "fix": "Lower it.",
    }
    run = make_run(project, "failed", error=error)
    text = client.get(page_of(run)).content.decode()
    for words in error.values():
        assert words in text


def test_names_logs_and_errors_stay_text() -> None:
    project, client = world()
    snapshot = Snapshot.objects.create(
        project=project,
        name=EVIL,
        state="ready",
        manifest={"dropped": {EVIL: 1}, "query": {EVIL: EVIL}, "counts": {"train": 0}},
    )
    model = ModelVersion.objects.create(
        project=project, name=EVIL, role="policy", source=EVIL, metrics={EVIL: 1.0}
    )
    run = make_run(
        project,
        "failed",
        name=EVIL,
        snapshot=snapshot,
        model=model,
        log_tail=EVIL,
        error={"message": EVIL, "expected": EVIL, "found": EVIL, "fix": EVIL},
        metrics={EVIL: 1.0},
        params={EVIL: EVIL},
        environment={EVIL: EVIL},
    )
    RunEvent.objects.create(
        run=run,
        attempt=1,
        seq=1,
        kind="metrics",
        step=1,
        payload={"metrics": {EVIL: 1.0}},
        at=now(),
    )
    evaluation = Evaluation.objects.create(
        model=model, suite=EVIL, run=run, report={"samples": [{EVIL: EVIL}]}
    )
    round_ = Round.objects.create(
        project=project,
        number=1,
        state="failed",
        waiting_for=EVIL,
        error={"message": EVIL},
        counts={EVIL: EVIL},
    )
    pages = [page_of(item) for item in (snapshot, run, model, evaluation, round_)]
    pages += [
        reverse(f"admin:training_{name}_changelist")
        for name in ("snapshot", "trainingrun", "modelversion", "evaluation", "round")
    ]
    pages.append(reverse("admin:training_trainingrun_compare") + f"?run={run.pk}")
    pages += ["/admin/", "/admin/training/trainingrun/add/?preset=dpo"]
    for page in pages:
        answered = client.get(page)
        assert answered.status_code == 200, page
        assert EVIL not in answered.content.decode(), page


def test_a_snapshot_links_both_ways() -> None:
    project, client = world()
    feedback = answer(make_tasks(project)[0], add_member(project))
    snapshot = Snapshot.objects.create(
        project=project, name="batch", state="ready", rows=1, manifest={"feedback": 1}
    )
    SnapshotFeedback.objects.create(snapshot=snapshot, feedback=feedback)
    run = make_run(project, snapshot=snapshot)
    text = client.get(page_of(snapshot)).content.decode()
    assert page_of(run) in text and page_of(feedback) in text
    assert page_of(snapshot) in client.get(page_of(feedback)).content.decode()
    assert page_of(snapshot) in client.get(page_of(run)).content.decode()


def test_an_evaluation_shows_intervals_and_baselines() -> None:
    project, client = world()
    run = make_run(project, "succeeded", kind="evaluate", preset="evaluate")
    model = ModelVersion.objects.create(
        project=project, name="rm", role="reward", source="x"
    )
    rival = {"value": 0.77, "low": 0.7, "high": 0.84}
    report = {
        "accuracy": {"value": 0.83, "low": 0.79, "high": 0.87},
        "ece": 0.04,
        "baselines": {
            "longer": {"accuracy": rival, "beaten": True},
            "tfidf": {"accuracy": rival, "beaten": False},
        },
    }
    evaluation = Evaluation.objects.create(
        model=model, suite="held-out", run=run, report=report
    )
    text = client.get(page_of(evaluation)).content.decode()
    assert "0.830 (0.790 to 0.870)" in text
    assert "0.770 (0.700 to 0.840)" in text
    assert "does not clearly beat TF-IDF" in text
    assert "0.040" in text


def test_runs_are_compared_side_by_side() -> None:
    project, client = world()
    runs = [
        make_run(project, name=f"rival {n}", seed=n, params={"beta": n / 10, "a": 1})
        for n in (1, 2)
    ]
    for run in runs:
        add_metrics(run, 0.7, 0.5)
    listed = reverse("admin:training_trainingrun_changelist")
    chosen = {"action": "compare_runs", "_selected_action": [r.pk for r in runs]}
    answered = client.post(listed, chosen)
    assert answered.status_code == 302
    page = client.get(answered["Location"])
    names = [run["name"] for run in page.context["data"]["runs"]]
    assert names == ["run A", "run B"]
    for run in page.context["data"]["runs"]:
        assert run["series"]["loss"] == [(1, 0.7), (2, 0.5)]
    differing = [name for name, _, differs in page.context["settings"] if differs]
    assert set(differing) == {"seed", "beta"}
    one = client.post(listed, {**chosen, "_selected_action": [runs[0].pk]}, follow=True)
    assert "Expected 2 to 4 runs; found 1." in one.content.decode()


def test_what_was_measured_of_the_models_stands_beside_their_runs() -> None:
    project, client = world()
    runs = [make_run(project, "succeeded", name=name) for name in ("one", "two")]
    model = ModelVersion.objects.create(
        project=project, name="rm", role="reward", source="x", run=runs[1]
    )
    Evaluation.objects.create(
        model=model,
        suite="held-out",
        run=make_run(project, "succeeded", kind="evaluate"),
        report={"accuracy": {"value": 0.83, "low": 0.79, "high": 0.87}, "pairs": 60},
    )
    asked = {"run": [str(run.pk) for run in runs]}
    page = client.get(reverse("admin:training_trainingrun_compare"), asked)
    found = dict(page.context["results"])
    assert found["held-out: accuracy"] == [None, "0.830 (0.790 to 0.870)"]
    assert found["held-out: pairs"] == [None, 60]


def test_a_round_is_drawn_as_steps() -> None:
    project, client = world()
    round_ = Round.objects.create(
        project=project, number=3, state="generating", waiting_for="waiting for the run"
    )
    marks = [step["mark"] for step in steps_of(round_)]
    assert marks == ["done"] * 4 + ["now"] + ["todo"] * 5
    text = client.get(page_of(round_)).content.decode()
    assert "Waiting for the run<" in text and 'aria-current="step"' in text
    round_.state, round_.error = "failed", {"state": "scoring", "message": "no"}
    assert [step["mark"] for step in steps_of(round_)][5] == "stopped"


@pytest.mark.parametrize(
    ("name", "queries"),
    [("snapshot", 7), ("trainingrun", 7), ("modelversion", 7), ("round", 7)],
)
def test_lists_ask_the_same_however_long_they_are(
    name: str, queries: int, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    project, client = world()
    for n in range(8):
        snapshot = Snapshot.objects.create(project=project, name=f"s{n}")
        run = make_run(project, snapshot=snapshot)
        ModelVersion.objects.create(
            project=project, name=f"m{n}", role="reward", source="x", run=run
        )
        Round.objects.create(project=project, number=n + 1, state="done")
    page = reverse(f"admin:training_{name}_changelist")
    client.get(page)
    with django_assert_max_num_queries(queries):
        assert client.get(page).status_code == 200
