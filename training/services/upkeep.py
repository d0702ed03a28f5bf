"""What would be forgotten if messages were the truth: rows that wait are found again.

Called every few seconds, by several workers at once if need be.
"""

from datetime import timedelta

from django.db.models import Exists, OuterRef
from django.db.models.functions import Now

from annotation.models import Project
from annotation.services.importing.queued import wake_waiting_imports
from config.dispatch import Queue, enqueue
from training.models import Round, Snapshot
from training.services import curation_jobs, health, routing, runs

FREEZE, JUDGE = "workers.freeze_snapshot", "workers.run_judge"
# Younger rows have a message of their own under way.
SETTLED = timedelta(seconds=5)
AT_ONCE = 20


def keep_up() -> None:
    """Reap silent runs, wake the queues for waiting rows, and let rounds go on."""
    runs.reap_silent()
    if _has_room("gpu"):
        for run in runs.waiting().filter(created_at__lt=Now() - SETTLED)[:AT_ONCE]:
            runs.wake(run)
    if _has_room("default"):
        for snapshot_id in _unfrozen():
            enqueue(FREEZE, str(snapshot_id))
        wake_waiting_imports()
    if _has_room("judge"):
        for project_id, model_id in waiting_judges():
            enqueue(JUDGE, project_id, model_id, queue="judge")
        for name, plan_id in routing.waiting():
            enqueue(name, plan_id, queue="judge")
        for job_id in curation_jobs.waiting():
            enqueue(curation_jobs.RUN, job_id, queue="judge")
    for round_id in open_rounds():
        enqueue(runs.ADVANCE, round_id)


def open_rounds() -> list[int]:
    """Return the rounds that may go on."""
    over = [Round.State.DONE, Round.State.FAILED]
    rounds = Round.objects.exclude(state__in=over).filter(paused=False)
    return list(rounds.values_list("pk", flat=True))


def waiting_judges() -> list[tuple[int, str]]:
    """Return (project, judge) where a project's or a round's judge has tasks to answer.

    `Project.routing["judge"]` names the judge, or the model version, that answers what
    is routed to AI and not answered yet; `Task.scores["judge"]` the judge that a round
    has chosen for its queue.
    """
    mine = health.judge_work().filter(project=OuterRef("pk"))
    chosen = health.judge_work().filter(scores__has_key="judge").order_by()
    rounds = chosen.values_list("project", "scores__judge").distinct()
    projects = Project.objects.filter(Exists(mine), routing__has_key="judge")
    named = [
        (pk, str(routing["judge"]))
        for pk, routing in projects.values_list("pk", "routing")
    ]
    return list(dict.fromkeys([*named, *((pk, str(judge)) for pk, judge in rounds)]))


def _unfrozen() -> list[object]:
    """Return snapshots that wait, or whose worker may be gone: freezing them again
    does nothing while another process is at it."""
    states = [Snapshot.State.QUEUED, Snapshot.State.RUNNING]
    old = Snapshot.objects.filter(state__in=states, created_at__lt=Now() - SETTLED)
    return list(old.values_list("pk", flat=True)[:AT_ONCE])


def _has_room(queue: Queue) -> bool:
    """Return True if few messages wait, so that they do not pile up for hours."""
    count = health.messages(queue)
    return count is not None and count < AT_ONCE
