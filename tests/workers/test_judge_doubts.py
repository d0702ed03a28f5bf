"""What a judge doubts goes to people besides, with its reason and within the money."""

from __future__ import annotations

from typing import Any

import pytest

from annotation.models import Assignment, Judge, Project, Task
from annotation.services.leasing import lease
from tests.factories import add_member, make_project
from tests.workers.judge_server import Plan, serving, shown_first
from tests.workers.test_judge_endpoints import BETTER, make_judge, make_pairs
from training.models import RoutingPlan
from training.services import routing
from training.services.routing import Wanted
from training.services.routing_settings import read_settings
from workers.judges import judge_tasks
from workers.judges.base import Presented, Said
from workers.judges.doubting import DISSENT, escalate_doubts
from workers.judges.presenting import presented

pytestmark = pytest.mark.django_db
SURE, EVEN, FLIP, PROSE = "surely", "evenly", "by turns", "in words"


def kinds(asked: dict[str, Any], _: int) -> Plan:
    """Answer as the worse completion says it should be answered."""
    body = asked["messages"][-1]["content"]
    share = 0.9 if shown_first(asked, BETTER) else 0.1
    if EVEN in body:
        share = 0.53
    if FLIP in body:
        share = 0.8
    if PROSE in body:
        return Plan("I cannot decide.", shares={"I": 0.9, "A": 0.01, "B": 0.01})
    return Plan(shares={"A": share, "B": 1 - share})


def make_task(project: Project, kind: str) -> Task:
    return make_pairs(project, 1, bad=kind)[0]


def plan_for(
    project: Project,
    tasks: list[Task],
    *,
    doubt: float | None = 0.05,
    budget: float | None = None,
    follows: str = "random",
) -> RoutingPlan:
    """Apply a plan that leaves all of the tasks to the judge, at no cost."""
    plan = RoutingPlan.objects.create(
        project=project,
        settings=read_settings({"doubt": doubt, "ai_cost": 0}).model_dump(),
        state="applying",
        share=0.5,
        report={"follows": follows},
    )
    chosen = [Wanted(t.pk, "ai", 0.5, "the judge answers", 0, False) for t in tasks]
    routing.apply_decisions(plan, chosen, budget=budget)
    return plan


def let_judge(project: Project, **fields: Any) -> Judge:
    with serving(kinds) as server:
        judge = make_judge(project, server, concurrency=2, **fields)
        judge_tasks(judge=judge)
    return judge


def routes(tasks: list[Task]) -> list[str]:
    for task in tasks:
        task.refresh_from_db()
    return [task.route for task in tasks]


def test_people_see_what_the_judge_doubts_and_the_decision_says_why() -> None:
    project = make_project(overlap=2)
    tasks = [make_task(project, kind) for kind in (SURE, EVEN, FLIP, PROSE)]
    plan = plan_for(project, tasks)
    let_judge(project)
    assert routes(tasks) == ["ai", "both", "both", "both"]
    why = dict(plan.decisions.values_list("task", "reason"))
    told = [why[task.pk] for task in tasks]
    assert told[0] == "the judge answers"
    assert told[1].startswith("the judge changed sides with the order: 0.5")
    assert "the judge changed sides with the order: 0.8" in told[2] or (
        "the judge changed sides with the order: 0.2" in told[2]
    )
    assert told[3] == "the judge gave no answer"
    assert [t.scores["routing"]["reason"] for t in tasks] == told
    assert set(
        plan.decisions.filter(route="both").values_list("people", flat=True)
    ) == {2}
    # The sure one is done; two places are free at each of the others.
    assert [(t.counted, t.overlap) for t in tasks] == [(1, 1), *[(0, 2)] * 3]
    person = add_member(project)
    lease(user=person, slug=project.slug, count=3)
    held = Assignment.objects.filter(state="leased").values_list("task", flat=True)
    assert set(held) == {task.pk for task in tasks[1:]}
    plan.refresh_from_db()
    assert (plan.counts["ai"], plan.counts["both"]) == (1, 3)
    assert plan.report["planned_spend"] == 3 * 2 * plan.settings["human_cost"]
    # What the judge said is kept beside.
    assert Assignment.objects.filter(origin="judge").count() == 8


def test_near_even_in_both_orders_is_a_doubt_as_far_as_the_threshold_says() -> None:
    project = make_project()
    tasks = [make_task(project, SURE) for _ in range(2)]
    plan_for(project, tasks[:1], doubt=0.3)
    near = plan_for(project, tasks[1:], doubt=0.45)
    let_judge(project)
    assert routes(tasks) == ["ai", "both"]
    reason = near.decisions.get().reason
    assert reason in (
        "the judge was in doubt: 0.90 for the first",
        "the judge was in doubt: 0.10 for the first",
    )


def test_a_judge_that_is_cooled_down_doubts_more() -> None:
    project = make_project()
    tasks = [make_task(project, SURE)]
    plan_for(project, tasks, doubt=0.3)
    let_judge(project, calibration=3.0)
    assert routes(tasks) == ["both"], "0.9 at a temperature of 3 is 0.68"


def test_doubts_spend_what_the_plan_has_left_and_no_more() -> None:
    project = make_project()
    tasks = [make_task(project, EVEN) for _ in range(3)]
    plan = plan_for(project, tasks, budget=2.0)
    let_judge(project)
    assert sorted(routes(tasks)) == ["ai", "both", "both"]
    plan.refresh_from_db()
    assert plan.report["planned_spend"] == plan.report["budget"] == 2.0
    assert plan.report["doubts"] == {"people": 2, "unpaid": 1}
    unpaid = plan.decisions.get(route="ai").reason
    assert unpaid.endswith("; no money was left for people")


@pytest.mark.parametrize(
    ("doubt", "follows"), [(None, "random"), (0.5, "all-ai"), (None, "")]
)
def test_where_nobody_asked_for_it_the_judge_keeps_its_doubts(
    doubt: float | None, follows: str
) -> None:
    project = make_project()
    tasks = [make_task(project, kind) for kind in (EVEN, FLIP, PROSE)]
    if follows:
        plan_for(project, tasks, doubt=doubt, follows=follows)
    let_judge(project)
    assert routes(tasks) == ["ai"] * 3


def test_a_split_panel_is_written_on_the_decision_where_there_is_one() -> None:
    project = make_project()
    tasks = [make_task(project, SURE) for _ in range(3)]
    plan = plan_for(project, tasks[:2], doubt=None, budget=1.0)
    judge = Judge.objects.create(project=project, name="panel", backend="panel")
    groups: dict[int, list[tuple[Presented, Said]]] = {}
    for item in presented([task.pk for task in tasks]):
        groups.setdefault(item.task, []).append((item, Said(escalates=True)))
    assert escalate_doubts(judge, list(groups.values())) == 2
    assert routes(tasks) == ["both", "ai", "both"]
    assert tasks[2].reason == DISSENT
    assert [each.reason for each in plan.decisions.order_by("task")] == [
        DISSENT,
        f"{DISSENT}; no money was left for people",
    ]
