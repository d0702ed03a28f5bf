"""A judge at work: tasks that wait for it, asked in both orders, answers kept.

Every task ends as an answer, an abstention with its words, or a failure with a name.
A batch that is killed goes on where it was: replies are stored as they come, and equal
calls are not paid for again.
"""

from collections.abc import Callable, Sequence
from decimal import Decimal
from typing import Any

from django.utils import timezone

from annotation.errors import Conflict, HoneError
from annotation.judgments import dump_judgments
from annotation.models import Judge, JudgeBatch, Task
from annotation.services.judge_opinions import Opinion, opinions_of
from annotation.services.judge_settings import settings_of
from annotation.services.judges import (
    TRIAL_TASKS,
    resume,
    unanswered,
    waiting_for,
)
from workers.judges.base import Backend, Failure, Presented, Said
from workers.judges.keeping import Judged, Writer
from workers.judges.ledger import Ledger, locked
from workers.judges.presenting import presented
from workers.judges.registry import backend_of


def judge_tasks(
    *,
    judge: Judge,
    tasks: Sequence[int] | None = None,
    limit: int | None = None,
    patient: bool = False,
    progress: Callable[[int], object] = lambda count: None,
) -> Judged:
    """Let a judge answer what waits for it, or some tasks, whatever their route.

    Args:
        patient: leave alone what has failed several times already.

    Raises:
        Conflict: when the judge is stopped, or at work in another process.
        InvalidInput: when it cannot be asked as it is set up.
    """
    with locked(judge):
        judge.refresh_from_db()
        judged = _batch(judge, tasks, limit, patient, progress)
        goes_on = settings_of(judge).on_change == "new_actor"
        if judged.stopped == "model_changed" and goes_on:
            judge.refresh_from_db()
            resume(judge)
            judged = _batch(judge, tasks, limit, patient, progress, judged)
        return judged


def _batch(
    judge: Judge,
    tasks: Sequence[int] | None,
    limit: int | None,
    patient: bool,
    progress: Callable[[int], object],
    before: Judged | None = None,
) -> Judged:
    """Work through a batch; what a batch cut short by a new model did counts in."""
    must_be_ready(judge)
    if tasks is None:
        found = waiting_for(judge, patient=patient).order_by("-priority", "pk")
    else:
        found = unanswered(judge, Task.objects.filter(pk__in=tasks)).order_by("pk")
    wanted = list(found.values_list("pk", flat=True)[:limit])
    if not wanted:
        return before or Judged()
    ledger = Ledger(judge)
    backend = backend_of(judge, ledger)
    batch = JudgeBatch.objects.create(judge=judge, state="running")
    writer = Writer(judge, backend, len(wanted))
    try:
        _work(backend, wanted, writer, progress)
    except HoneError as error:
        stop = Failure(
            "refused",
            error.message,
            error.expected or "",
            error.found or "",
            error.fix or "",
        )
        close(batch, writer.judged, ledger, stop)
        raise
    close(batch, writer.judged, ledger, writer.stop)
    return writer.judged if before is None else before.and_then(writer.judged)


def ask(judge: Judge, tasks: Sequence[int]) -> dict[int, Opinion]:
    """Ask a judge about pairs, if it has not been, and return its opinions by task.

    Raises:
        Conflict, InvalidInput: as `judge_tasks`.
    """
    judge_tasks(judge=judge, tasks=tasks)
    judge.refresh_from_db()
    return opinions_of(judge, tasks)


def try_out(batch: JudgeBatch) -> None:
    """Ask a judge about a few tasks and keep what it said in the batch alone."""
    judge = batch.judge
    with locked(judge):
        must_be_ready(judge)
        batch.state = JudgeBatch.State.RUNNING
        batch.save(update_fields=["state"])
        newest = Task.objects.filter(project=judge.project_id).order_by("-pk")
        tasks = list(newest.values_list("pk", flat=True)[:TRIAL_TASKS])
        ledger = Ledger(judge)
        stop: Failure | None = None
        shown: list[dict[str, Any]] = []
        for item, said in backend_of(judge, ledger).answer(presented(tasks)):
            shown.append(_shown(item, said))
            stop = stop or (said.failure if said.failure else None)
    batch.report = sorted(shown, key=lambda each: (each["task"], each["presentation"]))
    batch.state = JudgeBatch.State.DONE
    batch.error = stop.as_json() if stop else None
    batch.counts = {"calls": ledger.calls, "cost": str(ledger.cost)}
    batch.ended_at = timezone.now()
    batch.save()


def _work(
    backend: Backend,
    tasks: Sequence[int],
    writer: Writer,
    progress: Callable[[int], object],
) -> None:
    try:
        for item, said in backend.answer(presented(tasks)):
            progress(writer.take(item, said))
    finally:
        writer.flush()


def close(
    batch: JudgeBatch, judged: Judged, ledger: Ledger, stop: Failure | None
) -> None:
    """Write how a batch ended; one that was stopped stops the judge as well."""
    judged.calls, judged.cached, judged.cost = ledger.calls, ledger.cached, ledger.cost
    judged.stopped = stop.name if stop else ""
    batch.counts = {
        name: str(value) if isinstance(value, Decimal) else value
        for name, value in vars(judged).items()
    }
    batch.state = JudgeBatch.State.STOPPED if stop else JudgeBatch.State.DONE
    batch.error = stop.as_json() if stop else None
    batch.ended_at = timezone.now()
    batch.save()
    if stop is not None:
        Judge.objects.filter(pk=batch.judge_id).update(
            state=Judge.State.STOPPED, problem=stop.as_json()
        )


def must_be_ready(judge: Judge) -> None:
    """Refuse a judge that was stopped.

    Raises:
        Conflict: with what it was stopped for.
    """
    if judge.state == Judge.State.READY:
        return
    problem = judge.problem or {}
    raise Conflict(
        f"The judge {judge} is stopped: {problem.get('message', '')}",
        expected=problem.get("expected"),
        found=problem.get("found"),
        fix=f"{problem.get('fix', '')} Then start it again from its page, or with "
        "manage.py judge --again.",
    )


def _shown(item: Presented, said: Said) -> dict[str, Any]:
    return {
        "task": item.task,
        "presentation": item.presentation,
        "order": list(item.order),
        "judgments": dump_judgments(list(said.judgments)),
        "raw_text": said.raw_text[:5000],
        "failure": said.failure.as_json() if said.failure else None,
        "milliseconds": said.cost.milliseconds,
    }
