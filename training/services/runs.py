"""A run's life: claimed, kept alive, ended, taken back. The row is the truth.

Every change is an UPDATE filtered on what must hold; zero rows means that somebody
else was first. What a worker writes is also filtered on its attempt number, so a
worker that was given up for dead can no longer change anything (docs/adr/0004).

    draft -> queued -> running -> succeeded | failed | cancelled
               ^  ^-------|  crash, silence        ^ (asked for before it started)
               |- preempted (its worker was told to stop, or it gave way)
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal
from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.db.models import (
    Case,
    Count,
    Exists,
    F,
    OuterRef,
    Q,
    QuerySet,
    Subquery,
    Value,
    When,
)
from django.db.models.functions import Coalesce, Now

from annotation.errors import Conflict, HoneError
from config.dispatch import enqueue
from training.models import RunEvent, TrainingRun

EXECUTE, ADVANCE = "workers.execute_run", "workers.advance_round"
State = TrainingRun.State
EndState = Literal["succeeded", "failed", "cancelled", "preempted"]
BACKGROUND = -1  # the priority of runs that nobody waits for
GIVE_WAY_SECONDS = 5.0


@dataclass(frozen=True)
class EngineEvent:
    """One line of events.jsonl."""

    seq: int
    kind: str
    at: datetime
    step: int | None
    payload: dict[str, Any]


@dataclass(frozen=True)
class Pulse:
    """What a heartbeat brings back: the run is still this attempt's.

    Attributes:
        give_way: it is a background run, and one that people wait for has found no
            other worker: it should save what it has and let that one go first.
    """

    cancel_requested: bool
    give_way: bool = False


def as_dict(error: HoneError) -> dict[str, Any]:
    """Return a domain error as rows keep it."""
    return {
        "error": error.code,
        "message": error.message,
        "expected": error.expected,
        "found": error.found,
        "fix": error.fix,
    }


def wake(run: TrainingRun) -> None:
    """Tell the `gpu` queue, after commit, that a run waits."""
    enqueue(EXECUTE, str(run.pk), queue="gpu")


def waiting() -> QuerySet[TrainingRun]:
    """Return the runs a worker may take, the most deserving first.

    Higher priority first; then the project with the fewest runs under way, so that
    one project's long list does not keep the others out; then the oldest.
    """
    busy = (
        TrainingRun.objects.filter(project=OuterRef("project"), state=State.RUNNING)
        .values("project")
        .annotate(count=Count("pk"))
        .values("count")
    )
    return TrainingRun.objects.filter(state__in=TrainingRun.WAITING_STATES).order_by(
        "-priority", Coalesce(Subquery(busy), 0), "created_at"
    )


def claim(run_id: UUID | str, *, worker: str) -> TrainingRun | None:
    """Take a waiting run under a new attempt number, or return None.

    The update holds the row's lock until the number has been read back, so no reaper
    and no second worker comes between.
    """
    with transaction.atomic():
        claimed = TrainingRun.objects.filter(
            pk=run_id, state__in=TrainingRun.WAITING_STATES
        ).update(
            state=State.RUNNING,
            attempt=F("attempt") + 1,
            worker=worker[:200],
            heartbeat_at=Now(),
            started_at=Coalesce(F("started_at"), Now()),
            finished_at=None,
            cancel_requested=False,
            error=None,
        )
        return _with_inputs().get(pk=run_id) if claimed else None


def claim_next(*, worker: str) -> TrainingRun | None:
    """Take the most deserving run that waits, or return None if none does."""
    for run_id in waiting().values_list("pk", flat=True)[:20]:
        if (run := claim(run_id, worker=worker)) is not None:
            return run
    return None


def _with_inputs() -> QuerySet[TrainingRun]:
    return TrainingRun.objects.select_related(
        "project", "snapshot", "model", "reference"
    )


def _mine(run: TrainingRun) -> QuerySet[TrainingRun]:
    """Return the row while this attempt still owns it."""
    return TrainingRun.objects.filter(
        pk=run.pk, attempt=run.attempt, state=State.RUNNING
    )


def heartbeat(run: TrainingRun, **progress: Any) -> Pulse | None:
    """Say that this attempt lives; None means that it has lost the run.

    Args:
        progress: step, total_steps, metrics, log_tail or environment, where changed.
    """
    with transaction.atomic():
        if not _mine(run).update(heartbeat_at=Now(), **progress):
            return None
        return _pulse(TrainingRun.objects.filter(pk=run.pk))


def look(run: TrainingRun) -> Pulse | None:
    """Ask, without a heartbeat's write, whether the run is still this attempt's."""
    return _pulse(_mine(run))


def _pulse(row: QuerySet[TrainingRun]) -> Pulse | None:
    waiting_for_us = TrainingRun.objects.filter(
        state__in=TrainingRun.WAITING_STATES,
        priority__gte=0,
        # A worker that is free would have taken it by now.
        created_at__lt=Now() - timedelta(seconds=GIVE_WAY_SECONDS),
    )
    give_way = Case(
        When(priority__lt=0, then=Exists(waiting_for_us)), default=Value(False)
    )
    found = row.values_list("cancel_requested", give_way).first()
    return None if found is None else Pulse(*found)


def record_events(run: TrainingRun, events: Sequence[EngineEvent]) -> None:
    """Keep the engine's events; a repeated one is already there."""
    RunEvent.objects.bulk_create(
        [
            RunEvent(
                run_id=run.pk,
                attempt=run.attempt,
                seq=event.seq,
                kind=event.kind[:20],
                step=event.step,
                payload=event.payload,
                at=event.at,
            )
            for event in events
        ],
        batch_size=500,
        ignore_conflicts=True,
    )


