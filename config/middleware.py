"""What holds for every request: how much it may bring, what its answer may load.

The content policy is strict for the workspace and the API. The admin's theme uses
inline styles and Alpine expressions, so it cannot live under the strict policy; in
return the admin never renders model text as HTML.
"""

import re
from collections.abc import Callable

from django.conf import settings
from django.http import (
    HttpRequest,
    HttpResponse,
    JsonResponse,
    UnreadablePostError,
)

STRICT = (
    "default-src 'self'; script-src 'self'; style-src 'self'; "
    "img-src 'self' data:; font-src 'self'; connect-src 'self'; "
    "object-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
)
ADMIN = (
    "default-src 'self'; script-src 'self' 'unsafe-inline' 'unsafe-eval'; "
    "style-src 'self' 'unsafe-inline'; img-src 'self' data:; font-src 'self' data:; "
    "connect-src 'self'; object-src 'none'; base-uri 'none'; form-action 'self'; "
    "frame-ancestors 'none'"
)


class ContentPolicy:
    """Put the content security policy of its room on every response."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self.get_response(request)
        policy = ADMIN if request.path.startswith("/admin/") else STRICT
        response.headers.setdefault("Content-Security-Policy", policy)
        response.headers.setdefault("X-Content-Type-Options", "nosniff")
        return response


# Forms put a little around a file.
AROUND_FILES = 2**16
# Who is still sending when the connection closes never sees the answer.
HEARD_OUT, AT_A_TIME = 2**25, 2**16
FILES = (
    (
        re.compile(r"/api/v1/projects/[^/]+/imports$|/admin/annotation/import/"),
        "IMPORT_MAX_BYTES",
    ),
    (re.compile(r"/api/v1/projects/[^/]+/media$"), "MEDIA_MAX_BYTES"),
)


class BodyLimit:
    """Refuse a body by its length before anything reads it.

    Django bounds what it keeps in memory; files of a form it would write to the disk,
    however large they are. (Bodies without a length are read by nothing.) The refused
    body is taken off the line and dropped, up to 32 MiB, so that the answer arrives.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        told = request.META.get("CONTENT_LENGTH") or "0"
        most, fix = _most(request.path)
        if told.isdigit() and len(told) < 20 and int(told) <= most:
            return self.get_response(request)
        answer = {
            "error": "too_large",
            "message": "The request is too large.",
            "expected": f"at most {most:,} bytes",
            "found": f"{told[:20]} bytes",
            "fix": fix,
            "fields": [],
        }
        _hear_out(request)
        return JsonResponse(answer, status=413)


def _hear_out(request: HttpRequest) -> None:
    try:
        for _ in range(HEARD_OUT // AT_A_TIME):
            if not request.read(AT_A_TIME):
                return
    except UnreadablePostError:
        return  # who sent it has hung up, and needs no answer


def _most(path: str) -> tuple[int, str]:
    """Return how many bytes an address takes, and what to do about more."""
    for pattern, name in FILES:
        if pattern.match(path):
            fix = f"Send a smaller file, or ask the operator for another HONE_{name}."
            return int(getattr(settings, name)) + AROUND_FILES, fix
    fix = "Send less; files of rows go to the imports."
    return int(settings.DATA_UPLOAD_MAX_MEMORY_SIZE), fix
