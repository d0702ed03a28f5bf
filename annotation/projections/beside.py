"""What else an answer says of a comparison: why, and which side is unsafe."""

from uuid import UUID

from annotation.judgments import Choose, Compare, WrittenText
from annotation.projections.judge import belongs
from annotation.projections.rows import Answered

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
