"""Routing plans: what each budget is predicted to reach, applied and measured."""

from datetime import datetime
from typing import Any, Literal

from django.http import HttpRequest
from ninja import Router
from ninja.responses import Status
from pydantic import BaseModel, ConfigDict, Field

from annotation.api import schemas
from annotation.errors import NotFound
from annotation.permissions import Capability, project_for
from training.models import RoutingPlan
from training.services import routing

router = Router(tags=["routing"])
FAILURES = dict.fromkeys((400, 401, 403, 404, 409, 422, 503), schemas.Failure)


class RoutingIn(BaseModel):
    """A plan to predict; round names the queue, null takes all open tasks."""

    model_config = ConfigDict(extra="forbid")

    round: int | None = Field(None, ge=0, lt=2**31)
    settings: dict[str, Any] | None = None


class ShareIn(BaseModel):
    """People's share of the tasks."""

    model_config = ConfigDict(extra="forbid")

    share: float = Field(ge=0, le=1)


class RoutingOut(BaseModel):
    id: int
    state: Literal[
        "queued", "predicting", "ready", "to_apply", "applying", "applied", "failed"
    ]
    round: int | None
    settings: dict[str, Any]
    progress: float
    doing: str
    curve: list[dict[str, Any]]
    report: dict[str, Any]
    share: float | None
    counts: dict[str, Any]
    outcome: dict[str, Any]
    error: dict[str, Any] | None
    created_at: datetime
    applied_at: datetime | None


def plan_out(plan: RoutingPlan) -> dict[str, Any]:
    """Return a plan as the API shows it."""
    return {name: getattr(plan, name) for name in RoutingOut.model_fields}


@router.get(
    "/{slug}/routing",
    response={200: list[RoutingOut], **FAILURES},
    operation_id="list_routing_plans",
)
def list_plans(request: HttpRequest, slug: str) -> list[dict[str, Any]]:
    """Return a project's routing plans, newest first."""
    project = project_for(request.user, slug, "observe")
    return [plan_out(plan) for plan in project.routing_plans.all()[:100]]


@router.post(
    "/{slug}/routing",
    response={201: RoutingOut, **FAILURES},
    operation_id="plan_routing",
)
def post_plan(
    request: HttpRequest, slug: str, payload: RoutingIn
) -> Status[dict[str, Any]]:
    """Have a worker predict what each budget would reach; nothing is spent."""
    project = project_for(request.user, slug, "research")
    made = routing.create_plan(
        project=project, round=payload.round, settings=payload.settings
    )
    return Status(201, plan_out(made))


@router.get(
    "/{slug}/routing/{int:plan}",
    response={200: RoutingOut, **FAILURES},
    operation_id="get_routing_plan",
)
def get_plan(request: HttpRequest, slug: str, plan: int) -> dict[str, Any]:
    """Return a routing plan with its curve."""
    return plan_out(_plan(request, slug, plan, "observe"))


@router.post(
    "/{slug}/routing/{int:plan}/apply",
    response={200: RoutingOut, **FAILURES},
    operation_id="apply_routing_plan",
)
def apply_plan(
    request: HttpRequest, slug: str, plan: int, payload: ShareIn
) -> dict[str, Any]:
    """Set the routes of its tasks; what is leased or answered stays as it is."""
    found = _plan(request, slug, plan, "research")
    return plan_out(routing.ask_to_apply(found, share=payload.share))


@router.post(
    "/{slug}/routing/{int:plan}/measure",
    response={200: RoutingOut, **FAILURES},
    operation_id="measure_routing_plan",
)
def measure_plan(request: HttpRequest, slug: str, plan: int) -> dict[str, Any]:
    """Have a worker measure what an applied plan has come to by now."""
    return plan_out(routing.ask_to_measure(_plan(request, slug, plan, "research")))


def _plan(
    request: HttpRequest, slug: str, plan: int, capability: Capability
) -> RoutingPlan:
    project = project_for(request.user, slug, capability)
    found = project.routing_plans.filter(pk=plan).first()
    if found is None:
        raise NotFound(
            "There is no such routing plan in this project.",
            expected="the id of one of its plans",
            found=str(plan),
            fix="List them: GET /api/v1/projects/{slug}/routing.",
        )
    return found
