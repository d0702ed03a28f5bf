"""A person talks with one or two models, turn by turn.

Each change locks the talk's row first. A turn's replies are written by workers
(`workers/tasks/talking.py`, through `replies.py`); the next turn waits until the
replies are whole and, in a talk of an annotator, compared.
"""

import secrets
from collections.abc import Sequence
from datetime import timedelta
from uuid import UUID

from django.conf import settings
from django.contrib.auth.models import AbstractBaseUser
from django.db import transaction
from django.utils import timezone

from annotation.errors import (
    Conflict,
    InvalidInput,
    NotAllowed,
    TooManyAttempts,
)
from annotation.models import Actor, Project
from annotation.permissions import Capability, require
from annotation.services import own_turns
from annotation.services.orders import presented_order
from annotation.services.people import actor_of
from config.dispatch import Queue, enqueue
from training.models import ModelVersion, Reply, Talk, Turn
from training.services.live_models import by_ids, live_models, sampling_of
from training.services.untrusted import clean_text

WRITE = "workers.write_reply"
# Where models stay loaded; the other queue for models is held by runs for hours.
QUEUE: Queue = "judge"
WINDOW_SECONDS = 60
RETRY_SECONDS = 5


@transaction.atomic
def open_talk(*, user: AbstractBaseUser, project: Project, fresh: bool = False) -> Talk:
    """Return the annotator's talk that is under way in a project, or begin one.

    Args:
        fresh: end the one under way and begin another.

    Raises:
        Conflict: when no model answers here, or the project is paused.
    """
    _refuse_paused(project)
    # Two tabs that begin at once: the second finds what the first has made.
    actor = _one_at_a_time(user)
    found = Talk.objects.filter(
        project=project, actor=actor, kind=Talk.Kind.LIVE, ended_at=None
    ).first()
    if found is not None and not fresh:
        return found
    models = live_models(project)
    if found is not None:
        _end(found)
    return _begin(project, actor, Talk.Kind.LIVE, models)


@transaction.atomic
def open_trial(
    *, user: AbstractBaseUser, project: Project, models: Sequence[UUID]
) -> Talk:
    """Begin trying one or two models out: nothing of it goes into the record.

    Raises:
        InvalidInput: for models that may not write in the project.
    """
    found = by_ids(project, models)
    return _begin(project, actor_of(user), Talk.Kind.TRIAL, found)


def _refuse_paused(project: Project) -> None:
    if project.state == Project.State.PAUSED:
        raise Conflict(
            "This project is paused.",
            expected="a project that is open",
            found="one that its researchers have stopped for now",
            fix="Come back later; nothing is lost.",
        )


def _one_at_a_time(user: AbstractBaseUser) -> Actor:
    """Return a person's actor, locked: their other tabs and programs wait.

    Always before a talk of theirs is. Rows that name the actor may be added meanwhile.
    """
    actor = actor_of(user)
    return Actor.objects.select_for_update(no_key=True).get(pk=actor.pk)


def _begin(
    project: Project, actor: Actor, kind: str, models: Sequence[ModelVersion]
) -> Talk:
    return Talk.objects.create(
        project=project,
        actor=actor,
        kind=kind,
        model_ids=[model.pk for model in models],
        sampling=sampling_of(project),
    )


def _end(talk: Talk) -> None:
    talk.ended_at = timezone.now()
    talk.save(update_fields=["ended_at"])
    # Their writers find out when they next tell how far they are.
    Reply.objects.filter(turn__talk=talk, state__in=Reply.OPEN_STATES).update(
        state=Reply.State.FAILED,
        error={"message": "The conversation was ended before it was written."},
    )


def own_talk(user: AbstractBaseUser, pk: UUID, *, lock: bool = False) -> Talk:
    """Return a person's own talk.

    Raises:
        NotFound: when there is none, or the project is not theirs to see.
        NotAllowed: when it is somebody else's.
    """
    rows = Talk.objects.select_related("project", "actor")
    if lock:
        rows = rows.select_for_update(of=("self",))
    talk = rows.filter(pk=pk).first()
    # Who may no longer try models out does not go on with it either.
    wanted: Capability = (
        "observe" if talk and talk.kind == Talk.Kind.TRIAL else "annotate"
    )
    # A project that nobody has: a stranger and a wrong id are told the same.
    require(user, talk.project if talk else Project(), wanted)
    assert talk is not None  # require has refused
    if talk.actor.user_id != user.pk:
        raise NotAllowed(
            "This is somebody else's conversation.",
            expected="one of your own",
            found="another person's",
            fix="Begin one yourself.",
        )
    return talk


