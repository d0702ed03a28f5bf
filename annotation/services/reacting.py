"""Reactions of end users, sent by the product that shows them completions.

Each row stands by itself: a bad one is named and left out. A row goes by an id that
its sender made, within the source and user, so a repeat adds nothing. Somebody's user
is an actor of this project and source alone. Reactions lie in closed tasks of their
own, one a completion: they use no overlap and are never asked of anybody.
"""

import hashlib
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import Annotated, Any, Self
from uuid import UUID, uuid5

from django.conf import settings
from django.core.cache import cache
from django.db import OperationalError, connection, transaction
from django.db.models import QuerySet
from django.utils import timezone
from pydantic import AwareDatetime, Field, ValidationError, model_validator

from annotation.errors import InvalidInput, TooManyRequests, Unavailable
from annotation.hashing import completion_hash, prompt_hash, task_key
from annotation.judgments import Name, Reaction, Strict
from annotation.models import Completion, Feedback, Project
from annotation.services.importing import (
    ActorKey,
    Answer,
    ImportOptions,
    Record,
    RowError,
    Side,
    TaskSettings,
    Writer,
    checks,
)
from annotation.services.importing.writing import lock_project
from annotation.services.rates import spend
from annotation.wording import problems_of

NAMESPACE = UUID("b2b1a6a0-3c3e-4b5e-8d53-6d6c1d1e5a40")
MOST_ROWS = 1000
WINDOW_SECONDS = 60
AHEAD = timedelta(minutes=5)  # how far a sender's clock may be before ours
EARLIEST = datetime(2000, 1, 1, tzinfo=UTC)
LOCK_MILLISECONDS = 5000
BACKLOG_DAYS = 7  # of a user's cap that may come on one day
DAY_SECONDS = 86_400
CAP = "reactions_per_user_per_day"  # in Project.budgets
Label = Annotated[str, Field(min_length=1, max_length=200)]


class ReactionRow(Strict):
    """What one end user did about one completion that they were shown.

    Attributes:
        id: the sender's own id of this reaction; makes repeats harmless.
        user: an id that means nothing elsewhere: no name, no e-mail address.
        completion_id: a completion of the project; or else
        prompt, completion: what was asked and shown, texts or messages.
        value: above 0 is good, below 0 bad, 0 is shown without a reaction.
        position: the place in which it was shown, 0 the first.
        exposed: whether the user is known to have seen it.
        at: when, with a time zone; now where it is left out.
    """

    id: Label
    user: Label
    completion_id: UUID | None = None
    prompt: str | list[dict[str, Any]] | None = None
    completion: str | list[dict[str, Any]] | None = None
    generator: Name = ""
    signal: Label
    value: float = Field(ge=-1e6, le=1e6)
    criterion: Label | None = None
    position: int | None = Field(None, ge=0, le=10_000)
    exposed: bool = True
    at: AwareDatetime | None = None

    @model_validator(mode="after")
    def of_one_completion(self) -> Self:
        inline = self.prompt is not None and self.completion is not None
        if (self.completion_id is not None) == inline:
            raise ValueError("name a completion_id, or send prompt and completion")
        if "@" in self.user:
            raise ValueError("user must be an opaque id, not an e-mail address")
        return self


@dataclass(frozen=True)
class BadRow:
    """A row that was not taken, and why."""

    index: int
    id: str
    path: str
    message: str
    value: str = ""


@dataclass
class Taken:
    """What became of a batch."""

    accepted: int = 0
    repeated: int = 0
    bad: list[BadRow] = field(default_factory=list)


Rows = dict[int, tuple[ReactionRow, UUID]]  # by place in the batch


def allow(sender: str, rows: int) -> None:
    """Count rows of a sender, at most so many a minute.

    Raises:
        TooManyRequests: with `retry_after`, in seconds.
    """
    limit = settings.REACTIONS_PER_MINUTE
    sent = spend(f"reactions:{sender}", rows, window_seconds=WINDOW_SECONDS)
    if sent > limit:
        error = TooManyRequests(
            "Too many reactions at once; none of these was stored.",
            expected=f"at most {limit:,} a minute",
            found=f"{sent:,}",
            fix="Send them again after the seconds in Retry-After.",
        )
        error.retry_after = WINDOW_SECONDS
        raise error


