"""Who answers a round's queue, as its page shows it: shares, spend, and why."""

from typing import Any

from annotation.models import Judge, Task
from annotation.numbers import whole_number
from annotation.show import badge
from training.admin.routing_form import WORDS
from training.models import Round
from training.services import routing

SHOWN = 40
"""So many tasks stand on the page; the list of tasks has them all."""
ROUTES = {"human": "people", "ai": "judge", "both": "both"}


def routing_of(round_: Round) -> dict[str, Any] | None:
    """Return who was asked and why, once the routes are set."""
    told = round_.report.get("routing")
    counts = round_.counts
    if told is None or "to_people" not in counts:
        return None
    queue = Task.objects.filter(project=round_.project_id, round=round_.number + 1)
    total = queue.count()
    plan = round_.routing_plan
    rows = [
        ("people", queue.filter(route__in=["human", "both"]).exclude(state="closed")),
        ("judge", queue.filter(route__in=["ai", "both"])),
        ("nobody", queue.filter(state="closed", counted=0, leased=0)),
    ]
    shares = [
        {"who": who, "tasks": found, "share": found / total if total else 0}
        for who, tasks in rows
        if (found := tasks.count())
    ]
    return {
        **told,
        "words": WORDS.get(told.get("follows", ""), ""),
        "plan": plan,
        "judge": judge_of(round_),
        "shares": shares,
        "spent": routing.spent(plan) if plan else None,
        "tasks": [
            {
                "task": task,
                "who": badge(
                    "route",
                    "nobody"
                    if task.state == Task.State.CLOSED and not task.counted
                    else ROUTES[task.route],
                    "quiet",
                ),
                "why": task.scores.get("routing", {}).get("reason", "")
                or "people look at what the watch saw",
                "chosen": task.reason,
            }
            for task in queue.order_by("pk")[:SHOWN]
        ],
        "more": max(0, total - SHOWN),
    }


def judge_of(round_: Round) -> Judge | None:
    """Return the judge that the round chose; None where it is its reward model."""
    chosen = whole_number(round_.settings.get("judge"))
    if chosen is None:
        return None
    return Judge.objects.filter(project=round_.project_id, pk=chosen).first()
