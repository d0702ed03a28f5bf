"""A prompt's context as columns, and back: what to judge by, and what stands beside it.

Beside it stand a known answer, an answer that optimism is measured by, and a prompt
that the losing side answers: messages, each in a column of its own.

The condition is a text, because a model reads it before the prompt: a criterion or a
persona after its name, one text as it is, anything else as JSON.
"""

import json
from collections.abc import Mapping
from typing import Any

from annotation.projections.rows import Messages

NAMED = ("criterion", "persona")
SPOKEN = {
    "reference": "assistant",
    "calibration": "assistant",
    "rejected_prompt": "user",
}
"""Names of a context that are messages, and who speaks where it is a text alone."""


def condition_of(context: Mapping[str, Any] | None) -> str | None:
    """Return what a prompt says besides its messages and what is spoken, as a text."""
    rest = dict(context or {})
    for name in SPOKEN:
        if spoken_of(context, name) is not None:
            del rest[name]
    if not rest:
        return None
    text = _plain(rest)
    if text is not None and _fields(text) == rest:
        return text
    return json.dumps(rest, ensure_ascii=False, sort_keys=True)


def spoken_of(context: Mapping[str, Any] | None, name: str) -> Messages | None:
    """Return what a context says under a name of `SPOKEN`; None if no messages."""
    found = (context or {}).get(name)
    if isinstance(found, str) and found:
        return [{"role": SPOKEN[name], "content": found}]
    if not isinstance(found, list) or not found:
        return None
    return found if all(map(_is_message, found)) else None


def context_of(
    condition: str | None,
    reference: Messages | None = None,
    calibration: Messages | None = None,
    rejected_prompt: Messages | None = None,
) -> dict[str, Any] | None:
    """Return the context that made the columns: their inverse.

    What one turn of its usual speaker says comes back as its text.
    """
    found = _fields(condition) if condition is not None else {}
    columns = (reference, calibration, rejected_prompt)
    for (name, speaker), said in zip(SPOKEN.items(), columns, strict=True):
        if said is not None:
            alone = len(said) == 1 and said[0]["role"] == speaker
            found[name] = said[0]["content"] if alone else list(said)
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
