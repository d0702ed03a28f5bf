"""The steps view: labels of a completion's steps, for process supervision."""

from collections.abc import Iterable
from dataclasses import dataclass

from annotation.judgments import Judgment, Step
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
from annotation.protocols.steps import steps_of

STEPS = "steps@1"
KINDS = ("step",)
# Words for a step that holds and for one that does not; other labels are neither.
RIGHT = frozenset({"correct", "right", "good", "yes", "positive", "ok"})
WRONG = frozenset(
    {"incorrect", "wrong", "error", "bad", "no", "negative", "first_error"}
)


@dataclass(frozen=True, slots=True, kw_only=True)
class StepRow(ManyRow):
    """One completion's labelled steps; all lists but `steps` are aligned with src.

    steps: the texts of all its steps, by index from 0.
    """

    completion: Messages
    completion_id: str
    steps: list[str]
    indices: list[int]
    labels: list[str]
    notes: list[str | None]


def step_rows_of(answer: Answered, dropped: Dropped, scales: Scales) -> list[StepRow]:
    """Return the labelled completions that one answer gives."""
    labelled: dict[str, list[tuple[int, Step]]] = {}
    for place, judgment in enumerate(answer.judgments):
        if isinstance(judgment, Step):
            labelled.setdefault(str(judgment.completion), []).append((place, judgment))
    return [
        StepRow(
            **about_many(answer, [place for place, _ in members]),
            transform=STEPS,
            completion=answer.completions[completion],
            completion_id=completion,
            steps=steps_of(answer.completions[completion]),
            indices=[step.index for _, step in members],
            labels=[step.label for _, step in members],
            notes=[step.note for _, step in members],
        )
        for completion, members in labelled.items()
    ]


def verdicts(row: StepRow) -> list[bool]:
    """Return whether each step holds, up to the first wrong one or the first unknown.

    A first wrong step with no label before it says that those before it hold.
    """
    known: dict[int, bool] = {}
    for index, label in zip(row.indices, row.labels, strict=True):
        if label.lower() in RIGHT | WRONG:
            known[index] = label.lower() in RIGHT
    wrong = min((index for index, holds in known.items() if not holds), default=None)
    if wrong is not None:
        inside = wrong < len(row.steps)
        return [True] * wrong + [False] if inside else []
    found: list[bool] = []
    while len(found) < len(row.steps) and known.get(len(found), False):
        found.append(True)
    return found


def judgments_of(rows: Iterable[StepRow]) -> dict[Source, Judgment]:
    """Return the judgments that rows came from: the inverse of `step_rows_of`."""
    return {
        source: Step.model_validate(
            {
                "completion": row.completion_id,
                "index": row.indices[place],
                "label": row.labels[place],
                "note": row.notes[place],
                **carried(row, place),
            }
        )
        for row in rows
        for place, source in enumerate(row.src)
    }