def end(
    run: TrainingRun,
    state: EndState,
    *,
    error: Mapping[str, Any] | None = None,
    **facts: Any,
) -> bool:
    """Close this attempt; return False if it no longer owned the run.

    Rounds that wait for the run are woken after commit.
    """
    changes: dict[str, Any] = {"state": state, "error": error, **facts}
    if state == "preempted":
        # Told to stop, or gave way: this attempt is nobody's failure.
        changes |= {"retried_from": F("retried_from") + 1}
    else:
        changes |= {"finished_at": Now()}
    with transaction.atomic():
        if not _mine(run).update(heartbeat_at=Now(), **changes):
            return False
        if state == "preempted":
            wake(run)
        else:
            _tell_rounds(run.pk)
    return True


def crashed(run: TrainingRun, error: Mapping[str, Any], **facts: Any) -> bool:
    """Queue a crashed attempt's run again, or fail it once it has crashed too often.

    A run that was to be cancelled is cancelled instead.
    """
    if _mine(run).filter(cancel_requested=True).exists():
        return end(run, "cancelled", **facts)
    if run.attempt - run.retried_from >= settings.RUN_MAX_ATTEMPTS:
        return end(run, "failed", error=_too_often(run, error), **facts)
    with transaction.atomic():
        if not _mine(run).update(state=State.QUEUED, error=error, **facts):
            return False
        wake(run)
    return True


def _too_often(run: TrainingRun, error: Mapping[str, Any]) -> dict[str, Any]:
    tries = run.attempt - run.retried_from
    again = f"It was tried {tries} times. Once it is mended, press retry."
    return {**error, "fix": f"{error.get('fix') or ''} {again}".strip()}


def _tell_rounds(run_id: UUID) -> None:
    rounds = TrainingRun.objects.filter(pk=run_id, rounds__isnull=False)
    for round_id in rounds.values_list("rounds", flat=True):
        enqueue(ADVANCE, int(round_id))


def request_cancel(run: TrainingRun) -> TrainingRun:
    """End a run: at once if it waits, through its worker if it runs.

    Repeating it changes nothing; a run that has ended stays as it is.
    """
    with transaction.atomic():
        stopped = TrainingRun.objects.filter(
            pk=run.pk, state__in=[State.DRAFT, *TrainingRun.WAITING_STATES]
        ).update(state=State.CANCELLED, finished_at=Now(), cancel_requested=True)
        if stopped:
            _tell_rounds(run.pk)
        else:
            TrainingRun.objects.filter(pk=run.pk, state=State.RUNNING).update(
                cancel_requested=True
            )
    run.refresh_from_db()
    return run


def retry(run: TrainingRun) -> TrainingRun:
    """Queue a failed or cancelled run again; it continues from its checkpoints.

    Raises:
        Conflict: when the run has not ended, or ended well.
    """
    with transaction.atomic():
        again = TrainingRun.objects.filter(
            pk=run.pk, state__in=[State.FAILED, State.CANCELLED]
        ).update(
            state=State.QUEUED,
            retried_from=F("attempt"),
            cancel_requested=False,
            finished_at=None,
        )
        if again:
            wake(run)
    run.refresh_from_db()
    if not again:
        raise Conflict(
            "This run cannot be tried again.",
            expected="a run that failed or was cancelled",
            found=f"a run that is {run.get_state_display()}",
            fix="Launch a new run with the same settings instead.",
        )
    return run


def reap_silent() -> list[UUID]:
    """Take back the runs whose workers have gone silent; return their ids.

    The next attempt's number fences the old worker, should it wake up after all.
    """
    silent = Q(heartbeat_at__lt=Now() - timedelta(seconds=settings.RUN_SILENT_SECONDS))
    reaped = []
    for run in TrainingRun.objects.filter(silent, state=State.RUNNING):
        error = {
            "error": "worker_lost",
            "message": "The run's worker went silent.",
            "expected": f"a heartbeat every {settings.RUN_HEARTBEAT_SECONDS} s",
            "found": f"none from {run.worker or 'its worker'} for "
            f"{settings.RUN_SILENT_SECONDS} s",
            "fix": "Look whether the worker's machine is up and has memory left.",
        }
        with transaction.atomic():
            # Locked and looked at again: a heartbeat may just have come.
            if not _mine(run).filter(silent).select_for_update().exists():
                continue
            crashed(run, error)
        reaped.append(run.pk)
    return reaped
