"""Runs: a message wakes a worker, which takes the most deserving run that waits."""

import socket

from config.celery import app
from training.services import runs
from workers.presence import is_stopping
from workers.supervisor import Supervisor


@app.task(name="workers.execute_run")
def execute_run(run_id: str) -> None:
    """Claim a waiting run and see it to its end.

    The run that is named is a hint that something waits: one with a higher priority,
    or of a project that has waited longer, goes first, and its own message will find
    this one. A message that comes twice finds nothing to claim.
    """
    if is_stopping():
        return
    run = runs.claim_next(worker=execute_run.request.hostname or socket.gethostname())
    if run is not None:
        Supervisor(run, stop=is_stopping).supervise()
