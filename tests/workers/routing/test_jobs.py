"""A plan from the record to the tasks: predicted, applied, measured, by a worker."""

from __future__ import annotations

import json
from io import StringIO

import numpy as np
import pytest
from django.core.management import call_command

from annotation.models import Actor, Feedback, Project, Task
from tests.workers.routing.recorded import answer, make_record
from training.models import RoutingPlan, TaskFeatures
from training.services import routing
from training.services.routing_settings import read_settings
from workers.routing import jobs, scene
from workers.routing.embedding import encoder
from workers.routing.items import Item
from workers.routing.record import Pairs, features_of, read_pairs, vectors_of
from workers.routing.statistics import PairText

pytestmark = pytest.mark.django_db


def planned(project: Project, **settings: object) -> RoutingPlan:
    plan = routing.create_plan(project=project, settings=settings)
    jobs.predict(plan.pk)
    plan.refresh_from_db()
    return plan


def items(plan: RoutingPlan) -> dict[object, Item]:
    return {item.id: item for item in scene.scene_of(plan).items}


def test_a_plan_is_predicted_applied_and_measured() -> None:
    project = make_record()
    plan = planned(project, policy="predicted-linear")
    assert plan.state == "ready", plan.error
    report = plan.report
    assert report["prediction"]["mixes"] == 250
    assert report["prediction"]["forms"]["linear"]["spearman"] > 0.3
    assert report["prediction"]["people_only"] > report["prediction"]["ai_only"]
    shares = [point["share"] for point in plan.curve]
    spends = [point["spend"] for point in plan.curve]
    assert (shares[0], shares[-1], len(shares)) == (0, 1, 21)
    assert spends == sorted(spends)
    assert all(p["low"] <= p["accuracy"] <= p["high"] for p in plan.curve)
    half = plan.curve[10]
    assert half["accuracy"] >= half["random"]
    # Nothing was set by predicting.
    assert not Task.objects.filter(state="open").exclude(route="human").exists()

    routing.ask_to_apply(plan, share=0.5)
    jobs.apply(plan.pk)
    plan.refresh_from_db()
    assert plan.state == "applied", plan.error
    tasks = Task.objects.filter(state="open").select_related("prompt")
    to_people = [task for task in tasks if task.route == "human"]
    assert plan.counts["human"] == len(to_people) == half["people"]
    law = [t for t in to_people if "contract" in t.prompt.messages[0]["content"]]
    # The judge is wrong about law: people see law, but for the floor's luck.
    assert len(law) >= len(to_people) - plan.decisions.filter(floor=True).count()
    assert {t.overlap for t in to_people} == {2}
    assert {t.overlap for t in tasks if t.route == "ai"} == {1}
    assert to_people[0].scores["routing"]["plan"] == plan.pk

    person = Actor.objects.get(name="Ada")
    for task in tasks:
        good = next(c.pk for c in task.completions.all() if "helpful" in c.text)
        answer(task, person, good, sure=None)
    found = jobs.measure(plan.pk)
    assert found["labels"] == 40
    assert found["low"] <= found["accuracy"] <= found["high"]


def test_features_are_kept_by_version_and_know_no_label() -> None:
    project = make_record(labelled=24, validation=4, open_tasks=8)
    plan = routing.create_plan(project=project)
    before = items(plan)
    assert TaskFeatures.objects.count() == 2 * 36
    stored = dict(TaskFeatures.objects.values_list("pk", "computed_at"))
    again = items(plan)
    assert again == before
    assert dict(TaskFeatures.objects.values_list("pk", "computed_at")) == stored
    # Labels of people on an item change nothing about it.
    task = Task.objects.get(pk=min(int(str(each)) for each in before))
    some = task.completions.order_by("pk")[0]
    for name in ("Bob", "Cleo"):
        person = Actor.objects.create(
            kind="human", name=name, external_id=name, project=project
        )
        answer(task, person, some.pk, sure=None)
    Task.objects.filter(pk=task.pk).update(state="open")
    assert items(plan)[task.pk] == before[task.pk]
    # Another version is computed again.
    TaskFeatures.objects.filter(task=task, extractor="words").update(
        version=0, values={}
    )
    assert items(plan)[task.pk] == before[task.pk]


