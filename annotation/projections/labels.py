"""The labels view: categories chosen from a list, and flags, one row each."""

from collections.abc import Iterable
from dataclasses import dataclass
from uuid import UUID

from annotation.judgments import Choose, Flag, Judgment
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

CHOOSE, FLAG = "choose@1", "flag@1"
KINDS = ("choose", "flag")


@dataclass(frozen=True, slots=True, kw_only=True)
class LabelRow(Row):
    """One category. target: completion, prompt or task; only the first has a text."""

    target: str
    completion_id: str | None
    completion: Messages
    category: str
    note: str | None = None


def labels_of(answer: Answered, dropped: Dropped, scales: Scales) -> list[LabelRow]:
    """Return the categories and flags that one answer gives."""
    rows = []
    note: str | None
    for place, judgment in enumerate(answer.judgments):
        if isinstance(judgment, Choose):
            category, note, transform = judgment.category, None, CHOOSE
        elif isinstance(judgment, Flag):
            category, note, transform = judgment.flag, judgment.note, FLAG
        else:
            continue
        named = str(judgment.target) if isinstance(judgment.target, UUID) else None
        rows.append(
            LabelRow(
                **about(answer, [place]),
                transform=transform,
                target="completion" if named else str(judgment.target),
                completion_id=named,
                completion=answer.completions[named] if named else [],
                category=category,
                note=note,
            )
        )
    return rows


def judgments_of(rows: Iterable[LabelRow]) -> dict[Source, Judgment]:
    """Return the judgments that rows came from: the inverse of `labels_of`."""
    return {row.src[0]: _back(row) for row in rows}


def _back(row: LabelRow) -> Judgment:
    said = {"target": row.completion_id or row.target, **carried(row)}
    if row.transform == CHOOSE:
        return Choose.model_validate(said | {"category": row.category})
    return Flag.model_validate(said | {"flag": row.category, "note": row.note})
