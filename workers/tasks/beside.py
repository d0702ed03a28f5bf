"""Replies that are written beside a long job, so that nobody who talks waits for it.

A process of the queue `judge` takes one message at a time, and a batch of a judge, a
plan or a curation job may hold it for hours. A person waits for a reply, so a thread
writes what waits meanwhile. The claim of a reply's row decides who writes it: its
message, taken later or by another process, finds nothing to do any more.
"""

import logging
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from django.db import connections

from training.services import replies
from workers.tasks.talking import write_together

log = logging.getLogger(__name__)
# A process that is free takes a reply's message before it is looked for.
LOOK_SECONDS = 0.5


@contextmanager
def replies_beside() -> Iterator[None]:
    """Write replies that wait for as long as this lasts; a reply begun is ended."""
    over = threading.Event()
    thread = threading.Thread(target=_serve, args=(over,), name="replies beside")
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def _serve(over: threading.Event) -> None:
    try:
        while not over.wait(LOOK_SECONDS):
            try:
                if (job := replies.claim_waiting()) is not None:
                    write_together(job)
            except Exception:
                # The job beside it goes on, and so do other replies.
                log.exception("A reply beside a job broke.")
                connections.close_all()
    finally:
        connections.close_all()
