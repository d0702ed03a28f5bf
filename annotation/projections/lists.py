"""The lists view: candidates with their group, ties and gaps as they were given.

Rank, best_worst and rate make lists. A candidate without a group was not ranked: its
place is unknown, and a list loss leaves it out by the mask that null is.

Source: Plackett-Luce over groups with ties; see docs/data.md.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from annotation.judgments import BestWorst, Judgment, Rank, Rate
from annotation.projections.occurrences import rounds_of
from annotation.projections.rows import (
    Answered,
    Dropped,
    Messages,
    Row,
    Scales,
    Source,
    about,
    carried,
)

RANK, BEST_WORST, RATE = "rank@1", "best_worst@1", "rate@1"
KINDS = ("rank", "best_worst", "rate")
BEST, REST, WORST = 0, 1, 2  # the groups of best_worst


@dataclass(frozen=True, slots=True, kw_only=True)
class ListRow(Row):
    """One list, best first.

    candidates, candidate_ids: what was put in order, the unranked last.
    groups: each candidate's group, 0 the best, equal for a tie; null: not ranked.
    observed_until: how many candidates, from the start, have a group.
    values: of ratings, aligned with the candidates (and with src); else empty.
    all_bad: not even the first is acceptable.
    """

    candidates: list[Messages]
    candidate_ids: list[str]
    groups: list[int | None]
    observed_until: int
    values: list[float | None]
    scale: str | None = None
    all_bad: bool = False


def lists_of(answer: Answered, dropped: Dropped, scales: Scales) -> list[ListRow]:
    """Return the lists that one answer gives."""
    rows: list[ListRow] = []
    rates: dict[tuple[str | None, ...], list[tuple[int, Rate]]] = {}
    for place, judgment in enumerate(answer.judgments):
        if isinstance(judgment, Rank):
            if sum(map(len, judgment.groups)) < 2:
                dropped["rank: nothing to compare"] += 1
                continue
            groups: list[tuple[int | None, Sequence[UUID]]] = [
                *enumerate(judgment.groups),
                (None, judgment.unranked),
            ]
            rows.append(_row(answer, [place], groups, RANK, all_bad=judgment.all_bad))
        elif isinstance(judgment, BestWorst):
            named = {*judgment.best, *judgment.worst}
            rest = [UUID(pk) for pk in answer.completions if UUID(pk) not in named]
            parts = ((BEST, judgment.best), (REST, rest), (WORST, judgment.worst))
            rows.append(_row(answer, [place], parts, BEST_WORST))
        elif isinstance(judgment, Rate):
            key = (judgment.criterion, judgment.scale, judgment.question)
            rates.setdefault(key, []).append((place, judgment))
    for values in rates.values():
        for members in rounds_of(values, key=lambda item: item[1].completion):
            rows += _rated(answer, members, dropped)
    return rows


def _row(
    answer: Answered,
    places: Sequence[int],
    groups: Iterable[tuple[int | None, Sequence[UUID]]],
    transform: str,
    **columns: Any,
) -> ListRow:
    seats = [(str(item), group) for group, members in groups for item in members]
    return ListRow(
        **about(answer, places),
        transform=transform,
        candidates=[answer.completions[item] for item, _ in seats],
        candidate_ids=[item for item, _ in seats],
        groups=[group for _, group in seats],
        observed_until=sum(group is not None for _, group in seats),
        **({"values": []} | columns),
    )


def _rated(
    answer: Answered, members: list[tuple[int, Rate]], dropped: Dropped
) -> list[ListRow]:
    """One list of ratings on one scale, highest first; "does not apply" unranked."""
    given = [(place, rate) for place, rate in members if rate.value is not None]
    if len(given) < 2:
        dropped["rate: nothing to compare"] += len(members)
        return []
    given.sort(key=lambda item: -_value(item[1]))
    without = [(place, rate) for place, rate in members if rate.value is None]
    distinct = sorted({_value(rate) for _, rate in given}, reverse=True)
    seats: list[tuple[int | None, Sequence[UUID]]] = [
        (None if rate.value is None else distinct.index(rate.value), [rate.completion])
        for _, rate in [*given, *without]
    ]
    return [
        _row(
            answer,
            [place for place, _ in [*given, *without]],
            seats,
            RATE,
            values=[rate.value for _, rate in [*given, *without]],
            scale=members[0][1].scale,
        )
    ]


def _value(rate: Rate) -> float:
    if rate.value is None:
        raise ValueError("a rating without a value has no place in an order")
    return rate.value


def judgments_of(rows: Iterable[ListRow]) -> dict[Source, Judgment]:
    """Return the judgments that rows came from: the inverse of `lists_of`."""
    found: dict[Source, Judgment] = {}
    for row in rows:
        if row.transform == RATE:
            found.update(_rates_back(row))
            continue
        seats: dict[int | None, list[str]] = {}
        for item, group in zip(row.candidate_ids, row.groups, strict=True):
            seats.setdefault(group, []).append(item)
        unranked = seats.pop(None, [])
        if row.transform == RANK:
            found[row.src[0]] = Rank.model_validate(
                {
                    "groups": [seats[group] for group in sorted(seats, key=_int)],
                    "unranked": unranked,
                    "all_bad": row.all_bad,
                    **carried(row),
                }
            )
        else:
            found[row.src[0]] = BestWorst.model_validate(
                {"best": seats[BEST], "worst": seats[WORST], **carried(row)}
            )
    return found


def _int(group: int | None) -> int:
    return -1 if group is None else group


def _rates_back(row: ListRow) -> dict[Source, Judgment]:
    return {
        source: Rate.model_validate(
            {
                "completion": row.candidate_ids[place],
                "value": row.values[place],
                "scale": row.scale,
                **carried(row, place),
            }
        )
        for place, source in enumerate(row.src)
    }
