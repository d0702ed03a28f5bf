"""Replies to people who talk with a model: written at once, told while they grow."""

import logging
import threading
from concurrent.futures import FIRST_COMPLETED, ThreadPoolExecutor, wait
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import connections

from annotation.errors import HoneError
from config.celery import app
from training.engine.turns import Turns
from training.models import ModelVersion
from training.services import replies
from workers.judges.loading import load

log = logging.getLogger(__name__)
LONGEST_PROMPT = 4096  # tokens; what is before is left out
LOOK_SECONDS = 0.2  # how often others that wait are looked for
BROKEN = {
    "message": "Something broke while it was written.",
    "fix": "Ask for it again. If it happens again, the worker's log says why.",
}


class Models:
    """The models that answered last; two stay, since two answer each turn."""

    MOST = 2

    def __init__(self) -> None:
        self._kept: dict[UUID, Any] = {}
        self._lock = threading.Lock()

    def get(self, model: UUID) -> Any:
        """Return a model, loaded once however many threads ask for it."""
        with self._lock:
            found = self._kept.pop(model, None)
            if found is None:
                found = load(ModelVersion.objects.get(pk=model), "load_policy")
            self._kept[model] = found
            for oldest in list(self._kept)[: -self.MOST]:
                del self._kept[oldest]
            return found


models = Models()
turns = Turns()


@app.task(name="workers.write_reply")
def write_reply(reply: int) -> None:
    """Write a reply that waits for a writer, and beside it others that wait.

    Then whatever else is in the queue has its turn.
    """
    job = replies.claim(reply)
    if job is not None:
        write_together(job)


def write_together(job: replies.Job) -> None:
    """Write a claimed reply.

    As long as it is being written, those that come in and want the same models are
    taken too, LIVE_REPLIES_AT_ONCE together: each person sees their text grow.
    """
    most = settings.LIVE_REPLIES_AT_ONCE
    if most == 1:
        _write(job)
        return
    with ThreadPoolExecutor(most, thread_name_prefix="reply") as pool:
        own = pool.submit(_apart, job)
        writing, broken = {own}, []
        while writing:
            while own in writing and len(writing) < most:
                beside = replies.claim_beside(job)
                if beside is None:
                    break
                writing.add(pool.submit(_apart, beside))
            done, writing = wait(writing, LOOK_SECONDS, FIRST_COMPLETED)
            broken += [each for each in done if each.exception() is not None]
    for each in broken:
        each.result()


def _apart(job: replies.Job) -> None:
    """Write a reply in a thread of its own, which has its own connection."""
    try:
        _write(job)
    finally:
        connections.close_all()


def _write(job: replies.Job) -> None:
    try:
        write(job)
    except HoneError as error:
        log.warning("Reply %s was not written: %s", job.reply, error)
        replies.fail(
            job,
            {
                "message": error.message,
                "expected": error.expected,
                "found": error.found,
                "fix": error.fix,
            },
        )
    except Exception:
        log.exception("Reply %s broke.", job.reply)
        replies.fail(job, BROKEN)
        raise


def write(job: replies.Job) -> None:
    """Sample the reply and keep it; nothing is kept of one that nobody waits for."""
    model = models.get(job.model.pk)
    # Late, as in loading: only the process that writes pays for the libraries.
    from training.engine.sampling import Sampling
    from training.engine.streaming import Unwanted
    from training.engine.streaming import write as stream

    sampling = Sampling(
        temperature=float(job.sampling["temperature"]),
        top_p=float(job.sampling["top_p"]),
        max_new_tokens=int(job.sampling["max_new_tokens"]),
        max_prompt_tokens=LONGEST_PROMPT,
        batch_size=1,
        seed=job.seed,
    )
    try:
        written = stream(
            model,
            job.messages,
            sampling,
            lambda text: replies.grow(job, text),
            turns,
        )
    except Unwanted:
        log.info("Reply %s is not waited for any more.", job.reply)
        return
    replies.finish(job, written.text, written.finish_reason)
