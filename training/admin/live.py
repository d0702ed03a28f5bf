"""What the run page shows, as JSON for its script: state, progress, points, log."""

from datetime import datetime
from typing import Any

from django.utils.timezone import now

from training.admin.curves import metric_rows
from training.models import RunEvent, TrainingRun

TOLD = ("started", "checkpoint", "finished", "failed")


def picture(run: TrainingRun, *, after: int = 0) -> dict[str, Any]:
    """Return a run as it stands, with the points and events after an event's id."""
    last = RunEvent.objects.filter(run=run).order_by("-pk").first()
    return {
        "state": run.state,
        "state_label": run.get_state_display(),
        "final": run.state in TrainingRun.FINAL_STATES,
        "cancelling": run.cancel_requested and run.state == "running",
        "step": run.step,
        "total_steps": run.total_steps,
        "percent": percent(run),
        "said": said(run, last),
        "attempt": run.attempt,
        "worker": run.worker,
        "heartbeat_seconds": since(run.heartbeat_at),
        "metrics": run.metrics,
        "log": run.log_tail,
        "error": run.error,
        "points": metric_rows([run.pk], after),
        "events": [
            {
                "at": event.at.isoformat(),
                "kind": event.kind,
                "step": event.step,
                "attempt": event.attempt,
            }
            for event in RunEvent.objects.filter(
                run=run, kind__in=TOLD, pk__gt=after
            ).order_by("pk")
        ],
        "last": max(after, last.pk) if last else after,
    }


def percent(run: TrainingRun) -> float | None:
    """Return how far a run is, 0 to 100, where its length is known."""
    if run.state == TrainingRun.State.SUCCEEDED:
        return 100.0
    if not run.total_steps:
        return None
    return min(100.0, 100 * run.step / run.total_steps)


def since(moment: datetime | None) -> float | None:
    return None if moment is None else max(0.0, (now() - moment).total_seconds())


def said(run: TrainingRun, last: RunEvent | None) -> str:
    """Return one sentence on where a run is and what comes next."""
    state = TrainingRun.State
    if run.state == state.QUEUED:
        again = " again, after an attempt that ended early" if run.attempt else ""
        return f"Waits{again} for a worker of the gpu queue."
    if run.state == state.PREEMPTED:
        return "Stopped to make room; continues from its last checkpoint."
    if run.state == state.RUNNING:
        if run.cancel_requested:
            return "Cancelling: the worker is ending the process."
        return _running(run, last)
    if run.state == state.SUCCEEDED:
        return "Finished. What it made is linked below."
    if run.state == state.CANCELLED:
        return "Cancelled. A retry continues from its last checkpoint."
    if run.state == state.FAILED:
        return "Failed. What to do is said below; a retry continues where it stopped."
    return "Not launched yet."


def _running(run: TrainingRun, last: RunEvent | None) -> str:
    progress = (last.payload.get("progress") or {}) if last else {}
    if not isinstance(progress, dict) or not progress.get("total"):
        if not run.total_steps:
            return "Loading its model and data."
        return f"Step {run.step:,} of {run.total_steps:,}."
    unit = progress.get("unit") or "steps"
    words = f"{int(progress.get('done') or 0):,} of {int(progress['total']):,} {unit}"
    left = progress.get("remaining_seconds")
    if isinstance(left, int | float):
        words += f", about {_minutes(left)} left"
    return words + "."


def _minutes(seconds: float) -> str:
    if seconds < 90:
        return f"{max(1, round(seconds))} seconds"
    return f"{round(seconds / 60)} minutes"
