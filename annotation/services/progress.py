"""How far a person and a project have come, at the same small cost at any size.

A person's own counts are exact (`Tally`). The project's are read again every few
seconds in each process; what remains is counted exactly once the end is near.
"""

import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from datetime import datetime
from datetime import time as clock

from django.db import connection
from django.utils import timezone

from annotation.services.queue_sql import OPEN

FRESH_SECONDS = 10
TOTAL_FRESH_SECONDS = 60
# Up to this many open tasks, what remains for a person is counted, not estimated.
EXACT_UP_TO = 1000
COUNTED_UP_TO = 100_000


@dataclass(frozen=True)
class Progress:
    """today, answered: my answers; remaining: open for me; total: tasks there are."""

    today: int
    answered: int
    remaining: int
    total: int

    def as_json(self) -> dict[str, int]:
        return asdict(self)


@dataclass
class _Totals:
    total: int
    total_at: float
    open: int
    open_at: float


_totals: dict[int, _Totals] = {}

OWN = f"""
SELECT
    COALESCE(tally.answered, (
        SELECT count(*) FROM annotation_assignment a
        WHERE a.project_id = %(project)s AND a.actor_id = %(actor)s
            AND a.state = 'answered')),
    CASE WHEN tally.day = %(day)s THEN tally.today WHEN tally.day IS NULL THEN (
        SELECT count(*) FROM annotation_assignment a
        WHERE a.project_id = %(project)s AND a.actor_id = %(actor)s
            AND a.state = 'answered' AND a.ended_at >= %(midnight)s) ELSE 0 END,
    (SELECT count(*) FROM annotation_assignment a
        WHERE a.project_id = %(project)s AND a.actor_id = %(actor)s
            AND a.state = 'leased'),
    CASE WHEN %(exact)s THEN (
        SELECT count(*) FROM (
            SELECT t.id FROM annotation_task t
            WHERE t.project_id = %(project)s AND {OPEN} LIMIT %(exact_up_to)s
        ) t
        WHERE (
            SELECT met.state NOT IN ('expired', 'released')
            FROM annotation_assignment met
            WHERE met.task_id = t.id AND met.actor_id = %(actor)s
                AND met.presentation = 0
        ) IS NOT TRUE) END
    {{more}}
FROM (SELECT 1) one
LEFT JOIN annotation_tally tally
    ON tally.project_id = %(project)s AND tally.actor_id = %(actor)s
"""
OPEN_COUNT = f""",
    (SELECT count(*) FROM (SELECT 1 FROM annotation_task t
        WHERE t.project_id = %(project)s AND {OPEN} LIMIT %(counted_up_to)s) opened)"""
TOTAL_COUNT = """,
    (SELECT count(*) FROM annotation_task t WHERE t.project_id = %(project)s)"""


def midnight() -> datetime:
    """Return when today began, where the server lives."""
    return timezone.make_aware(datetime.combine(timezone.localdate(), clock.min))


def progress_of(*, project: int, actor: int | None) -> Progress:
    """Return a person's progress in a project, in one statement.

    Args:
        project: its primary key.
        actor: the person's, or None for somebody who has never worked anywhere.
    """
    now = time.monotonic()
    known = _totals.get(project)
    open_stale = known is None or now - known.open_at > FRESH_SECONDS
    # A large project's total is a long count, and a few tasks more change little.
    patience = TOTAL_FRESH_SECONDS * (10 if known and known.total > 100_000 else 1)
    if known is not None and known.total <= EXACT_UP_TO:
        patience = 0  # a short count
    total_stale = known is None or now - known.total_at > patience
    more = (OPEN_COUNT if open_stale else "") + (TOTAL_COUNT if total_stale else "")
    with connection.cursor() as cursor:
        cursor.execute(
            OWN.format(more=more),
            {
                "project": project,
                "actor": actor,
                "day": timezone.localdate(),
                "midnight": midnight(),
                "exact": known is None or known.open < EXACT_UP_TO,
                "exact_up_to": EXACT_UP_TO,
                "counted_up_to": COUNTED_UP_TO,
            },
        )
        answered, today, live, exactly, *counts = cursor.fetchone()
    if known is None:
        known = _totals[project] = _Totals(0, 0.0, 0, 0.0)
    if open_stale:
        known.open, known.open_at = counts.pop(0), now
    if total_stale:
        known.total, known.total_at = counts.pop(0), now
    remaining = exactly
    if remaining is None or known.open >= EXACT_UP_TO:
        remaining = min(known.open, max(0, known.total - answered))
    return Progress(
        today=today, answered=answered, remaining=remaining + live, total=known.total
    )


# What came of a person's answers. The rooms that learn from them count there and
# register a function of (project, actor) that returns (models, rounds).
Contribution = Callable[[int, int], tuple[int, int]]
contributions: list[Contribution] = []
_THANKS_SECONDS = 60
_thanked: dict[tuple[int, int], tuple[float, int, int]] = {}


def thanks_of(
    *, project: int, actor: int, answers: int, only_kept: bool = False
) -> dict[str, int] | None:
    """Return what came of a person's answers: shown when the queue is finished.

    With `only_kept`, None where that would have to be counted now.
    """
    now = time.monotonic()
    kept = _thanked.get((project, actor))
    if kept is None or now - kept[0] > _THANKS_SECONDS:
        if only_kept and contributions:
            return None
        counts = [count(project, actor) for count in contributions]
        if len(_thanked) > 10_000:
            _thanked.clear()
        kept = _thanked[(project, actor)] = (
            now,
            sum(models for models, _ in counts),
            sum(rounds for _, rounds in counts),
        )
    return {"answers": answers, "models": kept[1], "rounds": kept[2]}
