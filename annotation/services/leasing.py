"""Hand out tasks and take them back (docs/adr/0003).

A lease takes one of its task's slots until it is answered, given back or over. The
statements are in `queue_sql.py`; here is what they are for and in which order.
"""

import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal, cast

from django.conf import settings
from django.contrib.auth.models import AbstractBaseUser
from django.db import connection, transaction

from annotation.errors import InvalidInput, Unavailable
from annotation.permissions import check_role, token_of
from annotation.protocols.questions import stored_questions
from annotation.services import queue_sql
from annotation.services.orders import Completion, presented_order
from annotation.services.people import display_name
from annotation.services.presenting import completions_shown, prompt_shown
from annotation.services.progress import Progress, progress_of, thanks_of

PRIORITIES = 10
EXPIRE_AT_ONCE = 500
EXPIRE_EVERY_SECONDS = 2.0
_expired_at = float("-inf")

QueueState = Literal["open", "finished", "paused"]


@dataclass(frozen=True)
class Held:
    """One task in a person's hands, as the person may see it."""

    id: int
    expires_at: datetime
    protocol_version: int
    questions: list[dict[str, Any]]
    prompt: dict[str, Any]
    completions: list[Completion]


@dataclass(frozen=True)
class HandOut:
    state: QueueState
    held: list[Held]
    progress: Progress
    thanks: dict[str, int] | None = None


@dataclass
class _Visit:
    """Who asks, where, and how far they have come; the cursor is locked."""

    project: int
    state: str
    seed: int
    lease_seconds: int
    actor: int
    cursor: int
    reached: list[int]
    handed_out: int
    rested: bool = True
    look_back: bool = False
    new: bool = False


@dataclass
class _Picked:
    task: int
    priority: int
    order: list[int]
    revived: bool
    content: Sequence[Any] = field(repr=False)


def lease(
    *, user: AbstractBaseUser, slug: str, count: int = 1, holder: str = ""
) -> HandOut:
    """Lease up to `count` tasks of a project to a person, in one transaction.

    With `holder`, the name of a browser tab, the leases that this tab still holds
    come back first, renewed, and new ones fill up to `count`. Two tabs of one person
    never hold the same task.

    Raises:
        NotFound, NotAllowed: as `permissions.require` for "annotate".
        InvalidInput: for a count beyond the limit, or an overlong holder.
    """
    if not 1 <= count <= settings.LEASES_PER_CALL:
        raise InvalidInput(
            "So many tasks cannot be leased at once.",
            expected=f"count from 1 to {settings.LEASES_PER_CALL}",
            found=str(count),
            fix="Ask for fewer, and again when they are answered.",
        )
    if len(holder) > 64 or "\x00" in holder:
        raise InvalidInput(
            "The holder is not a name for a tab.",
            expected="up to 64 characters",
            found=f"{len(holder)} characters",
            fix="Send a shorter one.",
        )
    has_expired = _expire_now_and_then()
    with transaction.atomic():
        visit = _enter(user, slug)
        live, held = (0, []) if visit.new else _live(visit, holder)
        fresh: list[Held] = []
        if visit.state == "open":
            room = max(0, settings.LIVE_LEASES_PER_PERSON - live)
            fresh = _take(visit, min(count - len(held), room), holder)
    progress = progress_of(project=visit.project, actor=visit.actor)
    all_held = [*held, *fresh]
    if visit.state != "open":
        return HandOut("paused", all_held, progress)
    if all_held or live:
        return HandOut("open", all_held, progress)
    thanks = thanks_of(
        project=visit.project,
        actor=visit.actor,
        answers=progress.answered,
        # Ten statements at most: the next poll may ask what came of the answers.
        only_kept=has_expired,
    )
    return HandOut("finished", [], progress, thanks)


def _enter(user: AbstractBaseUser, slug: str) -> _Visit:
    """Check that the person may annotate here, and lock their cursor.

    The row is made on the first visit. Any tab of theirs that comes now waits.
    """
    parameters = {
        "user": user.pk,
        "slug": slug,
        "rest": settings.QUEUE_FULL_PASS_SECONDS,
        "look_back": settings.QUEUE_LOOK_BACK_SECONDS,
    }
    # Three times at most: somebody else's first visit, then ours finds the row.
    for _ in range(3):
        with connection.cursor() as cursor:
            cursor.execute(queue_sql.ENTER, parameters)
            row = cursor.fetchone()
            role = _role(user, row)
            check_role(user, role, "annotate")
            project, state, seed, lease_seconds = row[:4]
            actor, at, reached, handed_out, resting, look_back = row[5:]
            if at is not None:
                return _Visit(
                    project,
                    state,
                    seed,
                    lease_seconds,
                    actor,
                    at,
                    reached,
                    handed_out,
                    rested=not resting,
                    look_back=look_back,
                )
            cursor.execute(
                queue_sql.ARRIVE,
                {"user": user.pk, "name": display_name(user), "project": project},
            )
            if made := cursor.fetchone():
                at, actor = made
                start = [0] * PRIORITIES
                # An actor who is new here may still have leases of an older life.
                new = row[5] is None
                return _Visit(
                    project, state, seed, lease_seconds, actor, at, start, 0, new=new
                )
    raise Unavailable(
        "The queue is busy with your first visit.",
        expected="a place in the queue",
        found="none yet",
        fix="Try again.",
    )


