"""Domain errors to JSON, once."""

from typing import Any

from django.http import Http404, HttpRequest, HttpResponse
from ninja import NinjaAPI
from ninja.errors import AuthenticationError, ValidationError

from annotation.errors import HoneError


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
            response["Retry-After"] = str(getattr(error, "retry_after", 5))
        return response

    @api.exception_handler(ValidationError)
    def validation(request: HttpRequest, error: ValidationError) -> HttpResponse:
        fields = [
            {
                "path": ".".join(str(part) for part in item.get("loc", ())),
                "message": item.get("msg", ""),
                "value": repr(item.get("input"))[:200],
            }
            for item in error.errors[:20]
        ]
        payload = body(
            "invalid_request",
            "The request could not be read.",
            expected="the fields of the API's schema at /api/v1/docs",
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
            fix="Sign in again; nothing that waits to be sent is lost.",
        )
        return api.create_response(request, payload, status=401)

    @api.exception_handler(Http404)
    def missing(request: HttpRequest, error: Http404) -> HttpResponse:
        payload = body(
            "not_found",
            "There is no such thing, or it is not yours to see.",
            fix="Check the address.",
        )
        return api.create_response(request, payload, status=404)
