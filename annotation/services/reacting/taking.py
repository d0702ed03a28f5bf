"""Reactions of end users, sent by the product that shows them completions.

Each row stands by itself: a bad one is named and left out. A row goes by an id that
its sender made, within the source and user, so a repeat adds nothing. Somebody's user
is an actor of this project and source alone. Reactions lie in closed tasks of their
own, one a completion: they use no overlap and are never asked of anybody.
"""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid5

from django.db import OperationalError, connection, transaction
from django.utils import timezone
from pydantic import ValidationError

from annotation.errors import InvalidInput, Unavailable
from annotation.models import Project
from annotation.services.importing import ImportOptions, Writer
from annotation.services.importing.writing import lock_project
from annotation.services.reacting.limits import within_cap
from annotation.services.reacting.recording import records_of
from annotation.services.reacting.rows import (
    STORED,
    BadRow,
    ReactionRow,
    Rows,
    Taken,
    bad_row,
    of_users,
)
from annotation.wording import problems_of

NAMESPACE = UUID("b2b1a6a0-3c3e-4b5e-8d53-6d6c1d1e5a40")
MOST_ROWS = 1000
AHEAD = timedelta(minutes=5)  # how far a sender's clock may be before ours
EARLIEST = datetime(2000, 1, 1, tzinfo=UTC)
LOCK_MILLISECONDS = 5000


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
        within_cap(project, source, read, done)
        records = records_of(project, source, read, done)
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
            done.bad.append(bad_row(index, row, "at", why, row.at))
            continue
        name = "\x1f".join((str(project.pk), source, row.user, row.id))
        found[index] = row, uuid5(NAMESPACE, name)
    return found


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


def _without_known(project: Project, source: str, read: Rows, done: Taken) -> None:
    """Take out what stands already, and ids that stand for something else."""
    wanted = {client for _, client in read.values()}
    known = {
        client: judgments[0]
        for client, judgments in of_users(project, source, read)
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
            done.bad.append(bad_row(index, row, "id", why, row.id))
