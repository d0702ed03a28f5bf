"""The overview: four questions answered without a click, and a newcomer's next step."""

from datetime import timedelta
from typing import Any

from django.db.models import Count, F, Q, Sum
from django.db.models.functions import Coalesce, Now, TruncHour
from django.http import HttpRequest
from django.urls import reverse
from django.utils.timezone import localtime, now

from annotation.admin.scope import ENTERS, projects
from annotation.models import Actor, Assignment, Feedback, Project, Task
from annotation.quality.summary import Share, agreement, first_shown
from training.admin.live import percent, said
from training.models import Round, Snapshot, TrainingRun
from training.services.health import queue_health

MANY = 10_000
"""Open tasks are counted up to here: beyond, the number tells nothing more."""
LOOKED_AT = 2_000
"""The newest answers, from which agreement and bias are told."""
FEW = 30
"""Fewer observations than this are said to be few."""


def fill(request: HttpRequest, context: dict[str, Any]) -> dict[str, Any]:
    """Add what the overview shows to the index page's context."""
    mine = projects(request, ENTERS)
    chosen = [p for p in mine.values() if p.slug == request.GET.get("project")]
    scope = [project.pk for project in chosen] or list(mine)
    observed = [pk for pk in scope if pk in projects(request, "observe")]
    context |= {
        "stuck": [queue.advice for queue in queue_health() if queue.is_stuck],
        "mine": list(mine.values()),
        "chosen": chosen[0] if chosen else None,
        "flow": flow(scope),
        "trust": trust(scope),
        "running": running(observed),
        "cost": cost(scope, observed),
        "observes": bool(observed),
        "steps": first_steps(request, chosen[0] if chosen else None),
    }
    return context


def _people(scope: list[int]) -> Q:
    """Answers that people gave here: no imports, judges or corrections.

    An actor with an account answers here alone; asking that way spares the large
    imports of the same days.
    """
    return Q(project__in=scope, actor__user__isnull=False, supersedes__isnull=True)


def flow(scope: list[int]) -> dict[str, Any]:
    """Is work flowing?"""
    moment = now()
    midnight = localtime(moment).replace(hour=0, minute=0, second=0, microsecond=0)
    day_ago = (moment - timedelta(hours=23)).replace(minute=0, second=0, microsecond=0)
    answers = Feedback.objects.filter(_people(scope))
    counts = answers.filter(created_at__gte=min(midnight, day_ago)).aggregate(
        today=Count("pk", filter=Q(created_at__gte=midnight)),
        hour=Count("pk", filter=Q(created_at__gte=moment - timedelta(hours=1))),
    )
    by_hour = dict(
        answers.filter(created_at__gte=day_ago)
        .annotate(at=TruncHour("created_at"))
        .order_by("at")
        .values_list("at")
        .annotate(count=Count("pk"))
    )
    hours = []
    for place in range(24):
        at = day_ago + timedelta(hours=place)
        hours.append((localtime(at), by_hour.get(at, 0)))
    most = max(count for _, count in hours)
    free = Q(state="open", leased__lt=F("overlap") - F("counted")) & ~Q(route="ai")
    open_tasks = Task.objects.filter(free, project__in=scope)[: MANY + 1].count()
    leases = Assignment.objects.filter(
        project__in=scope, state="leased", expires_at__gt=moment
    )
    holders = leases.aggregate(leases=Count("pk"), people=Count("actor", distinct=True))
    return {
        **counts,
        **holders,
        "open_tasks": open_tasks,
        "many": open_tasks > MANY,
        "hours": [
            (at, count, round(100 * count / most) if most else 0) for at, count in hours
        ],
        "most": most,
        "said": _flow_said(counts["today"], counts["hour"], open_tasks),
    }


def _flow_said(today: int, hour: int, open_tasks: int) -> str:
    if not open_tasks and not today:
        return "There is nothing to label: import a file or start a round."
    if not open_tasks:
        return "The queue is empty: everything asked has its answers."
    if hour:
        return "Yes: answers are coming in."
    if today:
        return "Not in the last hour."
    return "No answers yet today, and tasks wait."


def trust(scope: list[int]) -> dict[str, Any]:
    """Can the labels be trusted? From the newest answers of people."""
    rows = newest_answers(scope)
    outcomes: list[str] = []
    seen_first: list[str] = []
    by_task: dict[int, list[str]] = {}
    for task, account, judgments in rows:
        for judgment in judgments:
            if judgment.get("kind") == "compare" and not judgment.get("criterion"):
                outcome = str(judgment.get("outcome"))
                outcomes.append(outcome)
                # The side, not the letter: two people see two orders.
                side = str(judgment.get(outcome, outcome))
                by_task.setdefault(task, []).append(side)
                if account is not None:
                    seen_first.append(outcome)
                break
    agreed = agreement(by_task.values())
    first = first_shown(seen_first)
    return {
        "agreement": agreed,
        "ties": Share(outcomes.count("tie"), len(outcomes)),
        "both_bad": Share(outcomes.count("both_bad"), len(outcomes)),
        "first": first,
        "few": FEW,
        "said": _trust_said(agreed, first),
    }


