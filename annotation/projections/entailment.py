"""The entailment view: does a completion keep a principle, and what shows it."""

from collections.abc import Iterable
from dataclasses import dataclass

from annotation.judgments import Judgment, Principle
from annotation.projections.places import Evidence, evidence_back, evidence_of
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

PRINCIPLE = "principle@1"
KINDS = ("principle",)
SOFT = {"yes": 1.0, "partial": 0.5, "no": 0.0, "na": None}


@dataclass(frozen=True, slots=True, kw_only=True)
class EntailmentRow(Row):
    """One verdict. soft_label: 1 yes, 0.5 partial, 0 no, null does not apply."""

    completion: Messages
    completion_id: str
    principle: str
    label: str
    evidence: list[Evidence]
    origin: str


def entailment_of(
    answer: Answered, dropped: Dropped, scales: Scales
) -> list[EntailmentRow]:
    """Return the verdicts that one answer gives."""
    return [
        EntailmentRow(
            **about(answer, [place]),
            transform=PRINCIPLE,
            soft_label=SOFT[judgment.verdict],
            completion=answer.completions[str(judgment.completion)],
            completion_id=str(judgment.completion),
            principle=judgment.principle,
            label=judgment.verdict,
            evidence=[evidence_of(item) for item in judgment.evidence],
            origin=judgment.origin,
        )
        for place, judgment in enumerate(answer.judgments)
        if isinstance(judgment, Principle)
    ]


def judgments_of(rows: Iterable[EntailmentRow]) -> dict[Source, Judgment]:
    """Return the judgments that rows came from: the inverse of `entailment_of`."""
    return {
        row.src[0]: Principle.model_validate(
            {
                "completion": row.completion_id,
                "principle": row.principle,
                "verdict": row.label,
                "evidence": [evidence_back(item) for item in row.evidence],
                "origin": row.origin,
                **carried(row),
            }
        )
        for row in rows
    }
