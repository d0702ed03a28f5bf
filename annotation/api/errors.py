"""Domain errors to JSON, once."""

import json
import logging
from collections.abc import Callable, Sequence
from typing import Any

import redis
from django.conf import settings
from django.core.exceptions import RequestDataTooBig
from django.db import DataError, InterfaceError, OperationalError
from django.http import Http404, HttpRequest, HttpResponse
from ninja import NinjaAPI
from ninja.errors import AuthenticationError, HttpError, ValidationError

from annotation.errors import HoneError
from annotation.wording import problem_of

log = logging.getLogger(__name__)


def body(
    code: str,
    message: str,
    *,
    expected: str | None = None,
    found: str | None = None,
    fix: str | None = None,
    fields: list[dict[str, Any]] | None = None,
) -> dict[str, Any]:
    """Return the one shape that every error of the API has."""
    return {
        "error": code,
        "message": message,
        "expected": expected,
        "found": found,
        "fix": fix,
        "fields": fields or [],
    }


BROKEN = body(
    "internal",
    "Something broke on our side; nothing of this request was stored.",
    expected="an answer",
    found="an error that nobody foresaw",
    fix="Try again. If it happens again, the server's log says why.",
)
UNKNOWN = {
    400: body(
        "refused",
        "The request could not be understood.",
        expected="a request over HTTP to one of this server's names",
        found="another host's name, or a form that cannot be read",
        fix="Check the address and the headers. The server's operator lists its names "
        "in HONE_ALLOWED_HOSTS.",
    ),
    404: body(
        "not_found",
        "There is no such address.",
        expected="an address of the schema at /api/v1/openapi.json",
        found="another one",
        fix="Check the address.",
    ),
    405: body(
        "method_not_allowed",
        "This address does not answer that method.",
        expected="a method of the schema at /api/v1/openapi.json",
        found="another one",
        fix="Look the call up at /api/v1/docs.",
    ),
}


class ApiErrors:
    """Middleware: what failed before or after the API's own code has its shape too."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self.get_response(request)
        if (
            response.status_code >= 400
            and request.path.startswith("/api/")
            and not response.headers.get("Content-Type", "").startswith("application")
        ):
            payload = UNKNOWN.get(response.status_code, BROKEN)
            response.content = json.dumps(payload).encode()
            response["Content-Type"] = "application/json"
        return response


def _wrapping(location: Sequence[object]) -> int:
    """Return how many parts of a path the framework has put before the fields."""
    return 2 if location[:1] == ("body",) and len(location) > 2 else 0


def install(api: NinjaAPI) -> None:
    """Teach an API to answer domain errors and framework errors in that shape."""

    @api.exception_handler(HoneError)
    def domain(request: HttpRequest, error: HoneError) -> HttpResponse:
        payload = body(
            error.code,
            error.message,
            expected=error.expected,
            found=error.found,
            fix=error.fix,
            fields=error.fields,
        )
        response = api.create_response(request, payload, status=error.status)
        if error.retryable:
            response["Retry-After"] = str(error.retry_after)
        return response

    @api.exception_handler(ValidationError)
    def validation(request: HttpRequest, error: ValidationError) -> HttpResponse:
        fields = [
            problem_of(item, within=_wrapping(item["loc"]))
            for item in error.errors[:20]
        ]
        is_judged = any(field["path"].startswith("judgments") for field in fields)
        payload = body(
            "invalid_judgments" if is_judged else "invalid_request",
            "The request could not be read.",
            expected="the fields of the API's schema at /api/v1/openapi.json",
            found=f"{len(error.errors)} bad field(s)",
            fix="Mend the fields named below and send it again.",
            fields=fields,
        )
        return api.create_response(request, payload, status=422)

    @api.exception_handler(AuthenticationError)
    def unauthenticated(
        request: HttpRequest, error: AuthenticationError
    ) -> HttpResponse:
        payload = body(
            "not_signed_in",
            "This needs somebody who is signed in.",
            expected="a session cookie, or an Authorization: Bearer token",
            found="neither, or one that is no longer valid",
            fix="Log in again; nothing that waits to be sent is lost.",
        )
        return api.create_response(request, payload, status=401)

    @api.exception_handler(HttpError)
    def refused(request: HttpRequest, error: HttpError) -> HttpResponse:
        if isinstance(error.__cause__, HoneError):  # from the parser
            return domain(request, error.__cause__)
        code = {400: "unreadable", 403: "not_allowed"}.get(error.status_code, "refused")
        payload = body(
            code,
            str(error),
            expected="a request as /api/v1/docs describes it",
            found=f"one that is answered with {error.status_code}",
            fix="For CSRF: GET /api/v1/session, then send the csrftoken cookie's value "
            "as X-CSRFToken."
            if error.status_code == 403
            else None,
        )
        return api.create_response(request, payload, status=error.status_code)

    @api.exception_handler(OperationalError)
    @api.exception_handler(InterfaceError)
    @api.exception_handler(redis.ConnectionError)
    @api.exception_handler(redis.TimeoutError)
    def unavailable(request: HttpRequest, error: Exception) -> HttpResponse:
        log.warning("%s %s: %s", request.method, request.path, error)
        is_cache = isinstance(error, redis.RedisError)
        name = "Valkey" if is_cache else "PostgreSQL"
        payload = body(
            "unavailable",
            "The server cannot serve this right now; nothing of it was stored.",
            expected=f"{name} to answer",
            found=type(error).__name__,
            fix="Send it again in a few seconds: a repeat stores nothing twice. "
            f"If it lasts, see that {name} runs (manage.py doctor).",
        )
        response = api.create_response(request, payload, status=503)
        response["Retry-After"] = "2"
        return response

    @api.exception_handler(RequestDataTooBig)
    def too_large(request: HttpRequest, error: RequestDataTooBig) -> HttpResponse:
        payload = body(
            "too_large",
            "The request is too large.",
            expected=f"at most {settings.DATA_UPLOAD_MAX_MEMORY_SIZE:,} bytes",
            found=f"{request.META.get('CONTENT_LENGTH') or 'more'} bytes",
            fix="Send less; files of rows go to the imports.",
        )
        return api.create_response(request, payload, status=413)

    @api.exception_handler(DataError)
    def unstorable(request: HttpRequest, error: DataError) -> HttpResponse:
        log.warning("%s %s: %s", request.method, request.path, error)
        payload = body(
            "invalid_request",
            "The request holds a value that cannot be stored.",
            expected="text in UTF-8 without NUL, and numbers within their range",
            found=str(error).splitlines()[0][:200],
            fix="Mend the value and send it again.",
        )
        return api.create_response(request, payload, status=422)

    @api.exception_handler(Exception)
    def broken(request: HttpRequest, error: Exception) -> HttpResponse:
        log.error("%s %s", request.method, request.path, exc_info=error)
        return api.create_response(request, BROKEN, status=500)

    @api.exception_handler(Http404)
    def missing(request: HttpRequest, error: Http404) -> HttpResponse:
        payload = body(
            "not_found",
            "There is no such thing, or it is not yours to see.",
            expected="an address of the schema at /api/v1/openapi.json",
            found="another one",
            fix="Check the address.",
        )
        return api.create_response(request, payload, status=404)
