"""Runs and models: launch, watch, stop, try again."""

from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from django.contrib.auth.models import AbstractBaseUser
from django.http import HttpRequest
from ninja import Router
from ninja.responses import Status
from pydantic import BaseModel, ConfigDict, Field

from annotation.api import schemas
from annotation.errors import InvalidInput
from annotation.models import Project
from annotation.permissions import Capability, project_for, projects_for, require
from training.models import ModelVersion, RunEvent, Snapshot, TrainingRun
from training.services import runs
from training.services.launching import launch
from training.services.promoting import base_model

router = Router(tags=["runs"])
models_router = Router(tags=["models"])
FAILURES = dict.fromkeys((400, 401, 403, 404, 409, 422, 503), schemas.Failure)
PAGE = 100
EVENTS = 500

Kind = Literal["reward", "dpo", "ppo", "online", "generate", "score", "evaluate"]
State = Literal[
    "draft", "queued", "running", "preempted", "succeeded", "failed", "cancelled"
]
Name = Annotated[str, Field(max_length=200)]


class ModelIn(BaseModel):
    """A model from outside: a directory, hub id, .gguf file or wheel:NAME."""

    model_config = ConfigDict(extra="forbid")

    source: Annotated[str, Field(min_length=1, max_length=500)]
    role: Literal["policy", "reward", "judge", "encoder"]
    name: Name = ""


class ModelOut(BaseModel):
    model_config = ConfigDict(from_attributes=True)

    id: UUID
    name: str
    role: str
    source: str
    sha256: str
    parent_id: UUID | None
    run_id: UUID | None
    metrics: dict[str, Any]
    created_at: datetime


class RunIn(BaseModel):
    """A run to launch; the registry of presets says which `params` there are."""

    model_config = ConfigDict(extra="forbid")

    project: str
    kind: Kind
    preset: Annotated[str, Field(max_length=60)] = ""
    name: Name = ""
    snapshot: UUID | None = None
    model: UUID | None = None
    reference: UUID | None = None
    params: dict[str, Any] = {}
    lora: dict[str, Any] | None = None
    limits: dict[str, Any] = {}
    inputs: dict[str, Any] = {}
    seed: int = 0
    backend: Literal["", "trl", "hone"] = ""
    launcher: Annotated[str, Field(max_length=20)] = "local"
    priority: Annotated[int, Field(ge=-100, le=100)] = 0


class RunOut(BaseModel):
    model_config = ConfigDict(from_attributes=True)

    id: UUID
    project: str
    name: str
    kind: Kind
    preset: str
    backend: str
    state: State
    attempt: int
    worker: str
    step: int
    total_steps: int | None
    metrics: dict[str, Any]
    error: dict[str, Any] | None
    cancel_requested: bool
    params: dict[str, Any]
    lora: dict[str, Any] | None
    limits: dict[str, Any]
    inputs: dict[str, Any]
    environment: dict[str, Any]
    seed: int
    priority: int
    snapshot_id: UUID | None
    model_id: UUID | None
    reference_id: UUID | None
    models: list[UUID]
    log_tail: str
    created_at: datetime
    started_at: datetime | None
    heartbeat_at: datetime | None
    finished_at: datetime | None


class EventOut(BaseModel):
    model_config = ConfigDict(from_attributes=True)

    id: int
    attempt: int
    seq: int
    kind: str
    step: int | None
    payload: dict[str, Any]
    at: datetime


class EventsOut(BaseModel):
    """Events in order; ask again with `after=next` until the run has ended."""

    state: State
    next: int
    events: list[EventOut]


def run_out(run: TrainingRun) -> dict[str, Any]:
    """Return a run as the API shows it."""
    fields = {
        name: getattr(run, name)
        for name in RunOut.model_fields
        if name not in ("project", "models")
    }
    return fields | {
        "project": run.project.slug,
        "models": [model.pk for model in run.models.all()],
    }


@router.get("", response={200: list[RunOut], **FAILURES}, operation_id="list_runs")
def list_runs(
    request: HttpRequest, project: str = "", state: State | None = None
) -> list[dict[str, Any]]:
    """Return the newest runs of the projects I may observe, or of one of them."""
    if project:
        seen = Project.objects.filter(
            pk=project_for(request.user, project, "observe").pk
        )
    else:
        seen = projects_for(request.user, "observe")
    found = TrainingRun.objects.filter(project__in=seen.values("pk"))
    if state:
        found = found.filter(state=state)
    found = found.select_related("project").prefetch_related("models")
    return [run_out(run) for run in found.defer("log_tail")[:PAGE]]


