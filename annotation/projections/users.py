"""The users view: one person's comparisons, some to learn from and some to predict.

A prompt group is either among a person's shots or among their queries, drawn from
its hash, so that a query, or another pair of its prompt, is never in the shots. Rows
hold the pairs of one split alone, at most so many of each, and each pair once.

Source: few-shot preference models, a user's labelled pairs as context; docs/data.md.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from hashlib import sha256

from annotation.judgments import Judgment
from annotation.projections import pairs
from annotation.projections.pair_rows import PairRow
from annotation.projections.rows import Row, Source

USERS = "users@1"
KINDS = ("compare", "rank", "best_worst", "rate")
SHOTS = QUERIES = 8  # pairs of each in a row, at most


@dataclass(frozen=True, slots=True, kw_only=True)
class UserRow(Row):
    """Pairs of one annotator. prompt, group and task are theirs, not the row's.

    shots: labelled pairs to condition on; queries: pairs to predict.
    """

    shots: list[PairRow]
    queries: list[PairRow]


def is_query(row: PairRow) -> bool:
    """Return whether a pair's prompt group is one to predict; about half are."""
    digest = sha256(f"users:{row.annotator}:{row.group}".encode()).digest()
    return bool(digest[0] & 1)


def user_rows(rows: Iterable[PairRow]) -> Iterator[UserRow]:
    """Yield one annotator's rows, as soon as each is full.

    Args:
        rows: pairs of one annotator, in any order.
    """
    waiting: dict[str, tuple[list[PairRow], list[PairRow]]] = {}
    number = 0
    for row in rows:
        shots, queries = waiting.setdefault(row.split, ([], []))
        (queries if is_query(row) else shots).append(row)
        while len(queries) >= QUERIES or len(shots) >= 2 * SHOTS:
            yield _take(shots, queries, number)
            number += 1
    for shots, queries in waiting.values():
        while shots or queries:
            yield _take(shots, queries, number)
            number += 1


def _take(shots: list[PairRow], queries: list[PairRow], number: int) -> UserRow:
    mine, theirs = shots[:SHOTS], queries[:QUERIES]
    del shots[:SHOTS], queries[:QUERIES]
    first = (mine or theirs)[0]
    return UserRow(
        row_id=f"{first.annotator}:{number}",
        prompt=[],
        annotator=first.annotator,
        annotator_kind=first.annotator_kind,
        group="",
        split=first.split,
        task="",
        src=[source for row in (*mine, *theirs) for source in row.src],
        transform=USERS,
        shots=mine,
        queries=theirs,
    )


def judgments_of(rows: Iterable[UserRow]) -> dict[Source, Judgment]:
    """Return the judgments behind the pairs of all rows: the inverse of `user_rows`."""
    return pairs.judgments_of(
        pair for row in rows for pair in (*row.shots, *row.queries)
    )
