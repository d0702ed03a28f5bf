"""What goes into a view and what every row of one has: values, no database."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple
from uuid import UUID

from annotation.judgments import Choose, Judgment

Message = Mapping[str, str]
Messages = Sequence[Message]
Dropped = Counter[str]


class Source(NamedTuple):
    """Where a row comes from: a feedback id and a judgment's place in it."""

    feedback: str
    judgment: int


@dataclass(frozen=True, slots=True)
class Answered:
    """One feedback row with all that a training row needs to know of it."""

    feedback: str
    judgments: Sequence[Judgment]
    prompt: Messages
    completions: Mapping[str, Messages]  # by id, in the task's order
    annotator: str
    task: str
    group: str
    split: str
    annotator_kind: str = "human"
    source: str = ""
    round: int = 0
    weight: float = 1.0
    traces: Mapping[str, Any] = field(default_factory=dict)  # tool steps, by completion
    context: Mapping[str, Any] | None = None  # the prompt's: reference, passages, ...


@dataclass(frozen=True, slots=True)
class Scales:
    """What a project's scales say of the numbers on them.

    margins: scale -> strength -> margin; a strength is its own margin elsewhere.
    ranges: scale -> (lowest, highest value), of scales for ratings.
    """

    margins: Mapping[str, Mapping[int, float]] = field(default_factory=dict)
    ranges: Mapping[str, tuple[float, float]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """The columns of every view (docs/data.md).

    transform: the rule that made the row, with its version; names the inverse.
    soft_label: probability that the row's label holds, where it has one.
    question, criterion: of the judgments behind it; null where they differ.
    confidence, reasons, targets: of each judgment in `src`.
    """

    row_id: str
    prompt: Messages
    soft_label: float | None = None
    weight: float = 1.0
    criterion: str | None = None
    annotator: str
    group: str
    split: str
    src: list[Source]
    task: str
    transform: str
    annotator_kind: str = "human"
    source: str = ""
    round: int = 0
    question: str | None = None
    confidence: list[float | None] = field(default_factory=list)
    reasons: list[list[str]] = field(default_factory=list)
    targets: list[list[int]] = field(default_factory=list)


@dataclass(frozen=True, slots=True, kw_only=True)
class ManyRow(Row):
    """A row of several judgments that may answer different questions."""

    questions: list[str | None]
    criteria: list[str | None]


def about(
    answer: Answered, places: Sequence[int], *, number: str = ""
) -> dict[str, Any]:
    """Return the common columns of a row made of the judgments at these places."""
    judgments = [answer.judgments[place] for place in places]
    questions = {judgment.question for judgment in judgments}
    criteria = {judgment.criterion for judgment in judgments}
    return {
        "row_id": f"{answer.feedback}:{'-'.join(map(str, places))}{number}",
        "prompt": answer.prompt,
        "weight": answer.weight,
        "criterion": criteria.pop() if len(criteria) == 1 else None,
        "annotator": answer.annotator,
        "group": answer.group,
        "split": answer.split,
        "src": [Source(answer.feedback, place) for place in places],
        "task": answer.task,
        "annotator_kind": answer.annotator_kind,
        "source": answer.source,
        "round": answer.round,
        "question": questions.pop() if len(questions) == 1 else None,
        "confidence": [judgment.confidence for judgment in judgments],
        "reasons": [list(judgment.reasons) for judgment in judgments],
        "targets": [list(judgment.targets) for judgment in judgments],
    }


def about_many(
    answer: Answered, places: Sequence[int], *, number: str = ""
) -> dict[str, Any]:
    """Return the common columns of a row whose judgments may differ in question."""
    judgments = [answer.judgments[place] for place in places]
    return about(answer, places, number=number) | {
        "questions": [judgment.question for judgment in judgments],
        "criteria": [judgment.criterion for judgment in judgments],
    }


def carried(row: Row, place: int = 0) -> dict[str, Any]:
    """Return what every judgment may carry: of the judgment at a place in `src`."""
    question, criterion = row.question, row.criterion
    if isinstance(row, ManyRow):
        question, criterion = row.questions[place], row.criteria[place]
    return {
        "question": question,
        "criterion": criterion,
        "confidence": row.confidence[place],
        "reasons": row.reasons[place],
        "targets": row.targets[place],
    }


def chosen(judgment: Judgment, category: str) -> str | None:
    """Return the completion for which this very category was chosen, if it was."""
    if isinstance(judgment, Choose) and judgment.category == category:
        return str(judgment.target) if isinstance(judgment.target, UUID) else None
    return None