def newest_answers(scope: list[int]) -> list[tuple[int, int | None, list[Any]]]:
    """Return (task, account or None, judgments) of people among the newest answers.

    Each project's own, one short walk along its index with nothing joined: the rest
    is looked up for these rows alone.
    """
    share = max(100, LOOKED_AT // max(1, len(scope)))
    parts = [
        Feedback.objects.filter(project=project)
        .order_by("-created_at")
        .values_list("id", "supersedes", "assignment", "actor", "judgments")[:share]
        for project in scope
    ]
    if not parts:
        return []
    rows = list(parts[0].union(*parts[1:], all=True) if parts[1:] else parts[0])
    # A correction is newer than what it corrects, so it is among these rows.
    corrected = {supersedes for _, supersedes, _, _, _ in rows if supersedes}
    people = dict(
        Actor.objects.filter(
            pk__in={actor for _, _, _, actor, _ in rows}, kind=Actor.Kind.HUMAN
        ).values_list("pk", "user")
    )
    tasks = dict(
        Assignment.objects.filter(
            pk__in={assignment for _, _, assignment, _, _ in rows}
        ).values_list("pk", "task")
    )
    return [
        (tasks[assignment], people[actor], judgments)
        for pk, _, assignment, actor, judgments in rows
        if actor in people and pk not in corrected
    ]


def _trust_said(agreed: Share, first: Share) -> str:
    if not agreed.of and not first.of:
        return "Nobody knows yet: there are no answers."
    if first.excludes(0.5) and first.of >= FEW:
        side = "first" if (first.value or 0) > 0.5 else "second"
        return f"Careful: the completion shown {side} wins more often than chance."
    if agreed.of >= FEW and agreed.value is not None:
        if agreed.value < 0.6:
            return "Careful: people often disagree. Are the guidelines clear?"
        return "So far, yes: people agree, and the place on the screen does not matter."
    return "Too few answers to the same tasks to say."


def running(scope: list[int]) -> dict[str, Any]:
    """What is running?"""
    runs = (
        TrainingRun.objects.filter(project__in=scope, state__in=TrainingRun.OPEN_STATES)
        .defer("log_tail")
        .select_related("project")[:10]
    )
    rounds = (
        Round.objects.filter(project__in=scope)
        .exclude(state__in=["done", "failed"])
        .select_related("project")[:10]
    )
    return {
        "runs": [(run, percent(run) or 0, said(run, None)) for run in runs],
        "rounds": list(rounds),
    }


def cost(scope: list[int], observed: list[int]) -> dict[str, Any]:
    """What did it cost? Attention and machine time of the last seven days."""
    week = now() - timedelta(days=7)
    spent = Feedback.objects.filter(
        project__in=scope, actor__user__isnull=False, created_at__gte=week
    ).aggregate(ms=Sum("active_ms"), answers=Count("pk"))
    ran = TrainingRun.objects.filter(
        project__in=observed, started_at__gte=week
    ).aggregate(
        time=Sum(Coalesce("finished_at", "heartbeat_at", Now()) - F("started_at")),
        runs=Count("pk"),
    )
    attention = (spent["ms"] or 0) / 1000
    return {
        "attention": attention,
        "answers": spent["answers"],
        "each": attention / spent["answers"] if spent["answers"] else None,
        "machine": ran["time"].total_seconds() if ran["time"] else 0,
        "runs": ran["runs"],
    }


def first_steps(request: HttpRequest, chosen: Project | None) -> dict[str, Any] | None:
    """Return the way once round the loop in a project, and where it has come."""
    mine = projects(request, "research")
    if not mine:
        return None
    project = chosen or max(mine.values(), key=lambda each: each.created_at)
    if project.pk not in mine:
        return None
    given = Assignment.objects.filter(
        project=project, state="answered", actor__user__isnull=False
    )
    answers = given[:10].count()
    ready = Snapshot.objects.filter(project=project, state="ready", rows__gt=0)
    newest = ready.order_by("-created_at").first()
    states: dict[str, set[str]] = {}
    for kind, state in TrainingRun.objects.filter(
        project=project, kind__in=["reward", "dpo"]
    ).values_list("kind", "state"):
        states.setdefault(kind, set()).add(state)
    launch = reverse("admin:training_trainingrun_add")
    on = f"&snapshot={newest.pk}" if newest else ""
    steps = [
        _label_step(project, answers),
        {
            "name": "Freeze a snapshot",
            "words": "a batch that never changes",
            "url": reverse("admin:training_snapshot_add") + f"?project={project.pk}",
            "done": newest is not None,
        },
        _run_step(
            "Train a reward model", states.get("reward"), launch, "reward-bt" + on
        ),
        _run_step("Train a policy with DPO", states.get("dpo"), launch, "dpo" + on),
        {
            "name": "Start a round",
            "words": "the loop, by itself",
            "url": reverse("admin:training_round_add") + f"?project={project.pk}",
            "done": Round.objects.filter(project=project).exists(),
        },
    ]
    coming = [step for step in steps if not step["done"]]
    for step in steps:
        step["mark"] = "done" if step["done"] else "todo"
    if coming:
        coming[0]["mark"] = "now"
    return {
        "project": project,
        "steps": steps,
        "next": coming[0] if coming else None,
    }


def _label_step(project: Project, answers: int) -> dict[str, Any]:
    """Return the step of labelling, or of importing where nothing can be labelled."""
    if not answers and not project.tasks.exists():
        return {
            "name": "Import something to label",
            "words": "prompts with completions",
            "url": reverse("admin:annotation_import_add") + f"?project={project.pk}",
            "done": False,
        }
    return {
        "name": "Label ten comparisons",
        "words": f"{answers} of 10 so far" if answers < 10 else "in the workspace",
        "url": f"/app/projects/{project.slug}",
        "done": answers >= 10,
    }


def _run_step(
    name: str, states: set[str] | None, launch: str, query: str
) -> dict[str, Any]:
    states = states or set()
    done = "succeeded" in states
    busy = bool(states & set(TrainingRun.OPEN_STATES))
    runs = reverse("admin:training_trainingrun_changelist")
    return {
        "name": name,
        "words": "finished" if done else "under way" if busy else "on the snapshot",
        "url": runs if busy and not done else f"{launch}?preset={query}",
        "done": done,
    }
