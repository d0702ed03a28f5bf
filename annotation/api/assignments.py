"""What I do with a task in my hands."""

from typing import Any

from django.http import HttpRequest, HttpResponse
from ninja import Router

from annotation.api import schemas
from annotation.api.auth import person_of
from annotation.api.json import json_response
from annotation.services import holding
from annotation.services.answering import submit

router = Router(tags=["assignments"])
FAILURES = dict.fromkeys((400, 401, 403, 404, 409, 413, 422, 503), schemas.Failure)


@router.post(
    "/{int:assignment}/feedback",
    response={200: schemas.Receipt, 201: schemas.Receipt, **FAILURES},
    operation_id="submit_feedback",
)
def submit_feedback(
    request: HttpRequest, assignment: int, payload: schemas.FeedbackIn
) -> HttpResponse:
    """Answer a task: 201 when stored, 200 when this very answer was stored before."""
    receipt = submit(
        user=person_of(request),
        assignment=assignment,
        client_id=payload.client_id,
        judgments=payload.judgments,
        active_ms=payload.active_ms,
        protocol_version=payload.protocol_version,
        supersedes=payload.supersedes,
    )
    return json_response(
        {
            "feedback_id": receipt.feedback_id,
            "client_id": receipt.client_id,
            "late": receipt.late,
            "counted": receipt.counted,
            "progress": receipt.progress.as_json(),
        },
        status=200 if receipt.repeated else 201,
    )


@router.post(
    "/{int:assignment}/skip",
    response={200: schemas.Skipped, **FAILURES},
    operation_id="skip_task",
)
def skip_task(
    request: HttpRequest, assignment: int, payload: schemas.Skip
) -> dict[str, Any]:
    """Put a task aside for good; it may go to somebody else."""
    flag = payload.flag.model_dump() if payload.flag else None
    state = holding.skip(
        user=person_of(request), assignment=assignment, reason=payload.reason, flag=flag
    )
    return {"state": state}


@router.post(
    "/{int:assignment}/release",
    response={200: schemas.Released, **FAILURES},
    operation_id="release_task",
)
def release_task(request: HttpRequest, assignment: int) -> dict[str, Any]:
    """Give a task back unanswered."""
    return {"state": holding.release(user=person_of(request), assignment=assignment)}


@router.post(
    "/{int:assignment}/renew",
    response={200: schemas.Renewed, **FAILURES},
    operation_id="renew_lease",
)
def renew_lease(request: HttpRequest, assignment: int) -> dict[str, Any]:
    """Hold a task for another lease's length."""
    return {"expires_at": holding.renew(user=person_of(request), assignment=assignment)}
