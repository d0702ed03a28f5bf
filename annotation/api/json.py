"""JSON in and out: refusals that say what is wrong, answers without detours."""

import json
from collections.abc import Iterator
from dataclasses import asdict, is_dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.http import HttpRequest, HttpResponse
from ninja.parser import Parser

from annotation.errors import HoneError


class Unreadable(HoneError):
    code, status = "unreadable", 400


class StrictParser(Parser):
    """Read a body as JSON in UTF-8, and say where it is not."""

    def parse_body(self, request: HttpRequest) -> Any:
        body = request.body
        try:
            value = json.loads(body)
        except UnicodeDecodeError as error:
            raise Unreadable(
                "The request is not text in UTF-8.",
                expected="JSON in UTF-8",
                found=f"byte 0x{body[error.start]:02x} at position {error.start}",
                fix="Encode it as UTF-8.",
            ) from error
        except RecursionError as error:
            raise Unreadable(
                "The request is nested too deeply.",
                expected="JSON as in the API's schema",
                found="hundreds of levels",
                fix="Send what the schema describes.",
            ) from error
        except ValueError as error:
            raise Unreadable(
                "The request is not JSON.",
                expected="JSON in UTF-8",
                found=str(error),
                fix="Mend the syntax there.",
            ) from error
        if b"\\u0000" in body and any("\x00" in text for text in _texts(value)):
            raise Unreadable(
                "The request holds a NUL character, which cannot be stored.",
                expected="text without U+0000",
                found="U+0000 in a string",
                fix="Take it out.",
            )
        return value


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for key, inner in value.items():
            yield key
            yield from _texts(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _texts(inner)


def _default(value: Any) -> Any:
    if isinstance(value, UUID):
        return str(value)
    if isinstance(value, datetime):
        return value.isoformat()
    if is_dataclass(value) and not isinstance(value, type):
        return asdict(value)
    raise TypeError(f"cannot write {type(value).__name__} as JSON")


def json_response(value: Any, status: int = 200) -> HttpResponse:
    """Answer with JSON as it is.

    For the calls that carry the load: their schema is declared for the types and held
    by tests, and checking every answer against it would cost more than making it.
    """
    text = json.dumps(
        value, default=_default, ensure_ascii=False, separators=(",", ":")
    )
    # A lone surrogate that was stored long ago must not make a task unreadable.
    return HttpResponse(
        text.encode("utf-8", "replace"), status=status, content_type="application/json"
    )