@router.post("", response={201: RunOut, **FAILURES}, operation_id="launch_run")
def post_run(request: HttpRequest, payload: RunIn) -> Status[dict[str, Any]]:
    """Launch a run: it waits in the queue for a worker with a device.

    One that asks people about what it samples needs a token of the scope `write`, too.
    """
    project = project_for(request.user, payload.project, "train")
    if payload.inputs.get("tasks") is not None:
        require(request.user, project, "research")
    assert isinstance(request.user, AbstractBaseUser)
    fields = payload.model_dump(exclude={"project", "snapshot", "model", "reference"})
    run = launch(
        project=project,
        snapshot=_snapshot(project, payload.snapshot),
        model=_model(project, payload.model, "model"),
        reference=_model(project, payload.reference, "reference"),
        created_by=request.user,
        **fields,
    )
    return Status(201, run_out(run))


@router.get(
    "/{uuid:run_id}", response={200: RunOut, **FAILURES}, operation_id="get_run"
)
def get_run(request: HttpRequest, run_id: UUID) -> dict[str, Any]:
    """Return a run: its state, progress, latest metrics and the end of its log."""
    return run_out(_run(request, run_id, "observe"))


@router.get(
    "/{uuid:run_id}/events",
    response={200: EventsOut, **FAILURES},
    operation_id="list_run_events",
)
def list_events(request: HttpRequest, run_id: UUID, after: int = 0) -> dict[str, Any]:
    """Return a run's events after a point, oldest first.

    `after` is the `next` of the answer before; 0 starts from the beginning.
    """
    run = _run(request, run_id, "observe")
    found = list(RunEvent.objects.filter(run=run, pk__gt=after).order_by("pk")[:EVENTS])
    return {
        "state": run.state,
        "next": found[-1].pk if found else after,
        "events": found,
    }


@router.post(
    "/{uuid:run_id}/cancel",
    response={200: RunOut, **FAILURES},
    operation_id="cancel_run",
)
def cancel_run(request: HttpRequest, run_id: UUID) -> dict[str, Any]:
    """End a run: at once if it waits, within seconds if it runs."""
    return run_out(runs.request_cancel(_run(request, run_id, "train")))


@router.post(
    "/{uuid:run_id}/retry",
    response={200: RunOut, **FAILURES},
    operation_id="retry_run",
)
def retry_run(request: HttpRequest, run_id: UUID) -> dict[str, Any]:
    """Queue a failed or cancelled run again; it goes on from its last checkpoint."""
    return run_out(runs.retry(_run(request, run_id, "train")))


@models_router.get(
    "/{slug}/models",
    response={200: list[ModelOut], **FAILURES},
    operation_id="list_models",
)
def list_models(request: HttpRequest, slug: str) -> list[ModelVersion]:
    """Return a project's models and those that every project may start from."""
    project = project_for(request.user, slug, "observe")
    shared = ModelVersion.objects.filter(project=None)
    return list((shared | ModelVersion.objects.filter(project=project))[:PAGE])


@models_router.post(
    "/{slug}/models",
    response={201: ModelOut, **FAILURES},
    operation_id="register_model",
)
def post_model(
    request: HttpRequest, slug: str, payload: ModelIn
) -> Status[ModelVersion]:
    """Name a model from outside, so that runs of this project may start from it."""
    project = project_for(request.user, slug, "train")
    model = base_model(
        project=project, source=payload.source, role=payload.role, name=payload.name
    )
    return Status(201, model)


def _run(request: HttpRequest, run_id: UUID, capability: Capability) -> TrainingRun:
    run = (
        TrainingRun.objects.select_related("project")
        .prefetch_related("models")
        .filter(pk=run_id)
        .first()
    )
    # A project that nobody has: a stranger and a wrong id are told the same.
    require(request.user, run.project if run else Project(), capability)
    assert run is not None  # require has refused
    return run


def _snapshot(project: Project, pk: UUID | None) -> Snapshot | None:
    if pk is None:
        return None
    found = Snapshot.objects.filter(project=project, pk=pk).first()
    if found is None:
        raise _unknown("snapshot", project, pk)
    return found


def _model(project: Project, pk: UUID | None, field: str) -> ModelVersion | None:
    if pk is None:
        return None
    found = ModelVersion.objects.filter(pk=pk).first()
    if found is None or found.project_id not in (None, project.pk):
        raise _unknown(field, project, pk)
    return found


def _unknown(field: str, project: Project, pk: UUID) -> InvalidInput:
    return InvalidInput(
        f"The run's {field} cannot be found.",
        expected=f"a {field} of {project.slug}",
        found=str(pk),
        fix=f"List the project's {field}s and choose one.",
        fields=[{"path": field, "message": "unknown", "value": str(pk)}],
    )
