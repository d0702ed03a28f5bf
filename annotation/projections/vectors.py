"""The vectors view: all that one annotator rated of one completion, in one row.

`mask` says which values were given; a criterion that does not apply, or was not
asked, has none. Rows are never averaged over annotators here.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from annotation.judgments import Judgment, Rate
from annotation.projections.occurrences import rounds_of
from annotation.projections.rows import (
    Answered,
    Dropped,
    ManyRow,
    Messages,
    Scales,
    Source,
    about_many,
    carried,
)
from annotation.projections.scalars import normalisation

VECTOR = "vector@1"
KINDS = ("rate",)


@dataclass(frozen=True, slots=True, kw_only=True)
class VectorRow(ManyRow):
    """One completion's ratings by one annotator; all lists are aligned with src.

    names: what was rated: the criterion, else the question.
    mask: true where a value was given.
    normalised: a * value + b, as in the view scalars; 0 where the mask is false.
    """

    completion: Messages
    completion_id: str
    names: list[str]
    values: list[float | None]
    mask: list[bool]
    scales: list[str | None]
    a: list[float]
    b: list[float]
    normalised: list[float]


def vectors_of(answer: Answered, dropped: Dropped, scales: Scales) -> list[VectorRow]:
    """Return the vectors that one answer gives."""
    rated: dict[str, list[tuple[int, Rate]]] = {}
    for place, judgment in enumerate(answer.judgments):
        if isinstance(judgment, Rate):
            rated.setdefault(str(judgment.completion), []).append((place, judgment))
    return [
        _row(answer, completion, members, scales)
        for completion, rates in rated.items()
        for members in rounds_of(rates, key=lambda item: _name(item[1]))
    ]


def _name(rate: Rate) -> str:
    return rate.criterion or rate.question or "overall"


def _row(
    answer: Answered,
    completion: str,
    members: list[tuple[int, Rate]],
    scales: Scales,
) -> VectorRow:
    rates = [rate for _, rate in members]
    steps = [normalisation(rate.scale, scales) for rate in rates]
    return VectorRow(
        **about_many(answer, [place for place, _ in members]),
        transform=VECTOR,
        completion=answer.completions[completion],
        completion_id=completion,
        names=[_name(rate) for rate in rates],
        values=[rate.value for rate in rates],
        mask=[rate.value is not None for rate in rates],
        scales=[rate.scale for rate in rates],
        a=[a for a, _ in steps],
        b=[b for _, b in steps],
        normalised=[
            0.0 if rate.value is None else a * rate.value + b
            for rate, (a, b) in zip(rates, steps, strict=True)
        ],
    )


def judgments_of(rows: Iterable[VectorRow]) -> dict[Source, Judgment]:
    """Return the judgments that rows came from: the inverse of `vectors_of`."""
    return {
        source: Rate.model_validate(
            {
                "completion": row.completion_id,
                "value": row.values[place],
                "scale": row.scales[place],
                **carried(row, place),
            }
        )
        for row in rows
        for place, source in enumerate(row.src)
    }
