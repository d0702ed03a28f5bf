"""Questions: the presets, what they look like, and a project's next version."""

from typing import Any

from django.http import HttpRequest
from ninja import Router

from annotation.api import schemas
from annotation.api.auth import person_of
from annotation.permissions import project_for
from annotation.protocols.presets import PRESETS, Preset
from annotation.protocols.questions import dump_questions, parse_questions
from annotation.services.previewing import draft_of, preview, questions_of_version
from annotation.services.projects import publish_protocol as publish

presets_router = Router(tags=["protocols"])
router = Router(tags=["protocols"])
REFUSALS = {422: schemas.Failure}


def _listed(preset: Preset) -> dict[str, Any]:
    fewest, most = preset.completions
    return {
        "name": preset.name,
        "title": preset.title,
        "source": preset.source,
        "questions": preset.questions,
        "guidelines": preset.guidelines,
        "overlap": preset.overlap,
        "fewest_completions": fewest,
        "most_completions": most,
        "live_prompts": preset.live_prompts,
    }


@presets_router.get("", response=list[schemas.PresetOut], operation_id="list_presets")
def list_presets(request: HttpRequest) -> list[dict[str, Any]]:
    """Return the protocols that come with Hone, which a project may begin with."""
    return [_listed(preset) for preset in PRESETS.values()]


@router.get("/{slug}/preview", response=schemas.PreviewOut, operation_id="get_preview")
def get_preview(
    request: HttpRequest, slug: str, version: int | None = None
) -> dict[str, Any]:
    """Return a task as it would be handed out, with a version's questions.

    Without a version: those that I am editing in the panel, or else the newest.
    """
    project = project_for(request.user, slug, "research")
    user = person_of(request).pk
    draft = draft_of(project=project, user=user) if version is None else None
    number, stored = questions_of_version(project, version)
    if draft is not None:
        number, stored = number + 1, draft
    questions = dump_questions(parse_questions(stored))
    seen = preview(project=project, questions=questions, version=number)
    return seen | {"draft": draft is not None}


@router.post(
    "/{slug}/preview",
    response={200: schemas.PreviewOut, **REFUSALS},
    operation_id="preview_questions",
)
def preview_questions(
    request: HttpRequest, slug: str, payload: schemas.QuestionsIn
) -> dict[str, Any]:
    """Return the same with questions that are not saved."""
    project = project_for(request.user, slug, "research")
    number, _ = questions_of_version(project, None)
    questions = dump_questions(payload.questions)
    seen = preview(project=project, questions=questions, version=number + 1)
    return seen | {"draft": True}


@router.post(
    "/{slug}/protocol",
    response={201: schemas.Protocol, **REFUSALS},
    operation_id="publish_protocol",
)
def publish_protocol(
    request: HttpRequest, slug: str, payload: schemas.ProtocolIn
) -> tuple[int, dict[str, Any]]:
    """Publish the next version of a project's questions; given answers keep theirs."""
    project = project_for(request.user, slug, "research")
    version = publish(
        project=project,
        questions=dump_questions(payload.questions),
        unseen_tasks=payload.unseen_tasks,
    )
    return 201, {"version": version.number, "questions": version.questions}
