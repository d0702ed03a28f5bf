"""What a person does with a task in their hands, answering apart: renew, skip, release.

Each changes one assignment, after locking its task and itself in that order.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.contrib.auth.models import AbstractBaseUser
from django.db import connection, transaction
from django.db.models import OuterRef, Subquery
from django.utils import timezone

from annotation.errors import AlreadyAnswered, LeaseLost, NotYourAssignment
from annotation.models import Assignment, Membership
from annotation.permissions import check_role, token_of
from annotation.services import queue_sql


@dataclass(frozen=True)
class Locked:
    """An assignment whose task and row this transaction has locked, in that order."""

    state: str
    counted: bool
    past: bool
    free: bool


def lock(*, task: int, assignment: int) -> Locked:
    """Lock a task and one of its assignments; say how they stand now."""
    with connection.cursor() as cursor:
        cursor.execute(queue_sql.LOCK, {"task": task, "assignment": assignment})
        return Locked(*cursor.fetchone())


def own_assignment(user: AbstractBaseUser, assignment: int) -> Assignment:
    """Return a person's own assignment, unlocked.

    Raises:
        NotFound: if there is none, or its project is not theirs to see.
        NotYourAssignment: if it is somebody else's.
    """
    found = (
        Assignment.objects.filter(pk=assignment)
        .select_related("project", "actor")
        .annotate(
            role=Subquery(
                Membership.objects.filter(
                    project=OuterRef("project"), user=user.pk
                ).values("role")[:1]
            )
        )
        .first()
    )
    token = token_of(user)
    role: str | None = None
    if found is not None and (
        token is None or token.project_id in (None, found.project_id)
    ):
        is_superuser = getattr(user, "is_superuser", False)
        role = "owner" if is_superuser else getattr(found, "role", None)
    check_role(user, role, "annotate")
    assert found is not None  # check_role has refused None
    if found.actor.user_id != user.pk:
        raise not_yours()
    return found


def not_yours() -> NotYourAssignment:
    return NotYourAssignment(
        "This task is in somebody else's hands.",
        expected="an assignment of your own",
        found="another person's",
        fix="Lease a task yourself.",
    )


def renew(*, user: AbstractBaseUser, assignment: int) -> datetime:
    """Hold a task for another lease's length; return until when.

    Raises:
        LeaseLost: if it has gone back or is answered.
        NotFound, NotAllowed, NotYourAssignment: as `own_assignment`.
    """
    found = own_assignment(user, assignment)
    until = timezone.now() + timedelta(seconds=found.project.lease_seconds)
    # A lease that is past its time but not taken back yet still has its slot.
    renewed = Assignment.objects.filter(
        pk=assignment, state=Assignment.State.LEASED
    ).update(expires_at=until)
    if not renewed:
        raise LeaseLost(
            "The task is no longer in your hands.",
            expected="a lease that is still held",
            found=f"one that is {found.state}",
            fix="Send the answer all the same: it will be kept.",
        )
    return until


def release(*, user: AbstractBaseUser, assignment: int) -> str:
    """Give a task back unanswered; it may come again, to this person too.

    Raises:
        AlreadyAnswered: if there is an answer.
        NotFound, NotAllowed, NotYourAssignment: as `own_assignment`.
    """
    found = own_assignment(user, assignment)
    with transaction.atomic():
        now = lock(task=found.task_id, assignment=found.pk)
        _refuse_answered(now)
        if now.state == Assignment.State.LEASED:
            found.state = Assignment.State.RELEASED
            found.ended_at = timezone.now()
            found.save(update_fields=["state", "ended_at"])
    return "released"


def skip(
    *,
    user: AbstractBaseUser,
    assignment: int,
    reason: str = "",
    flag: dict[str, Any] | None = None,
) -> str:
    """Put a task aside for good, for this person; others may still get it.

    Args:
        flag: {kind: pii | unsafe | bad_task, note} of what is wrong with the task.

    Raises:
        AlreadyAnswered: if there is an answer.
        NotFound, NotAllowed, NotYourAssignment: as `own_assignment`.
    """
    found = own_assignment(user, assignment)
    with transaction.atomic():
        now = lock(task=found.task_id, assignment=found.pk)
        _refuse_answered(now)
        if now.state != Assignment.State.SKIPPED:
            found.state = Assignment.State.SKIPPED
            found.ended_at = timezone.now()
            found.skip_reason, found.skip_flag = reason, flag
            found.save(update_fields=["state", "ended_at", "skip_reason", "skip_flag"])
    return "skipped"


def _refuse_answered(now: Locked) -> None:
    if now.state == Assignment.State.ANSWERED:
        raise AlreadyAnswered(
            "The task is answered already.",
            expected="a task without an answer of yours",
            found="one with an answer",
            fix="Correct the answer instead.",
        )
