"""What the layouts share: sides, sources and names made from content."""

from collections.abc import Iterable, Mapping
from typing import Any
from uuid import UUID, uuid5

from annotation.hashing import completion_hash
from annotation.services.importing import checks
from annotation.services.importing.records import RowError, Side

# The namespace of client ids that imports make: the same row, the same id.
IMPORTS = UUID("5f0b9d0e-6a5c-5a0e-9c39-0d5a6b1f7a11")


def client_id(*parts: object) -> UUID:
    """Return an answer's id, made from what names it: repeats are harmless."""
    return uuid5(IMPORTS, "\x1f".join(str(part) for part in parts))


def side(value: object, path: str) -> Side:
    """Return a completion given as a text, as messages, or as {text, model, ...}.

    `messages`, where given, are the whole completion and `text` its last turn.
    """
    if isinstance(value, str):
        content = checks.text(value, path, empty=False)
        return Side([{"role": "assistant", "content": content}])
    if isinstance(value, list | tuple):
        return Side(checks.messages(value, path))
    given = checks.mapping(value, path)
    if given.get("messages") is not None:
        turns = checks.messages(given["messages"], f"{path}.messages")
    elif given.get("text") is not None:
        content = checks.text(given["text"], f"{path}.text", empty=False)
        turns = [{"role": "assistant", "content": content}]
    else:
        raise RowError(path, "text or messages", dict(given))
    extra = {
        key: checks.plain(item, f"{path}.{key}")
        for key, item in given.items()
        if key not in ("text", "messages", "model", "sampling", "trace")
        and item is not None
    }
    sampling = checks.plain(given.get("sampling") or {}, f"{path}.sampling")
    return Side(
        turns,
        generator=checks.name(given.get("model"), f"{path}.model"),
        sampling={**checks.mapping(sampling, f"{path}.sampling"), **extra},
        trace=checks.plain(given.get("trace"), f"{path}.trace"),
    )


def address(given: Side) -> str:
    return completion_hash(given.messages, given.trace)


def refuse_equal(sides: Iterable[Side], path: str) -> None:
    """Refuse two completions that say the same: there is nothing to compare.

    Raises:
        RowError: naming the text they share.
    """
    seen: set[str] = set()
    for item in sides:
        key = address(item)
        if key in seen:
            text = item.messages[-1]["content"]
            raise RowError(path, "completions that differ", text)
        seen.add(key)


def source_of(row: Mapping[str, Any], default: str) -> str:
    return checks.name(row.get("source"), "source") or default


def metadata_of(row: Mapping[str, Any]) -> dict[str, Any]:
    """Return what a row says of its prompt besides the messages."""
    found = {"lang": checks.name(row.get("lang"), "lang")} if row.get("lang") else {}
    given = row.get("metadata")
    if given is not None:
        found.update(checks.plain(checks.mapping(given, "metadata"), "metadata"))
    return found


def group_of(row: Mapping[str, Any]) -> str:
    """Return the key by which a row ties its prompt to others, if it gives one."""
    given = row.get("group")
    if given is None and isinstance(row.get("metadata"), Mapping):
        given = row["metadata"].get("group")
    return checks.name(given, "group", 1000)


def origin_of(row: Mapping[str, Any], names: Iterable[str]) -> dict[str, Any]:
    """Return what a row says of its task that is no label, as it was given."""
    found = {
        name: checks.plain(row[name], name)
        for name in names
        if row.get(name) not in (None, {}, [])
    }
    return {"origin": found} if found else {}
