"""Judges: a message wakes one for the tasks that wait for it."""

import logging
from uuid import UUID

from annotation.errors import HoneError
from annotation.models import Project
from config.celery import app
from workers.judges.asking import judge_tasks

log = logging.getLogger(__name__)


@app.task(name="workers.run_judge")
def run_judge(project_id: int, model_id: str) -> None:
    """Let a model answer the project's tasks that are routed to AI."""
    project = Project.objects.get(pk=project_id)
    try:
        judged = judge_tasks(project=project, model=UUID(model_id))
    except HoneError as error:
        log.warning("Judge %s did not answer in %s: %s", model_id, project, error)
    else:
        log.info("Judge %s in %s: %s", model_id, project, judged)