def _role(user: AbstractBaseUser, row: Sequence[Any] | None) -> str | None:
    """Return the asker's role from a row of ENTER; None for strangers."""
    if row is None:
        return None
    token = token_of(user)
    if token is not None and token.project_id not in (None, row[0]):
        return None
    if getattr(user, "is_superuser", False):
        return "owner"
    return cast("str | None", row[4])


def _live(visit: _Visit, holder: str) -> tuple[int, list[Held]]:
    """Return how many leases the person has, and those of this tab, renewed."""
    with connection.cursor() as cursor:
        cursor.execute(
            queue_sql.LIVE,
            {
                "actor": visit.actor,
                "project": visit.project,
                "holder": holder,
                "lease_seconds": visit.lease_seconds,
            },
        )
        rows = cursor.fetchall()
    held = [
        _held(pk, expires_at, order, content)
        for pk, expires_at, order, *content in rows
        if expires_at is not None
    ]
    return len(rows), held


def _take(visit: _Visit, count: int, holder: str) -> list[Held]:
    """Pick up to `count` tasks, lease them and move the cursor.

    Below the cursor there may be tasks that came back, were committed late or have
    another priority now. So the search starts from zero when it comes up short, and
    every QUEUE_LOOK_BACK_SECONDS; and not again for QUEUE_FULL_PASS_SECONDS after it
    has found too little, which keeps the polls of a person with nothing to do cheap.
    """
    if count <= 0:
        return []
    reached, look_back = visit.reached, visit.look_back and visit.rested
    if look_back:
        picked = _pick(visit, [0] * PRIORITIES, count)
    else:
        picked = _pick(visit, reached, count)
        if len(picked) < count and visit.rested and any(reached):
            look_back = True
            picked += _pick(
                visit,
                [0] * PRIORITIES,
                count - len(picked),
                number=visit.handed_out + sum(not item.revived for item in picked),
                besides=frozenset(item.task for item in picked),
            )
    if not picked and not look_back:
        return []
    for item in picked:
        reached[item.priority] = max(reached[item.priority], item.task)
    with connection.cursor() as cursor:
        cursor.execute(
            queue_sql.HAND_OUT,
            {
                "cursor": visit.cursor,
                "reached": reached,
                "handed_out": visit.handed_out
                + sum(not item.revived for item in picked),
                "looked_back": look_back,
                "short": len(picked) < count,
                "project": visit.project,
                "actor": visit.actor,
                "holder": holder,
                "lease_seconds": visit.lease_seconds,
                "tasks": [item.task for item in picked],
                "orders": [
                    "{" + ",".join(map(str, item.order)) + "}" for item in picked
                ],
            },
        )
        made = {task: (pk, expires_at) for pk, task, expires_at in cursor.fetchall()}
    return [_held(*made[item.task], item.order, item.content) for item in picked]


def _pick(
    visit: _Visit,
    reached: list[int],
    count: int,
    *,
    number: int | None = None,
    besides: frozenset[int] = frozenset(),
) -> list[_Picked]:
    """Lock the next free tasks beyond `reached` (one id for each priority)."""
    with connection.cursor() as cursor:
        cursor.execute(
            queue_sql.PICK,
            {
                "reached": reached[::-1],
                "project": visit.project,
                "actor": visit.actor,
                "count": count + len(besides),
            },
        )
        rows = [row for row in cursor.fetchall() if row[0] not in besides]
    rows.sort(key=lambda row: (-row[1], row[0]))
    number = visit.handed_out if number is None else number
    picked = []
    for task, priority, own_order, *content in rows[:count]:
        order = own_order or presented_order(
            seed=visit.seed,
            actor=visit.actor,
            number=number,
            size=len(content[-1]),
        )
        number += own_order is None
        picked.append(_Picked(task, priority, order, own_order is not None, content))
    return picked


def _held(
    pk: int, expires_at: datetime, order: list[int], content: Sequence[Any]
) -> Held:
    number, stored, messages, context, completions = content
    questions = stored_questions(stored)
    return Held(
        pk,
        expires_at,
        number,
        questions,
        prompt_shown(messages, context),
        completions_shown(completions, order, questions),
    )


def expire_leases(limit: int = EXPIRE_AT_ONCE) -> int:
    """Take back leases whose time is over, in any project; return how many.

    Beat calls it, and each web process does now and then, so leases come back without
    beat too. It waits for no lock: what is in use now is left for the next time.
    """
    with connection.cursor() as cursor:
        cursor.execute(queue_sql.EXPIRE, {"limit": limit})
        return int(cursor.rowcount)


def _expire_now_and_then() -> bool:
    global _expired_at
    now = time.monotonic()
    if now - _expired_at < EXPIRE_EVERY_SECONDS:
        return False
    _expired_at = now
    expire_leases(50)
    return True
