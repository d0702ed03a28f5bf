"""A row of the pairs view, and what every rule puts into it beside its own columns."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from annotation.projections.beside import edited, factors_of, rationale_of, unsafe
from annotation.projections.contexts import condition_of, spoken_of
from annotation.projections.rows import Answered, Messages, Row, about


@dataclass(frozen=True, slots=True, kw_only=True)
class PairRow(Row):
    """One training row of the pairs view, winner first (docs/data.md).

    soft_label: probability that chosen is better: 1.0 decided, 0.5 tie.
    margin: signed strength as the scale maps it; null where no strength was given.
    flipped: whether chosen is what was presented second (compare).
    list_id, *_group, *_place, unranked, all_bad: where the two stand in a ranking.
    *_value: the two values (rate).
    context: what the two were judged under, and reference, calibration,
        rejected_prompt: messages beside it, all of the prompt; `contexts.context_of`
        is their inverse.
    rationale: why, in the annotator's words (compare).
    *_edited: what the same answer writes in the side's place; null if nothing.
    *_unsafe: whether the same answer calls the side unsafe; null if it says neither.
    factors, *_factors: criteria that the same answer rates both sides by, and how;
        null if there is none. margins: their differences, the pair's own left out.
    votes, agreement: how many labels a consensus holds, and the share of the largest
        opinion among them.
    """

    chosen: Messages
    rejected: Messages
    soft_label: float = 1.0
    margin: float | None
    chosen_id: str
    rejected_id: str
    scale: str | None = None
    outcome: str | None = None
    strength: int | None = None
    flipped: bool = False
    list_id: str | None = None
    chosen_group: int | None = None
    rejected_group: int | None = None
    chosen_place: int | None = None
    rejected_place: int | None = None
    unranked: list[str] = field(default_factory=list)
    all_bad: bool = False
    chosen_value: float | None = None
    rejected_value: float | None = None
    context: str | None = None
    reference: Messages | None = None
    calibration: Messages | None = None
    rejected_prompt: Messages | None = None
    rationale: str | None = None
    chosen_edited: Messages | None = None
    rejected_edited: Messages | None = None
    chosen_unsafe: bool | None = None
    rejected_unsafe: bool | None = None
    factors: list[str] = field(default_factory=list)
    chosen_factors: list[float] | None = None
    rejected_factors: list[float] | None = None
    margins: list[float] | None = None
    votes: int = 1
    agreement: float | None = None

    @property
    def is_tie(self) -> bool:
        return self.soft_label == 0.5


def row_of(
    answer: Answered,
    places: Sequence[int],
    better: UUID,
    worse: UUID,
    *,
    number: str = "",
    **columns: Any,
) -> PairRow:
    """Return the row of a winner and a loser, whatever rule found them.

    Args:
        places: of the judgments behind it, in the answer.
        number: which of a judgment's rows it is.
        columns: the rule's own.
    """
    chosen, rejected = str(better), str(worse)
    common = about(answer, places, number=number)
    rated = factors_of(answer, better, worse)
    return PairRow(
        **common,
        chosen=answer.completions[chosen],
        rejected=answer.completions[rejected],
        context=condition_of(answer.context),
        reference=spoken_of(answer.context, "reference"),
        calibration=spoken_of(answer.context, "calibration"),
        rejected_prompt=spoken_of(answer.context, "rejected_prompt"),
        rationale=rationale_of(answer, places[0]),
        chosen_edited=edited(answer, better),
        rejected_edited=edited(answer, worse),
        chosen_unsafe=unsafe(answer, better),
        rejected_unsafe=unsafe(answer, worse),
        factors=list(rated.names),
        chosen_factors=list(rated.chosen) or None,
        rejected_factors=list(rated.rejected) or None,
        margins=rated.margins(common["criterion"]),
        chosen_id=chosen,
        rejected_id=rejected,
        **columns,
    )
