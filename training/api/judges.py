"""Judges: set up, asked, and known by their cards. Keys are never told, only named."""

from dataclasses import asdict
from datetime import datetime
from decimal import Decimal
from typing import Annotated, Any, Literal
from uuid import UUID

from django.http import HttpRequest
from ninja import Router
from ninja.responses import Status
from pydantic import BaseModel, ConfigDict, Field

from annotation.api import schemas
from annotation.errors import InvalidInput, NotFound
from annotation.models import Actor, Judge, Project
from annotation.permissions import Capability, project_for
from annotation.quality.summary import Share
from annotation.services.judge_cards import card_of
from annotation.services.judge_ledgers import maybe_paid
from annotation.services.judges import pause, start_batch, start_trial, waiting_for
from training.services.judges import save_judge

router = Router(tags=["judges"])
FAILURES = dict.fromkeys((400, 401, 403, 404, 409, 422, 503), schemas.Failure)
Money = Annotated[Decimal, Field(ge=0, max_digits=16, decimal_places=8)]
Backend = Literal["model", "endpoint", "recorded", "panel"]
VERBS = {"ask": start_batch, "try": start_trial, "pause": pause}


class JudgeIn(BaseModel):
    """A judge to set up; docs/judges.md says what each kind needs."""

    model_config = ConfigDict(extra="forbid")

    name: str = Field(min_length=1, max_length=100)
    backend: Backend
    model_version: UUID | None = None
    replays: int | None = Field(None, description="The actor whose labels are given.")
    members: list[int] = Field([], description="The judges of a panel.", max_length=50)
    settings: dict[str, Any] = {}
    price_prompt: Money = Decimal(0)
    price_completion: Money = Decimal(0)
    budget: Money | None = None
    concurrency: int = Field(4, ge=1, le=256)


class BatchOut(BaseModel):
    """A batch, or a trial with what was said."""

    id: int
    kind: Literal["batch", "trial"]
    state: Literal["queued", "running", "done", "stopped", "cut_off"]
    counts: dict[str, Any]
    error: dict[str, Any] | None
    report: list[dict[str, Any]]
    created_at: datetime
    ended_at: datetime | None


class JudgeOut(BaseModel):
    id: int
    name: str
    backend: Backend
    state: Literal["ready", "stopped"]
    problem: dict[str, Any] | None
    model_version: UUID | None
    replays: int | None
    members: list[int]
    settings: dict[str, Any]
    price_prompt: float
    price_completion: float
    budget: float | None
    spent: float
    calls: int
    prompt_tokens: int
    completion_tokens: int
    maybe_paid_twice: int
    concurrency: int
    calibration: float
    waiting: int
    batches: list[BatchOut]


def judge_out(judge: Judge) -> dict[str, Any]:
    """Return a judge as the API shows it."""
    plain = {
        name: getattr(judge, name)
        for name in JudgeOut.model_fields
        if name not in ("members", "batches", "waiting", "maybe_paid_twice", "replays")
    }
    return plain | {
        "replays": judge.replays_id,
        "members": list(judge.members.values_list("pk", flat=True)),
        "maybe_paid_twice": maybe_paid(judge)["calls"],
        "waiting": waiting_for(judge).count(),
        "batches": [
            {name: getattr(batch, name) for name in BatchOut.model_fields}
            for batch in judge.batches.all()[:10]
        ],
    }


@router.get(
    "/{slug}/judges",
    response={200: list[JudgeOut], **FAILURES},
    operation_id="list_judges",
)
def list_judges(request: HttpRequest, slug: str) -> list[dict[str, Any]]:
    """Return a project's judges with their accounts."""
    project = project_for(request.user, slug, "observe")
    return [judge_out(each) for each in project.judges.order_by("pk")[:100]]