def take(*, project: Project, source: str, rows: Sequence[Any]) -> Taken:
    """Store a batch of reactions; say of each row that cannot be used why.

    Args:
        source: the product that sends them; users are told apart within it.
        rows: JSON values, each a ReactionRow.

    Raises:
        InvalidInput: when there are too many.
        Unavailable: while an import keeps the project to itself.
    """
    if len(rows) > MOST_ROWS:
        raise InvalidInput(
            "The batch is too large.",
            expected=f"at most {MOST_ROWS:,} reactions",
            found=f"{len(rows):,}",
            fix="Send them in several batches.",
        )
    done = Taken()
    read = _read(project, source, rows, done)
    with transaction.atomic():
        _lock(project)
        _without_known(project, source, read, done)
        _within_cap(project, source, read, done)
        records = _records(project, source, read, done)
        writer = Writer(project, ImportOptions(closed=True, source=source))
        written = writer.write(list(records.values()))
        done.accepted = written.counts.answers
    done.bad.sort(key=lambda bad: bad.index)
    return done


def _read(project: Project, source: str, rows: Sequence[Any], done: Taken) -> Rows:
    found: Rows = {}
    latest = timezone.now() + AHEAD
    for index, given in enumerate(rows):
        try:
            row = ReactionRow.model_validate(given)
        except ValidationError as error:
            name = given.get("id") if isinstance(given, Mapping) else ""
            for problem in problems_of(error)[:5]:
                bad = BadRow(
                    index,
                    str(name or "")[:200],
                    problem["path"],
                    problem["message"],
                    problem["value"] or "",
                )
                done.bad.append(bad)
            continue
        if row.at is not None and not EARLIEST <= row.at <= latest:
            why = "lies in the future" if row.at > latest else f"is before {EARLIEST}"
            done.bad.append(_bad(index, row, "at", why, row.at))
            continue
        name = "\x1f".join((str(project.pk), source, row.user, row.id))
        found[index] = row, uuid5(NAMESPACE, name)
    return found


def _bad(index: int, row: ReactionRow, path: str, why: str, value: object) -> BadRow:
    return BadRow(index, row.id, path, why, str(value)[:200])


def _lock(project: Project) -> None:
    """Keep imports and other batches out until this one is stored."""
    try:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(f"SET LOCAL lock_timeout = {LOCK_MILLISECONDS}")
            lock_project(project)
    except OperationalError as error:
        raise Unavailable(
            "The project is taking in a file; none of these reactions was stored.",
            expected="its turn within seconds",
            found=type(error.__cause__ or error).__name__,
            fix="Send them again: a repeat stores nothing twice.",
        ) from error


def _of_users(project: Project, source: str, read: Rows) -> QuerySet[Feedback]:
    """Return what the users of a batch have done so far; found by their indexes."""
    return Feedback.objects.filter(
        project=project,
        actor__project=project,
        actor__kind="end_user",
        actor__source=source,
        actor__external_id__in={row.user for row, _ in read.values()},
    )


def _without_known(project: Project, source: str, read: Rows, done: Taken) -> None:
    """Take out what stands already, and ids that stand for something else."""
    wanted = {client for _, client in read.values()}
    known = {
        client: judgments[0]
        for client, judgments in _of_users(project, source, read)
        .filter(client_id__in=wanted)
        .values_list("client_id", "judgments")
    }
    first: dict[UUID, ReactionRow] = {}
    for index, (row, client) in list(read.items()):
        if client in known:
            stored = known[client]
            same = all(
                stored.get(name, usual) == getattr(row, name)
                for name, usual in STORED.items()
            )
            named = row.completion_id
            same = same and (named is None or stored["completion"] == str(named))
        elif client in first:
            same = first[client] == row
        else:
            first[client] = row
            continue
        del read[index]
        done.repeated += same
        if not same:
            why = "is the id of another reaction; a changed one needs an id of its own"
            done.bad.append(_bad(index, row, "id", why, row.id))


# What of a stored judgment makes it the same, and what a field left out means.
STORED: Mapping[str, Any] = {
    "signal": None,
    "value": None,
    "criterion": None,
    "position": None,
    "exposed": True,
}


