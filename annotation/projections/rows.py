"""What goes into a projection and what comes out: values, no database."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from annotation.judgments import Judgment

Message = Mapping[str, str]
Messages = Sequence[Message]


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


@dataclass(frozen=True, slots=True)
class PairRow:
    """One training row of the pairs view, winner first (docs/data.md).

    soft_label: probability that chosen is better: 1.0 decided, 0.5 tie.
    margin: signed strength as the scale maps it; null where no strength was given.
    transform: the rule that made the row, with its version; names the inverse.
    flipped: whether chosen is what was presented second (compare).
    confidence, targets: of each judgment in `src`.
    list_id, *_group, *_place, unranked: where the two stand in a ranking.
    *_value: the two values (rate).
    votes, agreement: how many labels a consensus holds, and the share of the largest
        opinion among them.
    """

    row_id: str
    prompt: Messages
    chosen: Messages
    rejected: Messages
    soft_label: float
    margin: float | None
    weight: float
    criterion: str | None
    annotator: str
    group: str
    split: str
    src: list[Source]
    task: str
    transform: str
    chosen_id: str
    rejected_id: str
    annotator_kind: str = "human"
    source: str = ""
    round: int = 0
    question: str | None = None
    scale: str | None = None
    outcome: str | None = None
    strength: int | None = None
    flipped: bool = False
    confidence: list[float | None] = field(default_factory=list)
    targets: list[list[int]] = field(default_factory=list)
    list_id: str | None = None
    chosen_group: int | None = None
    rejected_group: int | None = None
    chosen_place: int | None = None
    rejected_place: int | None = None
    unranked: list[str] = field(default_factory=list)
    chosen_value: float | None = None
    rejected_value: float | None = None
    votes: int = 1
    agreement: float | None = None

    @property
    def is_tie(self) -> bool:
        return self.soft_label == 0.5


PAIR_COLUMNS: tuple[str, ...] = tuple(PairRow.__dataclass_fields__)


def row_dict(row: PairRow) -> dict[str, Any]:
    """Return a row as JSON and Parquet hold it."""
    found = {name: getattr(row, name) for name in PAIR_COLUMNS}
    found["src"] = [item._asdict() for item in row.src]
    return found


def row_from_dict(found: Mapping[str, Any]) -> PairRow:
    """Return the row that `row_dict` wrote, from JSON or Parquet."""
    values = {name: found[name] for name in PAIR_COLUMNS if name in found}
    values["src"] = [Source(**item) for item in found["src"]]
    return PairRow(**values)
