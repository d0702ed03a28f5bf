"""The unary view: a completion found good or bad by itself.

Reactions above 0 are good and below 0 bad; exactly 0 is neither (`label` null, soft
label 0.5). Of outcomes the observed ones count (test, verifier, A/B): good from 0.5
on, their value, held to 0 and 1, the soft label. Exposure and position stay, so that
reactions can be weighted by how they came about.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from annotation.judgments import Judgment, Outcome, Reaction
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

REACTION, OUTCOME = "reaction@1", "outcome@1"
KINDS = ("reaction", "outcome")


@dataclass(frozen=True, slots=True, kw_only=True)
class UnaryRow(Row):
    """One completion, good or bad.

    propensity: probability of having been shown and answered, where it is known.
    """

    completion: Messages
    completion_id: str
    label: bool | None
    value: float
    signal: str | None = None
    position: int | None = None
    exposed: bool | None = None
    propensity: float | None = None
    outcome: str | None = None
    evidence_sha: str | None = None


def unary_of(answer: Answered, dropped: Dropped, scales: Scales) -> list[UnaryRow]:
    """Return the good and bad completions that one answer gives."""
    rows = []
    for place, judgment in enumerate(answer.judgments):
        columns: dict[str, Any]
        if isinstance(judgment, Reaction):
            good = judgment.value > 0
            columns = {
                "transform": REACTION,
                "soft_label": 0.5 if judgment.value == 0 else float(good),
                "label": None if judgment.value == 0 else good,
                "signal": judgment.signal,
                "position": judgment.position,
                "exposed": judgment.exposed,
            }
        elif isinstance(judgment, Outcome):
            if judgment.outcome == "hindsight":
                dropped["outcome: hindsight"] += 1
                continue
            columns = {
                "transform": OUTCOME,
                "soft_label": min(max(judgment.value, 0.0), 1.0),
                "label": judgment.value >= 0.5,
                "outcome": judgment.outcome,
                "evidence_sha": judgment.evidence_sha,
            }
        else:
            continue
        rows.append(
            UnaryRow(
                **about(answer, [place]),
                completion=answer.completions[str(judgment.completion)],
                completion_id=str(judgment.completion),
                value=judgment.value,
                **columns,
            )
        )
    return rows


def judgments_of(rows: Iterable[UnaryRow]) -> dict[Source, Judgment]:
    """Return the judgments that rows came from: the inverse of `unary_of`."""
    return {row.src[0]: _back(row) for row in rows}


def _back(row: UnaryRow) -> Judgment:
    said = {"completion": row.completion_id, "value": row.value, **carried(row)}
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