@transaction.atomic
def say(
    *,
    user: AbstractBaseUser,
    talk: UUID,
    number: int,
    content: str,
    follow: int | None = None,
) -> Talk:
    """Add the person's next turn and have it answered.

    Sending the same turn again changes nothing.

    Args:
        number: which turn it is, from 1.
        follow: in a trial, the place of the reply before that the talk goes on with.

    Raises:
        InvalidInput: for a text that is blank or too long.
        Conflict: when it is not this turn's time, or the project is paused.
        TooManyAttempts: beyond LIVE_TURNS_PER_MINUTE, or while LIVE_REPLIES_PER_PERSON
            are being written.
        NotFound, NotAllowed: as `own_talk`.
    """
    text = _checked(content)
    actor = _one_at_a_time(user)
    found = own_talk(user, talk, lock=True)
    last = found.turns.order_by("-number").first()
    if last is not None and last.number == number and last.content == text:
        return found
    if found.kind == Talk.Kind.LIVE:
        _refuse_paused(found.project)
    _may_say(found, last, number)
    if last is not None:
        last.chosen = _followed(found, last, follow)
        last.save(update_fields=["chosen"])
    _at_a_rate(actor)
    _within_reach(actor, len(found.model_ids))
    turn = Turn.objects.create(talk=found, number=number, content=text)
    for reply in _replies(found, turn):
        reply.save()
        enqueue(WRITE, reply.pk, queue=QUEUE)
    return found


def _checked(content: str) -> str:
    text = clean_text(content).strip()
    longest = settings.LIVE_PROMPT_CHARACTERS
    if text and len(text) <= longest:
        return text
    found = f"{len(text):,} characters" if text else "nothing but white space"
    raise InvalidInput(
        "This turn cannot be sent.",
        expected=f"1 to {longest:,} characters",
        found=found,
        fix="Write something shorter." if text else "Write something.",
        fields=[
            {"path": "content", "message": f"should have 1 to {longest:,} characters"}
        ],
    )


def _may_say(talk: Talk, last: Turn | None, number: int) -> None:
    due = last.number + 1 if last else 1
    if talk.ended_at is not None or number != due:
        raise Conflict(
            "The conversation has gone on meanwhile."
            if talk.ended_at is None
            else "This conversation is over.",
            expected=f"turn {due} of one that goes on",
            found=f"turn {number}",
            fix="Load the page again.",
        )
    if number > settings.LIVE_TURNS_PER_TALK:
        raise Conflict(
            "This conversation is as long as they get.",
            expected=f"at most {settings.LIVE_TURNS_PER_TALK} turns",
            found=f"turn {number}",
            fix="Begin a new one.",
        )


def _at_a_rate(actor: Actor) -> None:
    since = timezone.now() - timedelta(seconds=WINDOW_SECONDS)
    said = Turn.objects.filter(talk__actor=actor, created_at__gt=since).count()
    if said < settings.LIVE_TURNS_PER_MINUTE:
        return
    error = TooManyAttempts(
        "That is too fast for the models.",
        expected=f"at most {settings.LIVE_TURNS_PER_MINUTE} turns a minute",
        found=f"{said} in the last one",
        fix="Wait a moment, then send it again.",
    )
    error.retry_after = WINDOW_SECONDS // settings.LIVE_TURNS_PER_MINUTE + 1
    raise error


