"""Snapshots: a filter over the record, frozen for training."""

from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from django.contrib.auth.models import AbstractBaseUser
from django.http import FileResponse, HttpRequest, HttpResponseBase
from ninja import Router
from ninja.responses import Status
from pydantic import BaseModel, ConfigDict, Field

from annotation.api import schemas
from annotation.errors import Conflict, NotFound
from annotation.permissions import project_for
from annotation.projections.query import ViewQuery
from annotation.projections.views import ViewName
from config.dispatch import enqueue
from training.models import Snapshot
from training.services.artifacts import snapshot_dir
from training.services.freezing import create_snapshot

router = Router(tags=["snapshots"])
FAILURES = dict.fromkeys((400, 401, 403, 404, 409, 422, 503), schemas.Failure)
FREEZE = "workers.freeze_snapshot"
FILES = ("train.parquet", "validation.parquet", "test.parquet", "manifest.json")


class SnapshotIn(BaseModel):
    model_config = ConfigDict(extra="forbid")

    name: Annotated[str, Field(max_length=200)] = ""
    view: ViewName = "pairs"
    query: ViewQuery = ViewQuery.model_validate({})


class SnapshotOut(BaseModel):
    model_config = ConfigDict(from_attributes=True)

    id: UUID
    name: str
    view: str
    query: dict[str, Any]
    state: Literal["queued", "running", "ready", "failed"]
    rows: int
    sha256: str
    manifest: dict[str, Any]
    error: dict[str, Any] | None
    created_at: datetime


@router.post(
    "/{slug}/snapshots",
    response={202: SnapshotOut, **FAILURES},
    operation_id="create_snapshot",
)
def post_snapshot(
    request: HttpRequest, slug: str, payload: SnapshotIn
) -> Status[Snapshot]:
    """Ask for a snapshot; a worker freezes it. Look at its state until it is ready."""
    project = project_for(request.user, slug, "research")
    assert isinstance(request.user, AbstractBaseUser)
    snapshot = create_snapshot(
        project=project,
        name=payload.name,
        view=payload.view,
        query=payload.query.model_dump(mode="json", exclude_defaults=True),
        user=request.user,
    )
    enqueue(FREEZE, str(snapshot.pk))
    return Status(202, snapshot)


@router.get(
    "/{slug}/snapshots",
    response={200: list[SnapshotOut], **FAILURES},
    operation_id="list_snapshots",
)
def list_snapshots(request: HttpRequest, slug: str) -> list[Snapshot]:
    """Return the newest snapshots."""
    project = project_for(request.user, slug, "observe")
    return list(project.snapshots.all()[:100])


@router.get(
    "/{slug}/snapshots/{uuid:snapshot_id}",
    response={200: SnapshotOut, **FAILURES},
    operation_id="get_snapshot",
)
def get_snapshot(request: HttpRequest, slug: str, snapshot_id: UUID) -> Snapshot:
    """Return a snapshot with its manifest."""
    return _snapshot(request, slug, snapshot_id)


@router.get(
    "/{slug}/snapshots/{uuid:snapshot_id}/{file}",
    response=FAILURES,
    operation_id="download_snapshot",
)
def download_snapshot(
    request: HttpRequest, slug: str, snapshot_id: UUID, file: str
) -> HttpResponseBase:
    """Return one file of a ready snapshot."""
    snapshot = _snapshot(request, slug, snapshot_id)
    if file not in FILES:
        raise NotFound(
            "A snapshot holds no such file.",
            expected="one of " + ", ".join(FILES),
            found=repr(file[:60]),
            fix="Ask for one of them.",
        )
    if snapshot.state != Snapshot.State.READY:
        raise Conflict(
            "The snapshot has no files yet.",
            expected="state ready",
            found=f"state {snapshot.state}",
            fix="Wait until it is ready; a failed one says why.",
        )
    path = snapshot_dir(snapshot.pk) / file
    try:
        return FileResponse(open(path, "rb"), as_attachment=True)
    except FileNotFoundError as error:
        raise NotFound(
            "The snapshot's file is gone from the disk.",
            expected=f"{file} in the directory of artifacts",
            found="none",
            fix="Freeze a new snapshot with the same query.",
        ) from error


def _snapshot(request: HttpRequest, slug: str, snapshot_id: UUID) -> Snapshot:
    project = project_for(request.user, slug, "observe")
    snapshot = Snapshot.objects.filter(project=project, pk=snapshot_id).first()
    if snapshot is None:
        raise NotFound(
            "There is no such snapshot in this project.",
            expected="the id of one of its snapshots",
            found=str(snapshot_id),
            fix="List them: GET /api/v1/projects/{slug}/snapshots.",
        )
    return snapshot
