"""A reply on its way: claimed by one worker, told while it grows, whole or failed.

Rows are the truth. A message that comes twice finds nothing to claim; one that is lost
is made up for by `keep_up`, which also gives up on writers that have fallen silent.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.db.models import F, QuerySet
from django.db.models.functions import Now

from annotation.services.own_turns import Written, ask_about_turn
from config.dispatch import enqueue
from training.models import ModelVersion, Reply, Talk
from training.services import health
from training.services.talking import QUEUE, WRITE, chat_of, write_anew
from training.services.untrusted import clean_text

SETTLED = timedelta(seconds=5)
AT_ONCE = 20
BESIDE = 5
# Two models may say the same; drawn anew they hardly do.
DRAWN_AT_MOST = 3


@dataclass(frozen=True)
class Job:
    """A reply that this worker writes.

    Attributes:
        attempt: fences writers that were given up.
        models: those that its talk is with.
        messages: the chat to answer.
        sampling: temperature, top_p, max_new_tokens.
    """

    reply: int
    attempt: int
    model: ModelVersion
    models: frozenset[UUID]
    messages: list[dict[str, str]]
    sampling: Mapping[str, Any]
    seed: int


def claim(reply: int) -> Job | None:
    """Take a reply that waits; None if there is nothing to write any more."""
    claimed = Reply.objects.filter(pk=reply, state=Reply.State.QUEUED).update(
        state=Reply.State.RUNNING, attempt=F("attempt") + 1, text="", beat_at=Now()
    )
    if not claimed:
        return None
    found = Reply.objects.select_related("turn__talk", "model").get(pk=reply)
    return Job(
        reply=found.pk,
        attempt=found.attempt,
        model=found.model,
        models=frozenset(found.turn.talk.model_ids),
        messages=chat_of(found.turn),
        sampling=found.turn.talk.sampling,
        seed=found.seed,
    )


def claim_beside(job: Job) -> Job | None:
    """Take the reply that waits longest for one of the models that are at hand.

    Args:
        job: what is being written: its talk's models are loaded, others are not.
    """
    return _claim_first(Reply.objects.filter(model__in=job.models))


def claim_waiting() -> Job | None:
    """Take the reply that waits longest, whichever model is to write it."""
    return _claim_first(Reply.objects.all())


def _claim_first(wanted: QuerySet[Reply]) -> Job | None:
    waiting = wanted.filter(state=Reply.State.QUEUED).order_by("beat_at")
    # Others take them too: of a few, one is likely still there.
    for pk in list(waiting.values_list("pk", flat=True)[:BESIDE]):
        if (found := claim(pk)) is not None:
            return found
    return None


def grow(job: Job, text: str) -> bool:
    """Keep the text so far; False when nobody waits for it any more."""
    return bool(_mine(job).update(text=clean_text(text), beat_at=Now()))


def fail(job: Job, error: Mapping[str, Any]) -> None:
    """Keep why a reply could not be written: {message, expected, found, fix}."""
    _mine(job).update(state=Reply.State.FAILED, error=dict(error), text="")


def finish(job: Job, text: str, finish_reason: str) -> None:
    """Keep a whole reply; the turn's last one makes the turn a task.

    One that is blank has failed: there is nothing to read.
    """
    whole = clean_text(text).strip()
    if not whole:
        fail(job, BLANK)
        return
    with transaction.atomic():
        talk = Talk.objects.select_for_update(of=("self",)).get(
            turns__replies=job.reply
        )
        kept = _mine(job).update(
            state=Reply.State.DONE, text=whole, finish=finish_reason, beat_at=Now()
        )
        if kept and talk.kind == Talk.Kind.LIVE and talk.ended_at is None:
            _settle(talk, job)


BLANK = {
    "message": "The model wrote nothing.",
    "expected": "a text",
    "found": "white space alone",
    "fix": "Ask for it again: it is drawn anew.",
}
SILENT = {
    "message": "The worker that wrote it has fallen silent.",
    "expected": "a sign of life every few seconds",
    "found": "none",
    "fix": "Ask for it again.",
}


def _mine(job: Job) -> QuerySet[Reply]:
    return Reply.objects.filter(
        pk=job.reply, attempt=job.attempt, state=Reply.State.RUNNING
    )


def _settle(talk: Talk, job: Job) -> None:
    """Ask about the turn once its replies are whole; the talk's row is locked."""
    replies = list(
        Reply.objects.filter(turn__replies=job.reply)
        .select_related("model", "turn__talk")
        .order_by("place")
    )
    if any(reply.state != Reply.State.DONE for reply in replies):
        return
    turn = replies[0].turn
    if len({tuple(reply.text.split()) for reply in replies}) < len(replies):
        again = next(reply for reply in replies if reply.pk == job.reply)
        # Else there is nothing to compare: the talk goes on with what both say.
        if again.attempt < DRAWN_AT_MOST:
            write_anew(again)
        return
    turn.assignment, completions = ask_about_turn(
        project=talk.project,
        actor=talk.actor,
        messages=chat_of(turn),
        replies=[
            Written(
                text=reply.text,
                generator=reply.model.name,
                model_version=reply.model_id,
                sampling=talk.sampling
                | {"seed": reply.seed, "finish": reply.finish, "talk": str(talk.pk)},
            )
            for reply in replies
        ],
        key=f"turn {turn.pk}",
    )
    turn.save(update_fields=["assignment"])
    for reply, completion in zip(replies, completions, strict=True):
        Reply.objects.filter(pk=reply.pk).update(completion=completion)


def keep_up() -> None:
    """Wake the queue for replies that wait, and give up on silent writers."""
    under_way = Reply.objects.filter(state__in=Reply.OPEN_STATES)
    silent = timedelta(seconds=settings.LIVE_SILENT_SECONDS)
    under_way.filter(state=Reply.State.RUNNING, beat_at__lt=Now() - silent).update(
        state=Reply.State.FAILED, error=SILENT, text=""
    )
    messages = health.messages(QUEUE)
    if messages is None or messages >= AT_ONCE:
        return
    waiting = under_way.filter(
        state=Reply.State.QUEUED, beat_at__lt=Now() - SETTLED
    ).order_by("beat_at")
    for reply in waiting.values_list("pk", flat=True)[:AT_ONCE]:
        enqueue(WRITE, reply, queue=QUEUE)
