"""What a judge doubts goes to people besides, as far as its plan's money goes.

A plan sends a task to a judge before the judge has answered. Once it has, its own doubt
is known: near even, another side in the other order, no answer, a panel that is split.
Such a task gets people as well, its decision says why, and the plan never costs more
than what it was applied for.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from django.db import transaction

from annotation.models import Task
from annotation.services.judge_opinions import Opinion
from training.models.routing import RoutingDecision, RoutingPlan
from training.services.routing_settings import read_settings

ROUNDING = 1e-9
Route = RoutingDecision.Route


@dataclass(frozen=True)
class Watch:
    """The plan that sent a task to a judge.

    Attributes:
        within: so close to even a judge is in doubt; None where the plan does not ask.
    """

    plan: int
    within: float | None


def watched(tasks: Sequence[int]) -> dict[int, Watch]:
    """Return the plan of each of these tasks that is the judge's by a plan."""
    plan_of = dict(
        RoutingDecision.objects.filter(task__in=tasks, applied=True, route=Route.AI)
        .order_by("plan")  # the last one counts
        .values_list("task", "plan")
    )
    if not plan_of:
        return {}
    plans = RoutingPlan.objects.filter(pk__in=set(plan_of.values()))
    within = {
        # Where people were found to be no better, a doubt is nothing to ask them about.
        pk: None if report.get("follows") == "all-ai" else read_settings(told).doubt
        for pk, told, report in plans.values_list("pk", "settings", "report")
    }
    return {task: Watch(plan, within[plan]) for task, plan in plan_of.items()}


def doubt_in(opinion: Opinion, within: float) -> str:
    """Return what a judge doubts about a pair, in words; empty if nothing.

    Args:
        within: so close to one half, or closer, is a doubt.
    """
    probability = opinion.probability
    if probability is None:
        return "the judge gave no answer"
    if opinion.flipped:
        return (
            "the judge changed sides with the order: "
            f"{opinion.forth:.2f} and {opinion.back:.2f} for the first"
        )
    if abs(probability - 0.5) <= within + ROUNDING:
        return f"the judge was in doubt: {probability:.2f} for the first"
    return ""


def ask_people(plan: int, reasons: Mapping[int, str]) -> int:
    """Route a plan's tasks to people besides; return how many it had the money for.

    A task that people are asked about already is left alone. Of one that there is no
    money for, the decision says that it was doubted all the same.

    Args:
        reasons: why, by task.
    """
    with transaction.atomic():
        row = RoutingPlan.objects.select_for_update(of=("self",)).get(pk=plan)
        settings = read_settings(row.settings)
        people = settings.overlap or row.project.overlap
        price, left = people * settings.human_cost, _left(row)
        # In id order, as everybody locks tasks.
        tasks = list(
            Task.objects.filter(pk__in=reasons, route=Task.Route.AI)
            .exclude(state=Task.State.CLOSED)
            .order_by("pk")
            .select_for_update(of=("self",))
        )
        decisions = {
            each.task_id: each for each in row.decisions.filter(task__in=tasks)
        }
        asked = []
        for task in tasks:
            decision, reason = decisions[task.pk], reasons[task.pk]
            if left is not None and price > left + ROUNDING:
                decision.reason = f"{reason}; no money was left for people"[:200]
                continue
            left = None if left is None else left - price
            decision.route, decision.people = Route.BOTH, people
            decision.reason = reason[:200]
            asked.append(_for_both(task, people, reason))
        Task.objects.bulk_update(asked, ["route", "overlap", "scores"])
        RoutingDecision.objects.bulk_update(
            decisions.values(), ["route", "people", "reason"]
        )
        _count(row, len(asked), len(tasks) - len(asked), price)
    return len(asked)


def _left(plan: RoutingPlan) -> float | None:
    """Return the money that a plan was applied for and does not need; None: no end."""
    budget = plan.report.get("budget")
    return None if budget is None else budget - plan.report.get("planned_spend", 0.0)


def _for_both(task: Task, people: int, reason: str) -> Task:
    told = task.scores.get("routing", {})
    task.scores = {**task.scores, "routing": {**told, "reason": reason}}
    task.route = Task.Route.BOTH
    # What a judge answered before takes none of the people's places.
    task.overlap = task.leased + task.counted + people
    return task


def _count(plan: RoutingPlan, asked: int, unpaid: int, price: float) -> None:
    counts, report = dict(plan.counts), dict(plan.report)
    counts["ai"] = counts.get("ai", 0) - asked
    counts["both"] = counts.get("both", 0) + asked
    report["planned_spend"] = report.get("planned_spend", 0.0) + asked * price
    before = report.get("doubts", {})
    report["doubts"] = {
        "people": before.get("people", 0) + asked,
        "unpaid": before.get("unpaid", 0) + unpaid,
    }
    plan.counts, plan.report = counts, report
    plan.save(update_fields=["counts", "report", "updated_at"])
