"""Curation jobs: asked for by people, done by workers, kept as rows."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any, Literal
from uuid import UUID

from django.contrib.auth.models import User
from django.db.models import Model
from django.utils import timezone
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from annotation.errors import InvalidInput
from annotation.models import Judge, Project
from annotation.wording import problems_of
from config.dispatch import Queue, enqueue
from training.models import ModelVersion, Snapshot
from training.models.curation import CurationJob

RUN = "workers.run_curation"
QUEUE: Queue = "judge"
SILENT = timedelta(minutes=30)
Use = Literal["columns", "soft", "margin", "flip", "drop"]
USES: dict[Use, str] = {
    "columns": "adds the votes and leaves labels as they are",
    "soft": "takes the mean probability as soft label",
    "margin": "takes the mean log-odds as margin",
    "flip": "turns suspected labels round",
    "drop": "leaves suspected labels out",
}
"""What becomes of labels that reward models have voted on."""
SEED = "Same seed and labels, same draws."
State, Kind = CurationJob.State, CurationJob.Kind


class Told(BaseModel):
    model_config = ConfigDict(extra="forbid", allow_inf_nan=False)


class Verify(Told):
    """How many of people's labels the verified pool gets."""

    share: float = Field(
        0.1, ge=0, le=1, description="Of the labels of people, 0 to 1."
    )
    seed: int = Field(0, ge=0, lt=2**31, description=SEED)


class Iterate(Told):
    """Whose errors lead the way, and who judges their neighbours."""

    model: UUID = Field(description="The reward model whose errors lead the way.")
    judge: int = Field(description="The judge that is asked.")
    most: int = Field(200, ge=1, le=100_000, description="Pairs asked about at most.")
    examples: int = Field(
        3, ge=0, le=20, description="Verified pairs shown with each question."
    )


class Votes(Told):
    """Which labels are voted on, and what becomes of them."""

    snapshot: UUID = Field(description="A frozen snapshot of pairs.")
    use: Use = Field("columns", description="What becomes of doubted labels.")
    models: int = Field(
        10,
        ge=2,
        le=100,
        description="How many; each label is voted on by those that never met it.",
    )
    ask_again: int = Field(
        0,
        ge=0,
        le=100_000,
        description="So many of the most doubted go back to people.",
    )
    seed: int = Field(0, ge=0, lt=2**31, description=SEED)


class Recycle(Told):
    """Which labels get another look."""

    snapshot: UUID = Field(description="A frozen snapshot of pairs.")
    models: int = Field(
        10,
        ge=2,
        le=100,
        description="How many; each label is voted on by those that never met it.",
    )
    ask_again: int = Field(
        0,
        ge=0,
        le=100_000,
        description="So many of the most doubted go back to people.",
    )
    seed: int = Field(0, ge=0, lt=2**31, description=SEED)


SETTINGS: dict[str, type[Told]] = {
    Kind.VERIFY: Verify,
    Kind.ITERATE: Iterate,
    Kind.VOTES: Votes,
    Kind.RECYCLE: Recycle,
}


def read_settings(project: Project, kind: str, raw: Mapping[str, Any]) -> Told:
    """Read a job's settings; what they name is the project's own.

    Raises:
        InvalidInput: naming each field that is wrong.
    """
    if kind not in SETTINGS:
        raise _wrong(
            [{"path": "kind", "message": f"should be one of {list(SETTINGS)}"}]
        )
    try:
        told = SETTINGS[kind].model_validate(dict(raw))
    except ValidationError as error:
        raise _wrong(problems_of(error)) from error
    named: dict[str, type[Model]] = {
        "snapshot": Snapshot,
        "model": ModelVersion,
        "judge": Judge,
    }
    strange = [
        {"path": name, "message": "is none of the project's"}
        for name, model in named.items()
        if (pk := getattr(told, name, None)) is not None
        and not model._default_manager.filter(project=project, pk=pk).exists()
    ]
    if strange:
        raise _wrong(strange)
    return told


def _wrong(fields: list[dict[str, Any]]) -> InvalidInput:
    return InvalidInput(
        "The curation cannot be started like this.",
        expected="settings as docs/curation.md describes them",
        found="; ".join(f"{each['path']} {each['message']}" for each in fields),
        fix="Mend the fields named below.",
        fields=fields,
    )


def create_job(
    *, project: Project, kind: str, settings: Mapping[str, Any], by: User | None = None
) -> CurationJob:
    """Make a job that a worker of the queue `judge` will do.

    Raises:
        InvalidInput: naming each field that is wrong.
    """
    told = read_settings(project, kind, settings)
    job = CurationJob.objects.create(
        project=project,
        kind=kind,
        settings=told.model_dump(mode="json"),
        created_by=by,
    )
    enqueue(RUN, job.pk, queue=QUEUE)
    return job


def claim(job: int) -> CurationJob | None:
    """Take a waiting job; None if another worker has it."""
    taken = CurationJob.objects.filter(pk=job, state=State.QUEUED).update(
        state=State.RUNNING, updated_at=timezone.now()
    )
    return CurationJob.objects.select_related("project").get(pk=job) if taken else None


def finished(job: CurationJob, result: Mapping[str, Any]) -> None:
    """Keep what a job found."""
    _end(job, state=State.DONE, result=dict(result))


def failed(job: CurationJob, error: Mapping[str, Any]) -> None:
    """Keep why a job could not be done."""
    _end(job, state=State.FAILED, error=dict(error))


def _end(job: CurationJob, **fields: Any) -> None:
    CurationJob.objects.filter(pk=job.pk, state=State.RUNNING).update(
        updated_at=timezone.now(), **fields
    )


def waiting() -> list[int]:
    """Return the jobs that wait for a worker, those of a silent one included.

    Doing one again adds nothing but another derived snapshot: replies of judges are
    kept, and what is asked again is asked once.
    """
    before = timezone.now() - SILENT
    CurationJob.objects.filter(state=State.RUNNING, updated_at__lt=before).update(
        state=State.QUEUED, updated_at=timezone.now()
    )
    found = CurationJob.objects.filter(state=State.QUEUED).order_by("pk")
    return list(found.values_list("pk", flat=True)[:100])
