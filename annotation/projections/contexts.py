"""A prompt's context as two columns, and back: what to judge by, and a known answer.

The condition is a text, because a model reads it before the prompt: a criterion or a
persona after its name, one text as it is, anything else as JSON.
"""

import json
from collections.abc import Mapping
from typing import Any

from annotation.projections.rows import Messages

NAMED = ("criterion", "persona")
REFERENCE = "reference"


def condition_of(context: Mapping[str, Any] | None) -> str | None:
    """Return what a prompt says besides its messages and its reference, as a text."""
    rest = dict(context or {})
    if reference_of(context) is not None:
        del rest[REFERENCE]
    if not rest:
        return None
    text = _plain(rest)
    if text is not None and _fields(text) == rest:
        return text
    return json.dumps(rest, ensure_ascii=False, sort_keys=True)


def reference_of(context: Mapping[str, Any] | None) -> Messages | None:
    """Return a prompt's known answer as messages; None where it has none of a kind."""
    found = (context or {}).get(REFERENCE)
    if isinstance(found, str) and found:
        return [{"role": "assistant", "content": found}]
    if not isinstance(found, list) or not found:
        return None
    return found if all(map(_is_message, found)) else None


def context_of(
    condition: str | None, reference: Messages | None
) -> dict[str, Any] | None:
    """Return the context that made both columns: their inverse.

    A reference of one turn of the assistant comes back as its text.
    """
    found = _fields(condition) if condition is not None else {}
    if reference is not None:
        alone = len(reference) == 1 and reference[0]["role"] == "assistant"
        found[REFERENCE] = reference[0]["content"] if alone else list(reference)
    return found or None


def _plain(rest: Mapping[str, Any]) -> str | None:
    """Return the text of a context that is one text; None for any other."""
    ((name, value), *others) = rest.items()
    if others:
        return None
    if name in NAMED and isinstance(value, str):
        return f"{name}: {value}"
    if name == "passages" and isinstance(value, list) and len(value) == 1:
        text = value[0].get("text") if isinstance(value[0], Mapping) else None
        return text if isinstance(text, str) else None
    return None


def _fields(condition: str) -> dict[str, Any]:
    """Return the context that a condition was made of."""
    for name in NAMED:
        if condition.startswith(f"{name}: "):
            return {name: condition.removeprefix(f"{name}: ")}
    try:
        found = json.loads(condition)
    except ValueError:
        found = None
    if isinstance(found, dict):
        return found
    return {"passages": [{"doc": None, "text": condition}]}


def _is_message(value: Any) -> bool:
    return (
        isinstance(value, Mapping)
        and set(value) == {"role", "content"}
        and all(isinstance(part, str) for part in value.values())
    )
