"""The only enqueuer: a task's name and ids, sent once the transaction has committed.

Rows are the truth. A message that is lost costs a few seconds, because beat looks
for rows that wait (`workers/tasks/upkeep.py`); a message that arrives twice finds
the row already claimed.
"""

import logging
from typing import Any, Literal

import redis
from django.db import transaction
from kombu.exceptions import KombuError
from kombu.pools import producers

from config.celery import app

Queue = Literal["default", "judge", "gpu"]
log = logging.getLogger(__name__)
# Somebody waits for the request that sends. A server that takes connections and says
# nothing would keep every thread of the web server.
PATIENCE = {"socket_connect_timeout": 2, "socket_timeout": 2, "max_retries": 0}


def enqueue(task: str, *ids: int | str, queue: Queue = "default") -> None:
    """Send `task(*ids)` to `queue` after the current transaction commits."""

    def send() -> None:
        try:
            with _producers().acquire(block=True, timeout=2) as producer:
                app.send_task(
                    task, args=ids, queue=queue, retry=False, producer=producer
                )
        except (KombuError, redis.RedisError, OSError) as error:
            log.warning(
                "Could not wake queue %s for %s%s: expected a Redis server, found %s. "
                "The row waits and beat will try again.",
                queue,
                task,
                ids,
                error,
            )

    transaction.on_commit(send)


def _producers() -> Any:
    """Return the pool of connections to the message server that give up soon."""
    connection = app.connection_for_write()
    options = {**connection.transport_options, **PATIENCE}
    return producers[connection.clone(transport_options=options)]