def test_every_persons_label_turned_leaves_statistics_and_tags_alone() -> None:
    project = make_record(labelled=12, validation=2, open_tasks=2)
    pairs = read_pairs(project)
    dense = vectors_of(pairs, encoder())
    before = features_of(pairs, encoder(), dense)
    people = Feedback.objects.filter(actor__kind="human").count()
    assert (~np.isnan(pairs.human)).sum() == people == 14
    other = make_record_turned(project)
    TaskFeatures.objects.all().delete()
    assert features_of(other, encoder(), dense) == before


def make_record_turned(project: Project) -> Pairs:
    """Let three more people contradict every person of the record."""
    for name in ("Bob", "Cleo", "Dan"):
        person = Actor.objects.create(
            kind="human", name=name, external_id=name, project=project
        )
        for task in Task.objects.filter(state="closed"):
            texts = {c.text: c.pk for c in task.completions.all()}
            bad = next(pk for text, pk in texts.items() if "helpful" not in text)
            answer(task, person, bad, sure=None)
    pairs = read_pairs(project)
    # One of four is still of the first opinion, on whichever side it is.
    assert np.nanmax(np.abs(np.abs(pairs.human - 0.5) - 0.25)) < 1e-9
    return pairs


def test_without_answers_there_are_costs_but_no_promise() -> None:
    project = make_record(labelled=0, validation=0, open_tasks=6)
    plan = planned(project)
    assert plan.state == "ready"
    assert "accuracy" not in plan.curve[10]
    assert "found 0 and 0" in plan.report["no_prediction"]
    assert plan.report["follows"] == "escalation"


def test_a_judge_that_answered_already_costs_nothing_again() -> None:
    project = make_record(labelled=0, validation=0, open_tasks=4)
    judge = Actor.objects.get(kind="model")
    task = Task.objects.filter(state="open").order_by("pk")[0]
    answer(task, judge, task.completions.all()[0].pk, sure=0.6)
    found = items(routing.create_plan(project=project))
    assert found[task.pk].ai_cost == 0
    assert found[task.pk].signals["flip"] == pytest.approx(0, abs=1e-6)
    assert {item.ai_cost for key, item in found.items() if key != task.pk} == {0.02}


def test_a_second_message_finds_nothing_to_do() -> None:
    project = make_record(labelled=0, validation=0, open_tasks=3)
    plan = planned(project)
    first = plan.updated_at
    jobs.predict(plan.pk)
    jobs.apply(plan.pk)
    plan.refresh_from_db()
    assert (plan.state, plan.updated_at) == ("ready", first)


def test_the_command_plans_applies_and_refuses() -> None:
    project = make_record(labelled=0, validation=0, open_tasks=10)
    out = StringIO()
    call_command(
        "route", project=project.slug, policy="random", apply=0.5, json=True, stdout=out
    )
    found = json.loads(out.getvalue())
    assert found["counts"]["human"] == 5
    assert Task.objects.filter(route="ai").count() == 5
    with pytest.raises(SystemExit):
        call_command("route", project=project.slug, policy="luck", stderr=StringIO())


def test_only_what_a_plan_can_learn_from_is_read(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A project may hold a million pairs; a queue of two is planned in a moment."""
    count, nobody = 60, np.full(60, np.nan)
    human = np.where(np.arange(count) < 30, 1.0, np.nan)
    texts = [PairText("ask", "one", "two")] * count
    ids = list(range(100, 100 + count))
    pairs = Pairs(
        ids, texts, [str(n) for n in ids], ["train"] * count, human, *[nobody] * 3
    )
    monkeypatch.setattr(scene, "MOST_DOUBTED", 5)
    told = read_settings(None)
    found, places = scene.worth_reading(pairs, [3, 40], told)
    assert [found.tasks[place] for place in places] == [103, 140]
    # Nothing of what nobody has labelled, and a few of the others, always the same.
    assert len(found) == 7
    assert (~np.isnan(found.human)).sum() == 6
    assert scene.worth_reading(pairs, [3, 40], told)[0].tasks == found.tasks
