"""A worker says every few seconds that it lives, and on which queues.

From a thread of the worker's main process: it goes on while a task runs for hours,
and it ends with the process however that dies.
"""

import contextlib
import logging
import mmap
import threading
from typing import Any

import redis
from celery import signals

from training.services import health

log = logging.getLogger(__name__)
# Shared with the pool's processes, which are forked from this one: a byte that says
# whether the worker was told to stop. Signals reach the main process alone.
_stopping = mmap.mmap(-1, 1)
_end = threading.Event()


def is_stopping() -> bool:
    """Return True once this worker was told to shut down."""
    return _stopping[0] != 0


@signals.worker_init.connect
def _begin(**_: Any) -> None:
    _stopping[0] = 0


@signals.worker_shutting_down.connect
def _shutting_down(**_: Any) -> None:
    _stopping[0] = 1


@signals.worker_ready.connect
def _ready(sender: Any, **_: Any) -> None:
    queues = list(sender.app.amqp.queues.consume_from)
    name = str(sender.hostname)
    _end.clear()
    thread = threading.Thread(
        target=_announce, args=(queues, name), name="presence", daemon=True
    )
    thread.start()


@signals.worker_shutdown.connect
def _gone(sender: Any, **_: Any) -> None:
    _end.set()
    queues = list(sender.app.amqp.queues.consume_from)
    with contextlib.suppress(redis.RedisError):
        health.depart(queues, str(sender.hostname))


def _announce(queues: list[str], worker: str) -> None:
    while True:
        try:
            health.announce(queues, worker)
        except redis.RedisError as error:
            log.warning("The message server does not answer: %s", error)
        if _end.wait(health.BEAT_SECONDS):
            return
