"""Named reads of the record."""

from collections.abc import Iterable

from django.db.models import Prefetch, Q, QuerySet

from annotation.models import Assignment, Feedback, Task, TaskCompletion

NEWEST = Q(superseded_by=None)


def own_history(*, actor: int, project: int, limit: int) -> QuerySet[Assignment]:
    """Return a person's own answered assignments, newest first, with all they show.

    Each comes with `task`, its `prompt`, `protocol` and slots, and with `answers`:
    the newest feedback of its chain of corrections, which is the one that stands.
    """
    answers = Feedback.objects.filter(NEWEST)
    slots = TaskCompletion.objects.select_related("completion").order_by("position")
    return (
        Assignment.objects.filter(
            actor=actor, project=project, state=Assignment.State.ANSWERED
        )
        .select_related("task__prompt", "task__protocol")
        .prefetch_related(
            Prefetch("feedback", queryset=answers, to_attr="answers"),
            Prefetch("task__slots", queryset=slots, to_attr="ordered_slots"),
        )
        .order_by("-ended_at", "-id")[:limit]
    )


def feedback_on_task(task: Task) -> Iterable[Feedback]:
    """Return all feedback on a task, corrections and late answers included."""
    return (
        Feedback.objects.filter(assignment__task=task)
        .select_related("actor", "assignment")
        .order_by("created_at", "id")
    )
