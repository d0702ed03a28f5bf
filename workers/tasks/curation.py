"""Curation: a message wakes a worker, which claims the job by its state."""

from config.celery import app
from workers.tasks.beside import replies_beside


@app.task(name="workers.run_curation")
@replies_beside()
def run_curation(job_id: int) -> None:
    """Do a curation job; the libraries are paid for by the process that does."""
    from workers.curation import jobs

    jobs.run(job_id)
