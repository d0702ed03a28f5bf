"""Routing plans: made, predicted by a worker, applied, measured.

Deciding takes scikit-learn and happens in `workers/routing`; here are the rows, their
states, and the one transaction that sets routes.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from django.db import transaction
from django.db.models import F, QuerySet
from django.utils import timezone

from annotation.errors import Conflict, InvalidInput
from annotation.models import Assignment, Project, Task
from config.dispatch import Queue, enqueue
from training.models.routing import RoutingDecision, RoutingPlan
from training.services.routing_settings import read_settings

State = RoutingPlan.State
PREDICT = "workers.predict_routing"
APPLY = "workers.apply_routing"
MEASURE = "workers.measure_routing"
QUEUE: Queue = "judge"
ROWS = 1000
ADVANCE = "workers.advance_round"
PINNED = "pinned"
"""The mark of a task that stays with people, whatever a plan says."""
SILENT = timedelta(minutes=15)


@dataclass(frozen=True)
class Wanted:
    """One decision, as a planner hands it over."""

    task: int
    route: str
    score: float
    reason: str
    people: int
    floor: bool


def create_plan(
    *,
    project: Project,
    round: int | None = None,
    settings: Any = None,
    share: float | None = None,
) -> RoutingPlan:
    """Make a plan that a worker of the queue `judge` will predict.

    Args:
        share: people's share of the tasks; the plan is applied at once where given.

    Raises:
        InvalidInput: when the settings are wrong, or nothing is open to be routed.
    """
    read = read_settings(settings)
    if not open_tasks(project, round).exists():
        where = "the project" if round is None else f"queue {round}"
        raise InvalidInput(
            "There is nothing to route.",
            expected="open tasks that nobody has answered or holds",
            found=f"none in {where}",
            fix="Import completions, or wait for the round to open its queue.",
        )
    plan = RoutingPlan.objects.create(
        project=project,
        round=round,
        settings=read.model_dump(mode="json"),
        share=share,
    )
    enqueue(PREDICT, plan.pk, queue=QUEUE)
    return plan


def open_tasks(project: Project, round: int | None) -> QuerySet[Task]:
    """Return the tasks whose routes may still be set, control tasks apart.

    Nobody holds or has answered them in the queue. The verified pool is people's, and
    so is what a promotion gate or a watch asks them.
    """
    found = Task.objects.filter(
        project=project,
        state__in=[Task.State.OPEN, Task.State.HELD],
        leased=0,
        counted=0,
        is_control=False,
        verified_pool=False,
    ).exclude(scores__has_any_keys=[PINNED, "gate"])
    return found if round is None else found.filter(round=round)


def claim(plan: int, *, state: str, by: str) -> RoutingPlan | None:
    """Take a plan from one state to the next; None if another worker has it."""
    taken = RoutingPlan.objects.filter(pk=plan, state=state).update(
        state=by, progress=0, doing="", error=None, updated_at=timezone.now()
    )
    return RoutingPlan.objects.select_related("project").get(pk=plan) if taken else None


def tell(plan: RoutingPlan, progress: float, doing: str) -> None:
    """Say how far a worker is."""
    RoutingPlan.objects.filter(pk=plan.pk).update(
        progress=min(max(progress, 0.0), 1.0), doing=doing, updated_at=timezone.now()
    )


def predicted(
    plan: RoutingPlan,
    *,
    curve: Sequence[Mapping[str, Any]],
    report: Mapping[str, Any],
    prediction: Mapping[str, Any] | None,
) -> None:
    """Keep what a worker found; the plan can be applied from now on.

    One whose share is known waits for that alone.
    """
    now = State.READY if plan.share is None else State.TO_APPLY
    RoutingPlan.objects.filter(pk=plan.pk, state=State.PREDICTING).update(
        state=now,
        progress=1,
        doing="",
        curve=list(curve),
        report=dict(report),
        prediction=prediction,
        updated_at=timezone.now(),
    )


def failed(plan: RoutingPlan, error: Mapping[str, Any]) -> None:
    """Keep why a worker could not go on; what another has made of it meanwhile stays.

    A worker that was taken for dead may be late: its plan may be applied by now.
    """
    done = (State.READY, State.APPLIED)
    RoutingPlan.objects.filter(pk=plan.pk).exclude(state__in=done).update(
        state=State.FAILED, error=dict(error), doing="", updated_at=timezone.now()
    )


def retry(plan: RoutingPlan) -> RoutingPlan:
    """Predict a failed plan again.

    Raises:
        Conflict: for a plan that has not failed.
    """
    changed = RoutingPlan.objects.filter(pk=plan.pk, state=State.FAILED).update(
        state=State.QUEUED, error=None, updated_at=timezone.now()
    )
    if not changed:
        raise _wrong(plan, "a plan that failed")
    enqueue(PREDICT, plan.pk, queue=QUEUE)
    plan.refresh_from_db()
    return plan


def ask_to_apply(plan: RoutingPlan, *, share: float) -> RoutingPlan:
    """Let a worker set the routes, with people answering at most this share.

    Raises:
        InvalidInput: for a share that is none.
        Conflict: for a plan that is not predicted, or was applied already.
    """
    if not 0 <= share <= 1:
        raise InvalidInput(
            "This is no share of the tasks.",
            expected="a number from 0 to 1",
            found=str(share),
            fix="Give 0.25 for a quarter.",
        )
    changed = RoutingPlan.objects.filter(pk=plan.pk, state=State.READY).update(
        state=State.TO_APPLY, share=share, updated_at=timezone.now()
    )
    if not changed:
        raise _wrong(plan, "a plan that is predicted and was not applied")
    enqueue(APPLY, plan.pk, queue=QUEUE)
    plan.refresh_from_db()
    return plan


def ask_to_measure(plan: RoutingPlan) -> RoutingPlan:
    """Let a worker measure what an applied plan came to.

    Raises:
        Conflict: for a plan that was not applied.
    """
    if plan.state != State.APPLIED:
        raise _wrong(plan, "a plan that was applied")
    enqueue(MEASURE, plan.pk, queue=QUEUE)
    return plan


def apply_decisions(
    plan: RoutingPlan,
    wanted: Sequence[Wanted],
    *,
    spend: float = 0.0,
    budget: float | None = None,
) -> dict[str, int]:
    """Set the routes in one transaction; return counts.

    What is leased or answered by now stays as it is, and so does what was closed; the
    decision is kept all the same, and says that it was not applied. A judge's answer
    that was given to a task before takes none of its slots, so people can still be
    asked.

    Args:
        spend: what it costs once every answer has come.
        budget: what it may cost; what is over is for a judge's doubts (`doubts.py`).
    """
    by_task = {each.task: each for each in wanted}
    counts = dict.fromkeys(("human", "ai", "both", "skip", "untouched"), 0)
    with transaction.atomic():
        fresh = RoutingPlan.objects.select_for_update().get(pk=plan.pk)
        if fresh.state != State.APPLYING:
            raise _wrong(fresh, "a plan that is being applied")
        # In id order, as everybody locks tasks.
        tasks = (
            open_tasks(plan.project, plan.round)
            .filter(pk__in=by_task)
            .exclude(assignments__state=Assignment.State.LEASED)
            .order_by("pk")
            .select_for_update(of=("self",))
        )
        changed = [_routed(task, by_task[task.pk], plan) for task in tasks]
        Task.objects.bulk_update(
            changed, ["route", "overlap", "state", "scores"], batch_size=ROWS
        )
        applied = {task.pk for task in changed}
        for each in wanted:
            counts[each.route if each.task in applied else "untouched"] += 1
        RoutingDecision.objects.filter(plan=plan).delete()
        RoutingDecision.objects.bulk_create(
            [
                RoutingDecision(
                    plan=plan,
                    task_id=each.task,
                    route=each.route,
                    score=each.score,
                    reason=each.reason[:200],
                    people=each.people,
                    floor=each.floor,
                    applied=each.task in applied,
                )
                for each in wanted
            ],
            batch_size=ROWS,
        )
        RoutingPlan.objects.filter(pk=plan.pk).update(
            state=State.APPLIED,
            counts=counts,
            report={
                **fresh.report,
                "planned_spend": round(spend, 6),
                "budget": budget,
            },
            progress=1,
            doing="",
            applied_at=timezone.now(),
            updated_at=timezone.now(),
        )
        # A round may wait for its routes.
        for number in plan.rounds.values_list("pk", flat=True):
            enqueue(ADVANCE, number)
    return counts


def measured(plan: RoutingPlan, outcome: Mapping[str, Any]) -> None:
    """Keep what an applied plan came to."""
    RoutingPlan.objects.filter(pk=plan.pk).update(
        outcome=dict(outcome), updated_at=timezone.now()
    )


def waiting() -> list[tuple[str, int]]:
    """Return (task name, plan) of what waits for a worker.

    A plan whose worker has said nothing for SILENT waits again: predicting has no
    effect but its row, and applying is one transaction.
    """
    before = timezone.now() - SILENT
    for state, back in (
        (State.PREDICTING, State.QUEUED),
        (State.APPLYING, State.TO_APPLY),
    ):
        RoutingPlan.objects.filter(state=state, updated_at__lt=before).update(
            state=back, updated_at=timezone.now()
        )
    names = {State.QUEUED: PREDICT, State.TO_APPLY: APPLY}
    found = RoutingPlan.objects.filter(state__in=names).order_by("pk")
    return [(names[State(row.state)], row.pk) for row in found[:100]]


def spent(plan: RoutingPlan) -> dict[str, float]:
    """Return what has been answered and paid for of a plan's tasks so far."""
    settings = read_settings(plan.settings)
    answers = Assignment.objects.filter(
        task__routing_decisions__plan=plan,
        state=Assignment.State.ANSWERED,
        ended_at__gte=F("task__routing_decisions__plan__applied_at"),
        presentation=0,
    )
    judge = answers.filter(origin=Assignment.Origin.JUDGE).count()
    people = answers.filter(origin=Assignment.Origin.HUMAN).count()
    return {
        "people": people,
        "judges": judge,
        "spend": people * settings.human_cost + judge * settings.ai_cost,
    }


def _routed(task: Task, wanted: Wanted, plan: RoutingPlan) -> Task:
    """Return a task with its route as wanted; what a judge answers is answered once."""
    task.scores = {
        **task.scores,
        "routing": {
            "plan": plan.pk,
            "score": wanted.score,
            "reason": wanted.reason,
            "floor": wanted.floor,
        },
    }
    if wanted.route == RoutingDecision.Route.SKIP:
        task.state = Task.State.CLOSED
        return task
    task.route = wanted.route
    if wanted.route == Task.Route.AI:
        task.overlap = 1
    else:
        people = plan.settings.get("overlap") or plan.project.overlap
        task.overlap = max(wanted.people, people)
    return task


def _wrong(plan: RoutingPlan, expected: str) -> Conflict:
    plan.refresh_from_db()
    return Conflict(
        "This cannot be done with the routing plan now.",
        expected=expected,
        found=f"one that is {plan.get_state_display()}",
        fix="Look at the plan, or make a new one.",
    )
