"""Reactions of end users, by the key of the product that they use."""

from collections.abc import Iterable
from typing import Annotated, Any

from django.http import HttpRequest
from ninja import Router
from pydantic import BaseModel, Field

from annotation.api import schemas
from annotation.errors import InvalidInput
from annotation.permissions import project_for, token_of
from annotation.services import reacting

router = Router(tags=["reactions"])
FAILURES = dict.fromkeys((400, 401, 403, 404, 413, 422, 429, 503), schemas.Failure)


class ReactionsIn(BaseModel):
    """A batch of one product. Each row is held against its schema by itself."""

    source: Annotated[str, Field(min_length=1, max_length=200)]
    reactions: Annotated[list[Any], Field(max_length=reacting.MOST_ROWS)] = Field(
        json_schema_extra={"items": reacting.ReactionRow.model_json_schema()}
    )


class BadReaction(BaseModel):
    """A row that was left out."""

    index: int
    id: str
    path: str
    message: str
    value: str

    model_config = {"from_attributes": True}


class ReactionsOut(BaseModel):
    """How many are stored now, were stored before, and could not be."""

    accepted: int
    repeated: int
    bad: list[BadReaction]

    model_config = {"from_attributes": True}


@router.post(
    "/{slug}/reactions",
    response={200: ReactionsOut, **FAILURES},
    operation_id="send_reactions",
)
def send_reactions(
    request: HttpRequest, slug: str, payload: ReactionsIn
) -> reacting.Taken:
    """Store what end users did about completions that they were shown.

    Bad rows are listed in `bad`, the others are stored; 422 when all are bad. Sending
    a row again under its id is harmless. Answers 429 with `Retry-After` where one
    token sends more than its share, and then stores nothing of the request.
    """
    project = project_for(request.user, slug, "ingest")
    token = token_of(request.user)
    sender = f"token-{token.pk}" if token else f"user-{request.user.pk}"
    reacting.allow(sender, len(payload.reactions))
    done = reacting.take(project=project, source=payload.source, rows=payload.reactions)
    if done.bad and not done.accepted and not done.repeated:
        raise InvalidInput(
            "None of the reactions could be stored.",
            expected="rows as the API's schema describes them",
            found=f"{len(payload.reactions):,} bad row(s)",
            fix="Mend the rows named below and send them again.",
            fields=_fields(done.bad),
        )
    return done


def _fields(bad: Iterable[reacting.BadRow]) -> list[dict[str, Any]]:
    """Return bad rows as the fields of an error."""
    return [
        {
            "path": f"reactions.{each.index}" + (f".{each.path}" if each.path else ""),
            "message": each.message,
            "value": each.value,
        }
        for each in bad
    ]
