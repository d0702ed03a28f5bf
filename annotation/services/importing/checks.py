"""Checks of single fields. Each says which field, what was expected, what is there."""

import json
import math
from collections.abc import Mapping
from typing import Any

from annotation.services.importing.records import Message, RowError

MAX_TEXT_BYTES = 2**20
BESIDE = ("reference", "rubric", "calibration", "rejected_prompt")
"""Fields of a row that are part of its context."""
ROLES = ("system", "user", "assistant", "tool")
SPLITS = {
    "": "",
    "train": "train",
    "validation": "validation",
    "valid": "validation",
    "val": "validation",
    "dev": "validation",
    "test": "test",
}


def text(value: object, path: str, *, empty: bool = True) -> str:
    """Return a text that the database, JSON and Parquet can hold.

    Raises:
        RowError: for another type, over 1 MiB, a NUL character or half a surrogate.
    """
    if not isinstance(value, str):
        raise RowError(path, "a text", value)
    if not empty and not value.strip():
        raise RowError(path, "a text that is not empty", value)
    if len(value) > MAX_TEXT_BYTES:
        raise RowError(path, "a text of at most 1 MiB", value)
    if "\x00" in value:
        raise RowError(path, "a text without NUL characters (\\u0000)", value)
    try:
        size = len(value.encode())
    except UnicodeEncodeError as error:
        raise RowError(
            path, "whole Unicode characters, no lone surrogate (\\ud800-\\udfff)", value
        ) from error
    if size > MAX_TEXT_BYTES:
        raise RowError(path, "a text of at most 1 MiB", value)
    return value


def name(value: object, path: str, limit: int = 200) -> str:
    """Return a short text, or "" for null; numbers are taken as written."""
    if value is None:
        return ""
    if isinstance(value, int | float) and not isinstance(value, bool):
        value = str(value)
    found = text(value, path)
    if len(found) > limit:
        raise RowError(path, f"at most {limit} characters", value)
    return found


def number(value: object, path: str, low: float, high: float) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise RowError(path, f"a number from {low:g} to {high:g}", value)
    if not math.isfinite(value) or not low <= value <= high:
        raise RowError(path, f"a number from {low:g} to {high:g}", value)
    return float(value)


def one_of(value: object, path: str, allowed: tuple[str, ...]) -> str:
    if not isinstance(value, str) or value not in allowed:
        raise RowError(path, "one of " + ", ".join(allowed), value)
    return value


def mapping(value: object, path: str) -> Mapping[str, Any]:
    if not isinstance(value, Mapping):
        raise RowError(path, "an object", value)
    return value


def items(value: object, path: str) -> list[Any]:
    if not isinstance(value, list | tuple):
        raise RowError(path, "a list", value)
    return list(value)


def messages(value: object, path: str, *, last: str = "") -> list[Message]:
    """Return a chat as [{role, content}], at least one message long.

    Args:
        last: the role that the last message must have, if any.
    """
    turns = items(value, path)
    if not turns:
        raise RowError(path, "at least one message", value)
    found: list[Message] = []
    for place, turn in enumerate(turns):
        at = f"{path}[{place}]"
        turn = mapping(turn, at)
        if "role" not in turn or "content" not in turn:
            raise RowError(at, "an object with role and content", dict(turn))
        found.append(
            {
                "role": one_of(turn["role"], f"{at}.role", ROLES),
                "content": text(turn["content"], f"{at}.content"),
            }
        )
    if last and found[-1]["role"] != last:
        raise RowError(
            f"{path}[{len(found) - 1}].role",
            f"{last!r} in the last message",
            found[-1]["role"],
        )
    return found


def prompt(value: object, path: str = "prompt") -> list[Message]:
    """Return a prompt's messages; a text is one message of the user.

    A chat may end with the user or a tool, whose turn asks for the completion, or
    with the start of the assistant's turn.
    """
    if isinstance(value, str):
        return [{"role": "user", "content": text(value, path, empty=False)}]
    if not isinstance(value, list | tuple):
        raise RowError(path, "a text or a list of messages", value)
    found = messages(value, path)
    if not any(item["content"].strip() for item in found):
        raise RowError(path, "at least one message with text", value)
    return found


def split(value: object, path: str = "split") -> str:
    if value is None:
        return ""
    if not isinstance(value, str) or value.lower() not in SPLITS:
        raise RowError(path, "train, validation or test", value)
    return SPLITS[value.lower()]


def plain(value: Any, path: str) -> Any:
    """Return any JSON value, its texts checked; for details kept as they come."""
    if isinstance(value, str):
        return text(value, path)
    if isinstance(value, Mapping):
        return {
            text(key, path): plain(item, f"{path}.{key}") for key, item in value.items()
        }
    if isinstance(value, list | tuple):
        return [plain(item, f"{path}[{place}]") for place, item in enumerate(value)]
    try:
        json.dumps(value, allow_nan=False)
    except (TypeError, ValueError) as error:
        raise RowError(path, "a JSON value", value) from error
    return value


def context(row: Mapping[str, Any]) -> dict[str, Any] | None:
    """Return a prompt's context from a row's `context`, `reference` and `rubric`."""
    found: dict[str, Any] = {}
    given = row.get("context")
    if isinstance(given, Mapping):
        found = plain(given, "context")
    elif isinstance(given, str) and given:
        found = {"passages": [{"doc": None, "text": text(given, "context")}]}
    elif given not in (None, ""):
        raise RowError("context", "a text, an object or null", given)
    for name in BESIDE:
        if row.get(name) not in (None, "", {}):
            found = {**found, name: plain(row[name], name)}
    return found or None
