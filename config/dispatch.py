"""The only enqueuer: a task's name and ids, sent once the transaction has committed.

Rows are the truth. A message that is lost costs a few seconds, because beat looks
for rows that wait (`workers/tasks/upkeep.py`); a message that arrives twice finds
the row already claimed.
"""

import logging
from typing import Literal

from django.db import transaction
from kombu.exceptions import OperationalError

from config.celery import app

Queue = Literal["default", "judge", "gpu"]
log = logging.getLogger(__name__)


def enqueue(task: str, *ids: int | str, queue: Queue = "default") -> None:
    """Send `task(*ids)` to `queue` after the current transaction commits."""

    def send() -> None:
        try:
            app.send_task(task, args=ids, queue=queue, retry=False)
        except (OperationalError, OSError) as error:
            log.warning(
                "Could not wake queue %s for %s%s: expected a Redis server, found %s. "
                "The row waits and beat will try again.",
                queue,
                task,
                ids,
                error,
            )

    transaction.on_commit(send)
