"""Setting up judges, letting them go on, and what waits for them."""

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from django.db import transaction
from django.db.models import Count, Exists, OuterRef, Q, QuerySet

from annotation.errors import InvalidInput
from annotation.models import (
    Actor,
    Assignment,
    Judge,
    JudgeBatch,
    JudgeFailure,
    Project,
    Task,
)
from annotation.services.judge_settings import JudgeSettings, parse_settings
from annotation.services.judging import model_actor
from config.dispatch import enqueue

SOURCE = "judge"
TRIAL_TASKS = 3
# A task that failed so often is left alone until somebody starts the judge by hand.
FAILS_AT_MOST = 3
TRY, RUN = "workers.try_judge", "workers.run_judge_row"
TAG = "workers.tag_by_judge"


def judge_for_model(*, project: Project, model: UUID, name: str) -> Judge:
    """Return the judge by which a model of ours answers in a project, made once."""
    found = Judge.objects.filter(
        project=project, backend=Judge.Backend.MODEL, model_version=model
    ).first()
    if found is not None:
        return found
    named = f"{name[:80]} {str(model)[:8]}"
    return Judge.objects.create(
        project=project, backend=Judge.Backend.MODEL, model_version=model, name=named
    )


def check_judge(judge: Judge) -> JudgeSettings:
    """Hold a judge that is about to be saved against its backend's needs.

    Returns:
        its settings, read.

    Raises:
        InvalidInput: naming the fields that need mending.
    """
    settings = parse_settings(judge.settings)
    needed: dict[str, list[tuple[str, object]]] = {
        Judge.Backend.MODEL: [("model_version", judge.model_version)],
        Judge.Backend.ENDPOINT: [
            ("settings.url", settings.url),
            ("settings.model", settings.model),
        ],
        Judge.Backend.RECORDED: [("replays", judge.replays_id)],
        Judge.Backend.PANEL: [],
    }
    missing = [name for name, value in needed[judge.backend] if not value]
    if missing:
        raise InvalidInput(
            "The judge cannot be asked yet.",
            expected=" and ".join(missing),
            found="nothing there",
            fix="Fill in the fields named below.",
            fields=[
                {"path": name, "message": "is needed for this kind of judge"}
                for name in missing
            ],
        )
    return settings


def resume(judge: Judge) -> None:
    """Let a stopped judge go on; a changed model is thereby accepted as a new actor."""
    problem = judge.problem or {}
    if problem.get("name") == "model_changed":
        judge.fingerprint = str(problem["found"])
    judge.state, judge.problem = Judge.State.READY, None
    judge.save(update_fields=["state", "problem", "fingerprint"])
    judge.failures.all().delete()


def pause(judge: Judge) -> None:
    """Let a judge start no further batch until it is started again."""
    judge.state = Judge.State.STOPPED
    judge.problem = {
        "name": "paused",
        "message": "It was paused by hand.",
        "fix": "Start it again.",
    }
    judge.save(update_fields=["state", "problem"])


def start_trial(judge: Judge) -> JudgeBatch:
    """Ask a judge about a few tasks to look at; nothing is recorded as an answer."""
    batch = JudgeBatch.objects.create(judge=judge, kind=JudgeBatch.Kind.TRIAL)
    enqueue(TRY, batch.pk, queue="judge")
    return batch


def start_batch(judge: Judge) -> None:
    """Let a judge answer what waits for it."""
    if judge.state == Judge.State.STOPPED:
        resume(judge)
    enqueue(RUN, judge.pk, queue="judge")


def start_tags(judge: Judge) -> None:
    """Let a judge say of the project's prompts what kind of request they are."""
    if judge.state == Judge.State.STOPPED:
        resume(judge)
    enqueue(TAG, judge.pk, queue="judge")


def actors_of(judge: Judge) -> QuerySet[Actor]:
    """Return every actor that this judge has been; a changed model is another one."""
    return Actor.objects.filter(
        project=judge.project_id,
        source=SOURCE,
        kind=Actor.Kind.MODEL,
        external_id__startswith=f"{judge.pk}:",
    )


def actor_for(
    judge: Judge, identity: str, description: Mapping[str, Any], version: UUID | None
) -> Actor:
    """Return the actor of a judge as it is asked now, made once, and remember it."""
    external_id = f"{judge.pk}:{identity}"[:200]
    if judge.actor is None or judge.actor.external_id != external_id:
        judge.actor = model_actor(
            project=judge.project,
            source=SOURCE,
            external_id=external_id,
            name=judge.name,
            model_version=version,
            model={"judge": judge.pk, **description},
        )
        Judge.objects.filter(pk=judge.pk).update(actor=judge.actor)
    return judge.actor


def waiting_for(
    judge: Judge, *, round: int | None = None, patient: bool = False
) -> QuerySet[Task]:
    """Return open tasks routed to AI that a judge has not answered in full.

    Args:
        patient: leave out tasks that have failed several times already.
    """
    tasks = Task.objects.filter(
        project=judge.project_id,
        state=Task.State.OPEN,
        route__in=[Task.Route.AI, Task.Route.BOTH],
    )
    if patient:
        failed = JudgeFailure.objects.filter(judge=judge, times__gte=FAILS_AT_MOST)
        tasks = tasks.exclude(pk__in=failed.values("task"))
    if round is not None:
        tasks = tasks.filter(round=round)
    return unanswered(judge, tasks)


def unanswered(judge: Judge, tasks: QuerySet[Task]) -> QuerySet[Task]:
    """Leave out tasks that a judge has answered in both orders, or in the only one."""
    met = Assignment.objects.filter(task=OuterRef("pk"), actor__in=actors_of(judge))
    size = Count("slots")
    return tasks.annotate(size=size).exclude(
        Exists(met.filter(presentation=1))
        | Q(size=1) & Exists(met.filter(presentation=0))
    )


def escalate(tasks: Sequence[int], reason: str) -> int:
    """Route tasks to people besides, if nobody has answered them yet."""
    with transaction.atomic():
        found = Task.objects.filter(pk__in=tasks, route=Task.Route.AI)
        return found.update(route=Task.Route.BOTH, reason=reason[:200])
