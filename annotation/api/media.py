"""Images of a project: brought by those who write its prompts, shown to members."""

from django.http import FileResponse, HttpRequest, HttpResponseBase
from django.utils.cache import patch_vary_headers
from ninja import Router
from ninja.responses import Status
from pydantic import BaseModel

from annotation.api import schemas
from annotation.api.auth import person_of
from annotation.api.uploads import uploaded
from annotation.permissions import project_for, require, token_allows
from annotation.services.media import drop_image, image_of, keep_image
from annotation.services.own_turns import is_live

router = Router(tags=["media"])
FAILURES = dict.fromkeys((401, 403, 404, 413, 422, 429, 503), schemas.Failure)
# For the person who is signed in, and for a day: a deleted image does not stay long.
KEEP = "private, max-age=86400"
# Opened by itself it is a picture and nothing more.
ALONE = "default-src 'none'; style-src 'unsafe-inline'; sandbox"


class ImageOut(BaseModel):
    """A kept image; markdown shows it in a text of the same project."""

    sha256: str
    type: str
    bytes: int
    markdown: str


@router.post(
    "/{slug}/media",
    response={201: ImageOut, **FAILURES},
    operation_id="upload_image",
    openapi_extra={
        "requestBody": {
            "description": "PNG, JPEG, GIF, WebP or AVIF: as the body itself, or as "
            "the field `file` of a form.",
            "content": {
                "application/octet-stream": {
                    "schema": {"type": "string", "format": "binary"}
                },
                "multipart/form-data": {
                    "schema": {
                        "type": "object",
                        "properties": {"file": {"type": "string", "format": "binary"}},
                    }
                },
            },
        }
    },
)
def upload_image(request: HttpRequest, slug: str) -> Status[dict[str, object]]:
    """Keep an image for the texts of a project.

    Researchers bring the texts; where annotators write prompts, they may, too.
    """
    project = project_for(request.user, slug, "view")
    writes = is_live(project) and token_allows(request.user, "annotate")
    require(request.user, project, "annotate" if writes else "research")
    _, pieces = uploaded(request)
    image = keep_image(project=project, pieces=pieces, user=person_of(request))
    return Status(
        201,
        {
            "sha256": image.sha256,
            "type": image.type,
            "bytes": image.path.stat().st_size,
            "markdown": f"![](media:{image.sha256})",
        },
    )


@router.get("/{slug}/media/{sha256}", operation_id="get_image")
def get_image(request: HttpRequest, slug: str, sha256: str) -> HttpResponseBase:
    """Return an image of a project, to its members."""
    project = project_for(request.user, slug, "view")
    image = image_of(project=project, sha256=sha256)
    response = FileResponse(image.path.open("rb"), content_type=image.type)
    response["Cache-Control"] = KEEP
    # Whoever signs in next at this browser gets nothing out of its cache.
    patch_vary_headers(response, ["Cookie", "Authorization"])
    response["Content-Security-Policy"] = ALONE
    response["X-Content-Type-Options"] = "nosniff"
    return response


@router.delete(
    "/{slug}/media/{sha256}",
    response={204: None, **FAILURES},
    operation_id="delete_image",
)
def delete_image(request: HttpRequest, slug: str, sha256: str) -> Status[None]:
    """Delete an image of a project for good; texts that name it show their words."""
    project = project_for(request.user, slug, "research")
    drop_image(project=project, sha256=sha256)
    return Status(204, None)
