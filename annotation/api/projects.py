"""The projects somebody may see, and what they have done there."""

from typing import Annotated, Any

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from ninja import Router
from pydantic import Field

from annotation.api import schemas
from annotation.api.auth import person_of
from annotation.api.json import json_response
from annotation.errors import NotFound
from annotation.judgments import parse_judgments
from annotation.models import Actor, Assignment, Project, Task
from annotation.permissions import project_for, projects_for
from annotation.protocols.questions import dump_questions, parse_questions
from annotation.querysets import feedback_on_task, own_history
from annotation.services.leasing import lease
from annotation.services.own_turns import is_live
from annotation.services.presenting import completions_shown, prompt_shown
from annotation.services.progress import progress_of

router = Router(tags=["projects"])


def _actor(request: HttpRequest) -> int | None:
    return (
        Actor.objects.filter(user=request.user.pk).values_list("pk", flat=True).first()
    )


def _line(project: Project, actor: int | None) -> dict[str, Any]:
    progress = progress_of(project=project.pk, actor=actor)
    return {
        "slug": project.slug,
        "name": project.name,
        "role": getattr(project, "my_role"),  # noqa: B009 - an annotation
        "state": project.state,
        "live_prompts": is_live(project),
        "progress": progress.as_json(),
    }


@router.get("", response=list[schemas.ProjectLine], operation_id="list_projects")
def list_projects(request: HttpRequest) -> list[dict[str, Any]]:
    """Return the projects where I am a member, with my progress."""
    actor = _actor(request)
    return [_line(project, actor) for project in projects_for(request.user, "view")]


@router.get("/{slug}", response=schemas.ProjectOut, operation_id="get_project")
def get_project(request: HttpRequest, slug: str) -> dict[str, Any]:
    """Return a project's guidelines and questions, and my progress."""
    project = project_for(request.user, slug, "view")
    versions = {
        version.number: dump_questions(parse_questions(version.questions))
        for version in project.protocol_versions.order_by("number")
    }
    newest = max(versions)
    return _line(project, _actor(request)) | {
        "guidelines": project.guidelines,
        "protocol": {"version": newest, "questions": versions[newest]},
        "protocols": versions,
        "lease_seconds": project.lease_seconds,
        "image_max_bytes": settings.MEDIA_MAX_BYTES,
    }


@router.post(
    "/{slug}/assignments", response=schemas.HandOutOut, operation_id="lease_tasks"
)
def lease_tasks(
    request: HttpRequest, slug: str, count: int = 1, holder: str = ""
) -> HttpResponse:
    """Lease up to `count` tasks for me.

    With `holder`, the name of a browser tab, the leases that it still holds come back
    first, and new ones fill up to `count`.
    """
    handed = lease(user=person_of(request), slug=slug, count=count, holder=holder)
    return json_response(
        {
            "state": handed.state,
            "assignments": [
                {
                    "id": held.id,
                    "expires_at": held.expires_at,
                    "protocol_version": held.protocol_version,
                    "prompt": held.prompt,
                    "completions": held.completions,
                    "answer": None,
                }
                for held in handed.held
            ],
            "protocols": {
                held.protocol_version: held.questions for held in handed.held
            },
            "progress": handed.progress.as_json(),
            "thanks": handed.thanks,
        }
    )


@router.get(
    "/{slug}/history",
    response=list[schemas.AssignmentOut],
    operation_id="list_history",
)
def list_history(
    request: HttpRequest,
    slug: str,
    limit: Annotated[int, Field(ge=1, le=200)] = 20,
) -> list[dict[str, Any]]:
    """Return what I have answered, newest first, with the answers that stand."""
    project = project_for(request.user, slug, "annotate")
    actor = _actor(request)
    if actor is None:
        return []
    done = own_history(actor=actor, project=project.pk, limit=limit)
    return [_answered(assignment) for assignment in done]


def _answered(assignment: Assignment) -> dict[str, Any]:
    task = assignment.task
    slots = getattr(task, "ordered_slots")  # noqa: B009 - prefetched
    (answer,) = getattr(assignment, "answers")  # noqa: B009 - prefetched
    completions = [
        {
            "id": slot.completion_id,
            "messages": slot.completion.messages,
            "trace": slot.completion.trace,
            "outcome": slot.completion.sampling.get("outcome"),
        }
        for slot in slots
    ]
    questions = dump_questions(parse_questions(task.protocol.questions))
    return {
        "id": assignment.pk,
        "expires_at": assignment.expires_at,
        "protocol_version": task.protocol.number,
        "prompt": prompt_shown(task.prompt.messages, task.prompt.context),
        "completions": completions_shown(completions, assignment.order, questions),
        "answer": {
            "client_id": answer.client_id,
            "feedback_id": answer.pk,
            "judgments": parse_judgments(answer.judgments),
            "active_ms": answer.active_ms,
        },
    }


@router.get(
    "/{slug}/tasks/{int:task}/feedback",
    response=list[schemas.ReviewedAnswer],
    operation_id="list_task_feedback",
)
def list_task_feedback(
    request: HttpRequest, slug: str, task: int
) -> list[dict[str, Any]]:
    """Return everybody's answers to a task: for reviewers, who adjudicate."""
    project = project_for(request.user, slug, "see_answers")
    found = Task.objects.filter(project=project, pk=task).first()
    if found is None:
        raise NotFound(
            "There is no such task in this project.",
            expected="the number of one of its tasks",
            found=str(task),
            fix="Look it up on the panel's page of tasks.",
        )
    return [
        {
            "feedback_id": feedback.pk,
            "assignment": feedback.assignment_id,
            "actor": feedback.actor.name,
            "actor_kind": feedback.actor.kind,
            "judgments": parse_judgments(feedback.judgments),
            "active_ms": feedback.active_ms,
            "late": feedback.late,
            "counted": feedback.assignment.counted,
            "supersedes": feedback.supersedes_id,
            "created_at": feedback.created_at,
        }
        for feedback in feedback_on_task(found)
    ]
