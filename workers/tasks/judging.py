"""Judges: a message wakes one for the tasks that wait for it."""

import logging
from uuid import UUID

from django.utils import timezone

from annotation.errors import HoneError, NotFound
from annotation.models import Judge, JudgeBatch, Project
from annotation.services.judges import judge_for_model
from config.celery import app
from workers.judges.asking import judge_tasks, try_out
from workers.judges.registry import version_of
from workers.tasks.beside import replies_beside

log = logging.getLogger(__name__)


@app.task(name="workers.run_judge")
@replies_beside()
def run_judge(project_id: int, named: str) -> None:
    """Let a project's own judge answer: a judge's number, or a model's id."""
    project = Project.objects.get(pk=project_id)
    try:
        judge = named_judge(project, named)
        # Its page says why it stopped; beat asks every few seconds.
        if judge.state == Judge.State.READY:
            _run(judge)
    except HoneError as error:
        log.warning("Judge %s did not answer in %s: %s", named, project, error)


@app.task(name="workers.run_judge_row")
@replies_beside()
def run_judge_row(judge_id: int) -> None:
    """Let a judge answer what waits for it."""
    judge = Judge.objects.get(pk=judge_id)
    try:
        _run(judge)
    except HoneError as error:
        log.warning("Judge %s did not answer: %s", judge, error)


@app.task(name="workers.tag_by_judge")
@replies_beside()
def tag_by_judge(judge_id: int) -> None:
    """Let a judge tag the prompts of its project's pairs, for routing."""
    # Late: only the process that tags pays for the libraries.
    from workers.routing.tagging import tag_tasks

    judge = Judge.objects.get(pk=judge_id)
    try:
        log.info("Judge %s tagged: %s", judge, tag_tasks(judge=judge))
    except HoneError as error:
        log.warning("Judge %s did not tag: %s", judge, error)


@app.task(name="workers.try_judge")
@replies_beside()
def try_judge(batch_id: int) -> None:
    """Ask a judge about a few tasks, to look at."""
    batch = JudgeBatch.objects.select_related("judge__project").get(pk=batch_id)
    if batch.state != JudgeBatch.State.QUEUED:
        return  # the message came twice
    try:
        try_out(batch)
    except HoneError as error:
        batch.state = JudgeBatch.State.STOPPED
        batch.ended_at = timezone.now()
        batch.error = {
            "message": error.message,
            "expected": error.expected,
            "found": error.found,
            "fix": error.fix,
        }
        batch.save()


def named_judge(project: Project, named: str) -> Judge:
    """Return the judge that a project's routing names.

    Raises:
        NotFound, InvalidInput: if there is none, or the model cannot judge.
    """
    if named.isdigit():
        found = Judge.objects.filter(project=project, pk=int(named)).first()
        if found is None:
            raise NotFound(
                "The project's routing names a judge that it does not have.",
                expected="a judge of the project",
                found=named,
                fix="Set the project's routing to one of its judges.",
            )
        return found
    version = version_of(UUID(named))
    return judge_for_model(project=project, model=version.pk, name=version.name)


def _run(judge: Judge) -> None:
    judged = judge_tasks(judge=judge, patient=True)
    if judged.tasks:
        log.info("Judge %s: %s", judge, judged)
