"""What a sender says of its users' reactions, and what is said back."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from typing import Annotated, Any, Self
from uuid import UUID

from django.db.models import QuerySet
from django.utils import timezone
from pydantic import AwareDatetime, Field, model_validator

from annotation.judgments import Name, Strict
from annotation.models import Feedback, Project

Label = Annotated[str, Field(min_length=1, max_length=200)]


class ReactionRow(Strict):
    """What one end user did about one completion that they were shown.

    Attributes:
        id: the sender's own id of this reaction; makes repeats harmless.
        user: an id that means nothing elsewhere: no name, no e-mail address.
        completion_id: a completion of the project; or else
        prompt, completion: what was asked and shown, texts or messages.
        value: above 0 is good, below 0 bad, 0 is shown without a reaction.
        position: the place in which it was shown, 0 the first.
        exposed: whether the user is known to have seen it.
        at: when, with a time zone; now where it is left out.
    """

    id: Label
    user: Label
    completion_id: UUID | None = None
    prompt: str | list[dict[str, Any]] | None = None
    completion: str | list[dict[str, Any]] | None = None
    generator: Name = ""
    signal: Label
    value: float = Field(ge=-1e6, le=1e6)
    criterion: Label | None = None
    position: int | None = Field(None, ge=0, le=10_000)
    exposed: bool = True
    at: AwareDatetime | None = None

    @model_validator(mode="after")
    def of_one_completion(self) -> Self:
        inline = self.prompt is not None and self.completion is not None
        if (self.completion_id is not None) == inline:
            raise ValueError("name a completion_id, or send prompt and completion")
        if "@" in self.user:
            raise ValueError("user must be an opaque id, not an e-mail address")
        return self


@dataclass(frozen=True)
class BadRow:
    """A row that was not taken, and why."""

    index: int
    id: str
    path: str
    message: str
    value: str = ""


@dataclass
class Taken:
    """What became of a batch."""

    accepted: int = 0
    repeated: int = 0
    bad: list[BadRow] = field(default_factory=list)


Rows = dict[int, tuple[ReactionRow, UUID]]  # by place in the batch


def bad_row(index: int, row: ReactionRow, path: str, why: str, value: object) -> BadRow:
    """Return what is said of a row that was read and cannot be used."""
    return BadRow(index, row.id, path, why, str(value)[:200])


def of_users(project: Project, source: str, read: Rows) -> QuerySet[Feedback]:
    """Return what the users of a batch have done so far; found by their indexes."""
    return Feedback.objects.filter(
        project=project,
        actor__project=project,
        actor__kind="end_user",
        actor__source=source,
        actor__external_id__in={row.user for row, _ in read.values()},
    )


def day_of(at: datetime | None) -> date:
    """Return the day of a reaction in UTC: today, where it does not say."""
    return (at or timezone.now()).astimezone(UTC).date()


# What of a stored judgment makes it the same, and what a field left out means.
STORED: Mapping[str, Any] = {
    "signal": None,
    "value": None,
    "criterion": None,
    "position": None,
    "exposed": True,
}
