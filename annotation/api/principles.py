"""A project's principles: the library, what people decide on it, and extractions."""

from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from django.http import HttpRequest
from ninja import Query, Router
from ninja.responses import Status
from pydantic import BaseModel, Field, field_validator

from annotation.api import schemas
from annotation.api.auth import person_of
from annotation.errors import NotFound
from annotation.models import Extraction, Judge, LibraryPrinciple, Project
from annotation.permissions import project_for, projects_for
from annotation.services.principles import library
from annotation.services.principles.deciding import decide
from annotation.services.principles.queued import begin, judge_named
from annotation.services.principles.settings import ExtractionSettings

router = Router(tags=["principles"])
FAILURES = dict.fromkeys((401, 403, 404, 409, 422), schemas.Failure)
State = Literal["proposed", "approved", "rejected", "withdrawn"]
Origin = Literal["authored", "extracted"]
DECISIONS: dict[str, str] = {
    "approve": LibraryPrinciple.State.APPROVED,
    "reject": LibraryPrinciple.State.REJECTED,
    "withdraw": LibraryPrinciple.State.WITHDRAWN,
}


class PrincipleOut(BaseModel):
    """A principle; how often it was said is for those who may see answers."""

    id: int
    text: str
    origin: Origin
    state: State
    said: int | None = None
    people: int | None = None

    model_config = {"from_attributes": True}


class MentionOut(BaseModel):
    """One place that says it: what was read, and word for word what stands there."""

    feedback: UUID
    judgment: int
    completion: UUID
    verdict: Literal["yes", "no"]
    wording: str
    quote: str
    similarity: float


class PrinciplePage(PrincipleOut):
    mentions: list[MentionOut]


class PrincipleChoices(BaseModel):
    """Which principles; all words of `q` must stand in one."""

    q: Annotated[str, Field(max_length=200)] = ""
    state: State | None = None
    origin: Origin | None = None
    limit: Annotated[int, Field(ge=1, le=200)] = 50
    offset: Annotated[int, Field(ge=0, le=1_000_000)] = 0


class PrincipleIn(BaseModel):
    text: Annotated[str, Field(min_length=1, max_length=2000)]


class PrincipleWritten(PrincipleOut):
    near: list[PrincipleOut] = Field(description="Others that read nearly the same.")


class DecisionIn(BaseModel):
    decision: Literal["approve", "reject", "withdraw"]


class ExtractionIn(BaseModel):
    """Who reads, and what is kept; see docs/protocols.md."""

    judge: Annotated[str, Field(max_length=100)] | None = Field(
        None, description="The name of a judge; none: the reader by rules."
    )
    thresholds: ExtractionSettings = ExtractionSettings()


class ExtractionOut(BaseModel):
    id: int
    state: Literal["running", "done", "failed"]
    judge: str | None
    thresholds: dict[str, Any]
    counts: dict[str, int]
    problem: str
    created_at: datetime
    finished_at: datetime | None

    model_config = {"from_attributes": True}

    @field_validator("judge", mode="before")
    @classmethod
    def named(cls, value: Any) -> Any:
        """Return a judge's name."""
        return value.name if isinstance(value, Judge) else value


@router.get(
    "/{slug}/principles",
    response={200: list[PrincipleOut], **FAILURES},
    operation_id="list_principles",
)
def list_principles(
    request: HttpRequest, slug: str, choices: Query[PrincipleChoices]
) -> list[dict[str, Any]]:
    """Search the library, those said most often first.

    Who may not see answers gets approved ones alone, and not how often they were said.
    """
    project = project_for(request.user, slug, "view")
    seeing = projects_for(request.user, "see_answers")
    sees = seeing.filter(pk=project.pk).exists()
    state = choices.state if sees else "approved"
    if not sees and choices.state not in (None, "approved"):
        return []
    rows = library.search(project, words=choices.q, state=state, origin=choices.origin)
    if not sees:
        rows = rows.order_by("text", "pk")
    page = rows[choices.offset : choices.offset + choices.limit]
    return [_listed(row, counted=sees) for row in page]


def _listed(row: LibraryPrinciple, *, counted: bool = False) -> dict[str, Any]:
    found = {name: getattr(row, name) for name in ("id", "text", "origin", "state")}
    if counted:
        found |= {name: getattr(row, name) for name in ("said", "people")}
    return found


@router.post(
    "/{slug}/principles",
    response={201: PrincipleWritten, **FAILURES},
    operation_id="write_principle",
)
def write_principle(
    request: HttpRequest, slug: str, payload: PrincipleIn
) -> Status[dict[str, Any]]:
    """Add a principle of one's own, approved; `near` names those it may repeat."""
    project = project_for(request.user, slug, "research")
    near = library.near_duplicates(project, payload.text)
    row = library.write_principle(
        project=project, text=payload.text, user=person_of(request)
    )
    return Status(201, _listed(row) | {"near": [_listed(each) for each in near]})


@router.get(
    "/{slug}/principles/extractions",
    response={200: list[ExtractionOut], **FAILURES},
    operation_id="list_extractions",
)
def list_extractions(request: HttpRequest, slug: str) -> list[Extraction]:
    """Return the newest readings of the project's texts."""
    project = project_for(request.user, slug, "observe")
    return list(project.extractions.select_related("judge")[:50])


@router.post(
    "/{slug}/principles/extractions",
    response={202: ExtractionOut, **FAILURES},
    operation_id="extract_principles",
)
def extract_principles(
    request: HttpRequest, slug: str, payload: ExtractionIn
) -> Status[Extraction]:
    """Let a worker read rationales and critiques for principles."""
    project = project_for(request.user, slug, "research")
    row = begin(
        project=project,
        settings=payload.thresholds.model_dump(),
        judge=judge_named(project, payload.judge) if payload.judge else None,
        user=person_of(request),
    )
    return Status(202, row)


@router.get(
    "/{slug}/principles/{int:principle_id}",
    response={200: PrinciplePage, **FAILURES},
    operation_id="get_principle",
)
def get_principle(request: HttpRequest, slug: str, principle_id: int) -> dict[str, Any]:
    """Return a principle with the first hundred places that say it."""
    project = project_for(request.user, slug, "see_answers")
    row = _of(project, principle_id)
    mentions = row.mentions.order_by("pk")[:100]
    return _listed(row, counted=True) | {
        "mentions": [
            {
                "feedback": each.feedback_id,
                "judgment": each.judgment,
                "completion": each.completion_id,
                "verdict": each.verdict,
                "wording": each.wording,
                "quote": each.quote,
                "similarity": each.similarity,
            }
            for each in mentions
        ]
    }


@router.post(
    "/{slug}/principles/{int:principle_id}/decision",
    response={200: PrincipleOut, **FAILURES},
    operation_id="decide_principle",
)
def decide_principle(
    request: HttpRequest, slug: str, principle_id: int, payload: DecisionIn
) -> dict[str, Any]:
    """Approve, reject or withdraw a principle; only approved ones enter any view."""
    project = project_for(request.user, slug, "review")
    decide(
        principle=_of(project, principle_id),
        state=DECISIONS[payload.decision],
        user=person_of(request),
    )
    return _listed(_of(project, principle_id), counted=True)


def _of(project: Project, principle_id: int) -> LibraryPrinciple:
    row = library.search(project).filter(pk=principle_id).first()
    if row is None:
        raise NotFound(
            "There is no such principle in this project.",
            expected="the id of one of its principles",
            found=str(principle_id),
            fix="List them: GET /api/v1/projects/{slug}/principles.",
        )
    return row
