"""Extractions wait as rows; a worker of the queue `judge` reads the texts.

The row in the state `running` is the truth. A message only wakes a worker, one that
comes twice finds the lock taken or the row done, and nothing is written before the
end: a worker that dies leaves a row that beat wakes another for.
"""

from datetime import timedelta
from typing import Any

from django.contrib.auth.models import AbstractBaseUser
from django.db import transaction
from django.utils import timezone

from annotation.errors import Conflict, InvalidInput, NotFound
from annotation.models import Extraction, Judge, Project
from annotation.services.principles.settings import read_settings
from config.dispatch import enqueue

TASK = "workers.extract_principles"
LOCK_SPACE = 7104  # the first half of the advisory lock's key: extractions


@transaction.atomic
def begin(
    *,
    project: Project,
    settings: Any = None,
    judge: Judge | None = None,
    user: AbstractBaseUser | None = None,
    later: bool = True,
) -> Extraction:
    """Queue a reading of a project's texts; return its row.

    Args:
        settings: JSON values of ExtractionSettings.
        judge: who reads, one that answers in words; None: the reader by rules.
        later: wake a worker; otherwise the caller reads.

    Raises:
        InvalidInput: for settings that do not fit, or a judge that cannot read.
        Conflict: while another extraction of the project waits or runs.
    """
    chosen = read_settings(settings or {})
    if judge is not None:
        _can_read(project, judge)
    # Two people may ask at once: the project's row is the lock.
    Project.objects.select_for_update().get(pk=project.pk)
    if project.extractions.filter(state=Extraction.State.RUNNING).exists():
        raise Conflict(
            "The project's texts are being read already.",
            expected="no extraction that waits or runs",
            found="one",
            fix="Wait until it is done.",
        )
    row = Extraction.objects.create(
        project=project,
        judge=judge,
        thresholds=chosen.model_dump(mode="json"),
        created_by_id=user.pk if user else None,
    )
    if later:
        enqueue(TASK, row.pk, queue="judge")
    return row


def _can_read(project: Project, judge: Judge) -> None:
    ours = judge.project_id == project.pk
    if not ours or judge.backend not in (Judge.Backend.MODEL, Judge.Backend.ENDPOINT):
        raise InvalidInput(
            "This judge cannot read principles out of texts.",
            expected="a judge of the project that asks a model or an endpoint",
            found=f"{judge.name}, {judge.get_backend_display()}" if ours else "none",
            fix="Choose another judge, or none for the reader by rules.",
            fields=[{"path": "judge", "message": "cannot read texts", "value": None}],
        )


def judge_named(project: Project, name: str) -> Judge:
    """Return a judge of a project.

    Raises:
        NotFound: when it has none of that name.
    """
    found = project.judges.filter(name=name).first()
    if found is None:
        names = ", ".join(project.judges.values_list("name", flat=True))
        raise NotFound(
            "The project has no such judge.",
            expected=names or "a judge; set one up in the panel",
            found=repr(name[:100]),
            fix="Name one of them, or leave it out: rules read then.",
        )
    return found


def wake_waiting_extractions(*, older_than_seconds: int = 60) -> int:
    """Send a message for each extraction that waits; return how many."""
    before = timezone.now() - timedelta(seconds=older_than_seconds)
    waiting = Extraction.objects.filter(
        state=Extraction.State.RUNNING, created_at__lt=before
    )
    for row in waiting:
        enqueue(TASK, row.pk, queue="judge")
    return len(waiting)