def _within_reach(actor: Actor, more: int) -> None:
    """Refuse work for the models beyond what one person may have at once."""
    open_ = Reply.objects.filter(turn__talk__actor=actor, state__in=Reply.OPEN_STATES)
    if (waiting := open_.count()) + more <= settings.LIVE_REPLIES_PER_PERSON:
        return
    error = TooManyAttempts(
        "The models are still writing to you elsewhere.",
        expected=f"at most {settings.LIVE_REPLIES_PER_PERSON} replies under way",
        found=f"{waiting}, and {more} more asked for",
        fix="Wait until they are whole, then send it again.",
    )
    error.retry_after = RETRY_SECONDS
    raise error


def _followed(talk: Talk, last: Turn, follow: int | None) -> int:
    """Return the place of the reply that the talk goes on with."""
    replies = list(last.replies.all())
    if any(reply.state != Reply.State.DONE for reply in replies):
        raise Conflict(
            "The reply before is not whole.",
            expected="replies that are written",
            found=", ".join(reply.get_state_display() for reply in replies),
            fix="Wait for it, or ask for it again.",
        )
    if last.assignment is not None:
        answer = own_turns.standing_answer(last.assignment)
        if answer is None:
            raise Conflict(
                "The replies before are not compared yet.",
                expected="your answer to them",
                found="none",
                fix="Compare them first; the conversation goes on with the better one.",
            )
        return own_turns.preferred(last.assignment, answer)
    return follow if follow is not None and 0 <= follow < len(replies) else 0


def _replies(talk: Talk, turn: Turn) -> list[Reply]:
    """Return the replies to be written, each model at a place drawn for this turn."""
    models = talk.model_ids
    order = list(range(len(models)))
    if talk.kind == Talk.Kind.LIVE:
        order = presented_order(
            seed=talk.project.seed,
            actor=talk.actor_id,
            number=Turn.objects.filter(
                talk__actor=talk.actor, talk__project=talk.project
            ).count(),
            size=len(models),
        )
    return [
        Reply(
            turn=turn,
            place=place,
            model_id=models[position],
            seed=secrets.randbits(31),
        )
        for place, position in enumerate(order)
    ]


@transaction.atomic
def ask_again(*, user: AbstractBaseUser, talk: UUID) -> Talk:
    """Have the replies of the last turn that failed written again.

    Raises:
        Conflict: when none has failed, or one has failed LIVE_TRIES_PER_REPLY times.
        TooManyAttempts: while LIVE_REPLIES_PER_PERSON are being written.
        NotFound, NotAllowed: as `own_talk`.
    """
    actor = _one_at_a_time(user)
    found = own_talk(user, talk, lock=True)
    last = found.turns.order_by("-number").first()
    failed = (
        list(last.replies.filter(state=Reply.State.FAILED).order_by("place"))
        if last and found.ended_at is None
        else []
    )
    if not failed:
        raise Conflict(
            "No reply has failed.",
            expected="a reply to the last turn that could not be written",
            found="none",
            fix="Load the page again.",
        )
    most = settings.LIVE_TRIES_PER_REPLY
    if (tried := max(reply.attempt for reply in failed)) >= most:
        raise Conflict(
            "This reply has failed too often.",
            expected=f"one that was tried fewer than {most} times",
            found=f"{tried} tries",
            fix="Begin a new conversation, and tell a researcher what stood here.",
        )
    _within_reach(actor, len(failed))
    for reply in failed:
        write_anew(reply)
    return found


def write_anew(reply: Reply) -> None:
    """Put a reply back into the queue, with another seed."""
    reply.state, reply.text, reply.error = Reply.State.QUEUED, "", None
    reply.seed, reply.beat_at = secrets.randbits(31), timezone.now()
    reply.save(update_fields=["state", "text", "error", "seed", "beat_at"])
    enqueue(WRITE, reply.pk, queue=QUEUE)


def chat_of(turn: Turn) -> list[dict[str, str]]:
    """Return the messages that a turn's replies answer: all before, and the turn."""
    messages: list[dict[str, str]] = []
    before = turn.talk.turns.filter(number__lt=turn.number).order_by("number")
    for earlier in before.prefetch_related("replies"):
        replies = {reply.place: reply.text for reply in earlier.replies.all()}
        messages += [
            {"role": "user", "content": earlier.content},
            {"role": "assistant", "content": replies[earlier.chosen or 0]},
        ]
    return [*messages, {"role": "user", "content": turn.content}]