@router.post(
    "/{slug}/judges",
    response={201: JudgeOut, **FAILURES},
    operation_id="create_judge",
)
def post_judge(
    request: HttpRequest, slug: str, payload: JudgeIn
) -> Status[dict[str, Any]]:
    """Set up a judge; nothing is asked yet."""
    project = project_for(request.user, slug, "research")
    fields = payload.model_dump(exclude={"members", "replays"})
    judge = Judge(project=project, created_by_id=request.user.pk, **fields)
    if payload.replays is not None:
        judge.replays = _actor(project, payload.replays)
    members = list(project.judges.filter(pk__in=payload.members))
    if len(members) < len(set(payload.members)):
        raise _unknown("members", "judges of the project", str(payload.members))
    return Status(201, judge_out(save_judge(judge, members=members)))


@router.get(
    "/{slug}/judges/{int:judge}",
    response={200: JudgeOut, **FAILURES},
    operation_id="get_judge",
)
def get_judge(request: HttpRequest, slug: str, judge: int) -> dict[str, Any]:
    """Return a judge, its accounts and its last batches."""
    return judge_out(_judge(request, slug, judge, "observe"))


@router.get(
    "/{slug}/judges/{int:judge}/card",
    response={200: dict[str, Any], **FAILURES},
    operation_id="get_judge_card",
)
def get_card(request: HttpRequest, slug: str, judge: int) -> dict[str, Any]:
    """Return how far a judge may be trusted, with intervals; docs/judges.md."""
    found = _judge(request, slug, judge, "observe")
    if found.actor is None:
        return {"items": 0, "with_people": 0}
    card = card_of(found.actor)
    told: dict[str, Any] = _told(asdict(card))
    for name, value in vars(card).items():
        if isinstance(value, Share):
            told[name] |= {"value": value.value, "interval": value.interval}
    return told


@router.post(
    "/{slug}/judges/{int:judge}/ask",
    response={202: JudgeOut, **FAILURES},
    operation_id="ask_judge",
)
def ask_judge(request: HttpRequest, slug: str, judge: int) -> Status[dict[str, Any]]:
    """Let a judge answer what waits for it; a stopped one goes on."""
    return _do("ask", request, slug, judge)


@router.post(
    "/{slug}/judges/{int:judge}/try",
    response={202: JudgeOut, **FAILURES},
    operation_id="try_judge",
)
def try_judge(request: HttpRequest, slug: str, judge: int) -> Status[dict[str, Any]]:
    """Ask a judge about three tasks; what it says stands in the batch alone."""
    return _do("try", request, slug, judge)


@router.post(
    "/{slug}/judges/{int:judge}/pause",
    response={202: JudgeOut, **FAILURES},
    operation_id="pause_judge",
)
def pause_judge(request: HttpRequest, slug: str, judge: int) -> Status[dict[str, Any]]:
    """Let a judge start no further batch until it is asked again."""
    return _do("pause", request, slug, judge)


def _do(
    verb: str, request: HttpRequest, slug: str, judge: int
) -> Status[dict[str, Any]]:
    found = _judge(request, slug, judge, "research")
    VERBS[verb](found)
    found.refresh_from_db()
    return Status(202, judge_out(found))


def _judge(
    request: HttpRequest, slug: str, judge: int, capability: Capability
) -> Judge:
    project = project_for(request.user, slug, capability)
    found = project.judges.filter(pk=judge).first()
    if found is None:
        raise NotFound(
            "There is no such judge in this project.",
            expected="the id of one of its judges",
            found=str(judge),
        )
    return found


def _actor(project: Project, actor: int) -> Actor:
    found = Actor.objects.filter(project=project, pk=actor, user=None).first()
    if found is None:
        raise _unknown("replays", "an imported actor of the project", str(actor))
    return found


def _unknown(field: str, expected: str, found: str) -> InvalidInput:
    return InvalidInput(
        "The judge names what the project does not have.",
        expected=expected,
        found=found,
        fix="Look them up, and name those of this project.",
        fields=[{"path": field, "message": f"expected {expected}", "value": found}],
    )


def _told(value: Any) -> Any:
    """Return dataclasses as JSON: times as text, tuples as lists."""
    if isinstance(value, dict):
        return {str(name): _told(each) for name, each in value.items()}
    if isinstance(value, list | tuple):
        return [_told(each) for each in value]
    return value.isoformat() if isinstance(value, datetime) else value
