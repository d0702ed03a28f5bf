"""What the layouts share: sides, sources and names made from content."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any
from uuid import UUID, uuid5

from annotation.hashing import completion_hash, content_hash
from annotation.services.importing import checks
from annotation.services.importing.options import ImportOptions
from annotation.services.importing.records import Message, RowError, Side

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


def distinct(given: Sequence[object], path: str) -> tuple[list[Side], list[Side]]:
    """Return the completions that differ, and the one of each given."""
    found: dict[str, Side] = {}
    listed = []
    for place, item in enumerate(given):
        one = side(item, f"{path}[{place}]")
        listed.append(found.setdefault(address(one), one))
    return list(found.values()), listed


def frame_of(row: Mapping[str, Any], options: ImportOptions) -> dict[str, Any]:
    """Return a row's messages and source, and what names it: its id, else all of it."""
    messages = checks.prompt(row.get("prompt"))
    row_id = checks.name(row.get("id"), "id", 300)
    return {
        "messages": messages,
        "source": source_of(row, options.source),
        "row_id": row_id,
        "named": row_id or content_hash(checks.plain(row, "")),
    }


def prompt_fields(row: Mapping[str, Any], frame: Mapping[str, Any]) -> dict[str, Any]:
    """Return what a record says of its prompt."""
    return {
        "context": checks.context(row),
        "metadata": metadata_of(row),
        "group": group_of(row),
        "split": checks.split(row.get("split")),
        "source": frame["source"],
        "external_id": frame["row_id"],
    }


def context_fields(context: Mapping[str, Any] | None) -> dict[str, Any]:
    """Return the fields that a context was made of: the inverse of checks.context."""
    found = dict(context or {})
    fields = {name: found.pop(name) for name in checks.BESIDE if name in found}
    one = found.get("passages") if len(found) == 1 else None
    if isinstance(one, list) and len(one) == 1 and one[0] == _passage(one[0]):
        return fields | {"context": one[0]["text"]}
    return fields | ({"context": found} if found else {})


def _passage(given: Any) -> dict[str, Any]:
    """Return the passage that a text alone becomes."""
    text = given.get("text") if isinstance(given, Mapping) else None
    return {"doc": None, "text": text}


def side_fields(messages: Sequence[Message]) -> dict[str, Any]:
    """Return a completion as a neutral row has it: the inverse of `side`."""
    fields: dict[str, Any] = {"text": messages[-1]["content"]}
    if len(messages) > 1 or messages[0]["role"] != "assistant":
        fields["messages"] = list(messages)
    return fields


def rationale(content: str, about: Mapping[str, Any]) -> dict[str, Any]:
    """Return a reason as a judgment that points at the one before it."""
    shared = {key: about[key] for key in ("question", "criterion") if key in about}
    return {
        "kind": "text",
        "role": "rationale",
        "content": content,
        "targets": [0],
        **shared,
    }


def reasons_of(judgments: Sequence[Mapping[str, Any]]) -> dict[int, str]:
    """Return the reason of each judgment, by its place: the inverse of `rationale`."""
    return {
        target: str(judgment["content"])
        for judgment in judgments
        if judgment["kind"] == "text" and judgment["role"] == "rationale"
        for target in judgment.get("targets", [])
    }
