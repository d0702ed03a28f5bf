"""The scalars view: one number about one completion, as it was given.

`normalised` is `a * value + b`: a scale of known ends becomes 0 to 1, any other stays
as it is. Both constants stay with the row, so the step can always be undone.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from annotation.judgments import Judgment, Outcome, Rate, Reaction
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

RATE, REACTION, OUTCOME = "rate@1", "reaction@1", "outcome@1"
KINDS = ("rate", "reaction", "outcome")


@dataclass(frozen=True, slots=True, kw_only=True)
class ScalarRow(Row):
    """One number.

    value: as given; normalised: a * value + b.
    signal, position, exposed: of a reaction. outcome, evidence_sha: of an outcome.
    """

    completion: Messages
    completion_id: str
    value: float
    a: float
    b: float
    normalised: float
    scale: str | None = None
    signal: str | None = None
    position: int | None = None
    exposed: bool | None = None
    outcome: str | None = None
    evidence_sha: str | None = None


def normalisation(scale: str | None, scales: Scales) -> tuple[float, float]:
    """Return (a, b) so that a * value + b runs from 0 to 1 on the scale."""
    low, high = scales.ranges.get(scale or "", (0.0, 1.0))
    a = 1 / (high - low)
    return a, 0.0 - low * a


def scalars_of(answer: Answered, dropped: Dropped, scales: Scales) -> list[ScalarRow]:
    """Return the numbers that one answer gives."""
    rows = []
    for place, judgment in enumerate(answer.judgments):
        if isinstance(judgment, Rate):
            if judgment.value is None:
                dropped["rate: does not apply"] += 1
                continue
            a, b = normalisation(judgment.scale, scales)
            columns: dict[str, Any] = {"scale": judgment.scale, "transform": RATE}
            rows.append(
                _row(answer, place, judgment.completion, judgment.value, a, b, columns)
            )
        elif isinstance(judgment, Reaction):
            columns = {
                "signal": judgment.signal,
                "position": judgment.position,
                "exposed": judgment.exposed,
                "transform": REACTION,
            }
            rows.append(
                _row(answer, place, judgment.completion, judgment.value, 1, 0, columns)
            )
        elif isinstance(judgment, Outcome):
            columns = {
                "outcome": judgment.outcome,
                "evidence_sha": judgment.evidence_sha,
                "transform": OUTCOME,
            }
            rows.append(
                _row(answer, place, judgment.completion, judgment.value, 1, 0, columns)
            )
    return rows


def _row(
    answer: Answered,
    place: int,
    completion: UUID,
    value: float,
    a: float,
    b: float,
    columns: dict[str, Any],
) -> ScalarRow:
    return ScalarRow(
        **about(answer, [place]),
        completion=answer.completions[str(completion)],
        completion_id=str(completion),
        value=value,
        a=float(a),
        b=float(b),
        normalised=a * value + b,
        **columns,
    )


def judgments_of(rows: Iterable[ScalarRow]) -> dict[Source, Judgment]:
    """Return the judgments that rows came from: the inverse of `scalars_of`."""
    return {row.src[0]: _back(row) for row in rows}


def _back(row: ScalarRow) -> Judgment:
    said = {"completion": row.completion_id, "value": row.value, **carried(row)}
    if row.transform == RATE:
        return Rate.model_validate(said | {"scale": row.scale})
    if row.transform == REACTION:
        return Reaction.model_validate(
            said
            | {
                "signal": row.signal,
                "position": row.position,
                "exposed": row.exposed,
            }
        )
    return Outcome.model_validate(
        said | {"outcome": row.outcome, "evidence_sha": row.evidence_sha}
    )