def _within_cap(project: Project, source: str, read: Rows, done: Taken) -> None:
    """Take out what goes over a user's cap of a day."""
    cap = int(project.budgets.get(CAP, settings.REACTIONS_PER_USER_PER_DAY))
    days = {_day(row.at) for row, _ in read.values()}
    if not days:
        return
    since = datetime.combine(min(days), datetime.min.time(), UTC)
    spent: Counter[tuple[str, date]] = Counter(
        (user, _day(at))
        for user, at in _of_users(project, source, read)
        .filter(created_at__gte=since)
        .values_list("actor__external_id", "created_at")
    )
    for index, (row, _) in list(read.items()):
        spent[row.user, _day(row.at)] += 1
        if spent[row.user, _day(row.at)] > cap:
            del read[index]
            why = f"has more than {cap:,} reactions on one day"
            done.bad.append(_bad(index, row, "user", why, row.user))
    _within_backlog(project, source, read, done, most=cap * BACKLOG_DAYS)


def _within_backlog(
    project: Project, source: str, read: Rows, done: Taken, *, most: int
) -> None:
    """Take out what is more of a user than one day may bring, whatever `at` it says.

    A sender who spreads rows over the years would otherwise have no cap at all.
    """
    today = _day(None)

    def key(user: str) -> str:
        name = "\x1f".join((str(project.pk), source, user))
        return f"reactions:{today}:{hashlib.sha256(name.encode()).hexdigest()}"

    keys = {row.user: key(row.user) for row, _ in read.values()}
    known = cache.get_many(keys.values())
    came = Counter({user: int(known.get(key, 0)) for user, key in keys.items()})
    for index, (row, _) in list(read.items()):
        if came[row.user] < most:
            came[row.user] += 1
            continue
        del read[index]
        why = f"has more than {most:,} reactions that came today"
        done.bad.append(_bad(index, row, "user", why, row.user))
    # The project is locked: no other batch counts at the same time.
    cache.set_many({keys[user]: came[user] for user in keys}, DAY_SECONDS)


def _day(at: datetime | None) -> date:
    return (at or timezone.now()).astimezone(UTC).date()


def _records(
    project: Project, source: str, read: Rows, done: Taken
) -> dict[int, Record]:
    wanted = {row.completion_id for row, _ in read.values() if row.completion_id}
    known = {
        row.pk: row
        for row in Completion.objects.filter(
            prompt__project=project, pk__in=wanted
        ).select_related("prompt")
    }
    records: dict[int, Record] = {}
    for index, (row, client) in read.items():
        try:
            records[index] = _record(row, client, source, known)
        except RowError as error:
            why = f"should be {error.expected}"
            done.bad.append(_bad(index, row, error.field, why, error.value))
    return records


def _record(
    row: ReactionRow, client: UUID, source: str, known: Mapping[UUID, Completion]
) -> Record:
    messages, context, side = _shown(row, known)
    judgment = Reaction.model_validate(
        {
            "completion": side.ref,
            **{name: getattr(row, name) for name in STORED},
        }
    )
    key = task_key(
        prompt_hash(messages, context),
        [completion_hash(side.messages, side.trace)],
        kind="reactions",
    )
    answer = Answer(
        actor=ActorKey("end_user", source, row.user, {"pool": "end users"}),
        client_id=client,
        judgments=[
            {"kind": "reaction"}
            | judgment.model_dump(mode="json", exclude_defaults=True)
        ],
        presented=[side.ref],
        at=row.at,
    )
    return Record(
        messages=messages,
        context=context,
        sides=[side],
        tasks=[[side.ref]],
        answers=[answer],
        source=source,
        settings=TaskSettings(reason="shown to end users", key=key),
    )


def _shown(
    row: ReactionRow, known: Mapping[UUID, Completion]
) -> tuple[list[dict[str, str]], Any, Side]:
    """Return the prompt's messages and context, and the completion.

    Raises:
        RowError: for a completion that the project lacks, or texts it cannot keep.
    """
    if row.completion_id is not None:
        found = known.get(row.completion_id)
        if found is None:
            expected = "a completion of this project"
            raise RowError("completion_id", expected, str(row.completion_id))
        side = Side(found.messages, trace=found.trace)
        return found.prompt.messages, found.prompt.context, side
    if isinstance(row.completion, str):
        text = checks.text(row.completion, "completion", empty=False)
        turns = [{"role": "assistant", "content": text}]
    else:
        turns = checks.messages(row.completion, "completion")
    return checks.prompt(row.prompt), None, Side(turns, generator=row.generator)
