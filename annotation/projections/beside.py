"""What else an answer says of a comparison: why, what is unsafe, edits, ratings."""

from collections.abc import Sequence
from typing import NamedTuple
from uuid import UUID

from annotation.judgments import Choose, Compare, Rate, WrittenText
from annotation.projections.judge import belongs
from annotation.projections.rows import Answered, Messages

UNSAFE, SAFE = "unsafe", "safe"
"""Categories of a `choose` about a completion that say whether it is unsafe."""


def rationale_of(answer: Answered, place: int) -> str | None:
    """Return the reasons given for the comparison at a place, a line each."""
    verdict = answer.judgments[place]
    if not isinstance(verdict, Compare):
        return None
    found = [
        text.content
        for text in answer.judgments
        if isinstance(text, WrittenText)
        and text.role == "rationale"
        and belongs(text, verdict, place)
    ]
    return "\n".join(found) or None


def edited(answer: Answered, completion: UUID) -> Messages | None:
    """Return what somebody wrote in a completion's place, the last text; or None."""
    said = [
        text.content
        for text in answer.judgments
        if isinstance(text, WrittenText)
        and text.role == "edit"
        and text.completion == completion
        and text.content.strip()
    ]
    return [{"role": "assistant", "content": said[-1]}] if said else None


def unsafe(answer: Answered, completion: UUID) -> bool | None:
    """Return whether a completion was called unsafe, the last word; None if neither."""
    said = [
        judgment.category == UNSAFE
        for judgment in answer.judgments
        if isinstance(judgment, Choose)
        and judgment.target == completion
        and judgment.category in (UNSAFE, SAFE)
    ]
    return said[-1] if said else None


class Factors(NamedTuple):
    """What an answer rates of both sides of a pair, by criterion from a to z."""

    names: Sequence[str]
    chosen: Sequence[float]
    rejected: Sequence[float]

    def margins(self, criterion: str | None) -> list[float] | None:
        """Return chosen less rejected for each criterion but the pair's own."""
        found = [
            one - other
            for name, one, other in zip(*self, strict=True)
            if name != criterion
        ]
        return found or None


def factors_of(answer: Answered, chosen: UUID, rejected: UUID) -> Factors:
    """Return the ratings of both sides; criteria that one of them lacks are left out.

    Of two ratings by one criterion the last one counts.
    """
    said: dict[UUID, dict[str, float]] = {chosen: {}, rejected: {}}
    for judgment in answer.judgments:
        if isinstance(judgment, Rate) and judgment.completion in said:
            name = judgment.criterion or judgment.question
            if name and judgment.value is not None:
                said[judgment.completion][name] = judgment.value
    names = sorted(said[chosen].keys() & said[rejected].keys())
    return Factors(
        names,
        [said[chosen][name] for name in names],
        [said[rejected][name] for name in names],
    )
