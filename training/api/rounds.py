"""Rounds: the loop of a project, what it waits for, and its brakes."""

from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from django.http import HttpRequest
from ninja import Router
from ninja.responses import Status
from pydantic import BaseModel, ConfigDict

from annotation.api import schemas
from annotation.errors import InvalidInput, NotFound
from annotation.permissions import Capability, project_for
from training.models import ModelVersion, Round
from training.services import rounds

router = Router(tags=["rounds"])
FAILURES = dict.fromkeys((400, 401, 403, 404, 409, 422, 503), schemas.Failure)


class RoundIn(BaseModel):
    """A round to open; settings left out are those of the round before."""

    model_config = ConfigDict(extra="forbid")

    settings: dict[str, Any] | None = None
    policy: UUID | None = None


class RoundOut(BaseModel):
    number: int
    state: Literal[
        "collecting",
        "freezing",
        "training_reward",
        "training_policy",
        "generating",
        "scoring",
        "gating",
        "selecting",
        "routing",
        "done",
        "failed",
    ]
    paused: bool
    waiting_for: str
    counts: dict[str, Any]
    report: dict[str, Any]
    promoted: bool | None
    settings: dict[str, Any]
    error: dict[str, Any] | None
    policy_in: UUID | None
    policy_out: UUID | None
    reward_model: UUID | None
    snapshot: UUID | None
    routing_plan: int | None
    runs: list[UUID]
    created_at: datetime
    updated_at: datetime


def round_out(found: Round) -> dict[str, Any]:
    """Return a round as the API shows it."""
    return {
        "number": found.number,
        "state": found.state,
        "paused": found.paused,
        "waiting_for": found.waiting_for,
        "counts": found.counts,
        "report": found.report,
        "promoted": found.promoted,
        "settings": found.settings,
        "error": found.error,
        "policy_in": found.policy_in_id,
        "policy_out": found.policy_out_id,
        "reward_model": found.reward_model_id,
        "snapshot": found.snapshot_id,
        "routing_plan": found.routing_plan_id,
        "runs": [run.pk for run in found.runs.all()],
        "created_at": found.created_at,
        "updated_at": found.updated_at,
    }


@router.get(
    "/{slug}/rounds",
    response={200: list[RoundOut], **FAILURES},
    operation_id="list_rounds",
)
def list_rounds(request: HttpRequest, slug: str) -> list[dict[str, Any]]:
    """Return a project's rounds, newest first, with what each waits for."""
    project = project_for(request.user, slug, "observe")
    found = project.rounds.order_by("-number").prefetch_related("runs")
    return [round_out(each) for each in found[:100]]


@router.post(
    "/{slug}/rounds",
    response={201: RoundOut, **FAILURES},
    operation_id="start_round",
)
def post_round(
    request: HttpRequest, slug: str, payload: RoundIn
) -> Status[dict[str, Any]]:
    """Open the project's next round; it advances by itself from then on."""
    project = project_for(request.user, slug, "train")
    policy = None
    if payload.policy is not None:
        policy = ModelVersion.objects.filter(pk=payload.policy, role="policy").first()
        if policy is None or policy.project_id not in (None, project.pk):
            raise InvalidInput(
                "The round's policy cannot be found.",
                expected=f"a policy of {project.slug}",
                found=str(payload.policy),
                fix="List the project's models and choose a policy.",
            )
    made = rounds.start(project=project, settings=payload.settings, policy=policy)
    return Status(201, round_out(made))


@router.post(
    "/{slug}/rounds/{int:number}/pause",
    response={200: RoundOut, **FAILURES},
    operation_id="pause_round",
)
def pause_round(request: HttpRequest, slug: str, number: int) -> dict[str, Any]:
    """Keep a round where it stands; runs under way are let be."""
    return round_out(rounds.set_paused(_round(request, slug, number, "train"), True))


@router.post(
    "/{slug}/rounds/{int:number}/resume",
    response={200: RoundOut, **FAILURES},
    operation_id="resume_round",
)
def resume_round(request: HttpRequest, slug: str, number: int) -> dict[str, Any]:
    """Let a paused round go on."""
    return round_out(rounds.set_paused(_round(request, slug, number, "train"), False))


@router.post(
    "/{slug}/rounds/{int:number}/retry",
    response={200: RoundOut, **FAILURES},
    operation_id="retry_round",
)
def retry_round(request: HttpRequest, slug: str, number: int) -> dict[str, Any]:
    """Put a failed round back where it failed."""
    return round_out(rounds.retry(_round(request, slug, number, "train")))


def _round(
    request: HttpRequest, slug: str, number: int, capability: Capability
) -> Round:
    project = project_for(request.user, slug, capability)
    found = project.rounds.filter(number=number).first()
    if found is None:
        raise NotFound(
            "There is no such round in this project.",
            expected="the number of one of its rounds",
            found=str(number),
            fix="List them: GET /api/v1/projects/{slug}/rounds.",
        )
    return found
