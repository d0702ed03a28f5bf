"""Principles: a message wakes a worker for an extraction that waits."""

import logging

from annotation.errors import HoneError
from config.celery import app
from workers.principles.extracting import extract
from workers.tasks.beside import replies_beside

log = logging.getLogger(__name__)


@app.task(name="workers.extract_principles")
@replies_beside()
def extract_principles(extraction_id: int) -> None:
    """Read a project's free texts for principles."""
    try:
        row = extract(extraction_id)
    except HoneError as error:
        # The row keeps it for people; here it is for the log.
        log.warning("Extraction %s did not run: %s", extraction_id, error)
    else:
        log.info("Extraction %s is %s: %s", extraction_id, row.state, row.counts)
