"""A critique of one response and what was written instead: `critique`, `revision`."""

from collections.abc import Mapping
from typing import Any

from annotation.services.importing import checks
from annotation.services.importing.layouts.gathering import Entry, annotator_of
from annotation.services.importing.records import Side
from annotation.services.importing.told import Told

KINDS = frozenset({"text"})


def read(
    row: Mapping[str, Any], side: Side, context: Mapping[str, Any] | None
) -> list[Entry]:
    """Read the field `critique`; its types of errors are the judgment's reasons."""
    given = checks.mapping(row["critique"], "critique")
    kind, annotator = annotator_of(given, "critique")
    judgment: dict[str, Any] = {
        "kind": "text",
        "role": "critique",
        "completion": str(side.ref),
        "content": checks.text(given.get("text"), "critique.text"),
    }
    if given.get("error_types") is not None:
        types = checks.items(given["error_types"], "critique.error_types")
        judgment["reasons"] = [
            checks.name(name, f"critique.error_types[{place}]")
            for place, name in enumerate(types)
        ]
    return [Entry("critique", 0, kind, annotator, "critique", [judgment])]


def read_revision(
    row: Mapping[str, Any], side: Side, context: Mapping[str, Any] | None
) -> list[Entry]:
    """Read the field `revision`, by whoever wrote the critique or marked the spans."""
    content = checks.text(row["revision"], "revision")
    annotations = row.get("annotations")
    author: Any = row.get("critique")
    if not isinstance(author, Mapping) and isinstance(annotations, list):
        author = annotations[0] if annotations else {}
    kind, annotator = annotator_of(author if isinstance(author, Mapping) else {}, "")
    judgment = {
        "kind": "text",
        "role": "edit",
        "completion": str(side.ref),
        "content": content,
    }
    return [Entry("revision", 0, kind, annotator, "revision", [judgment])]


def write(told: Told) -> dict[str, Any]:
    """Return the field of the first critique."""
    for said in told.said:
        for item in said.judgments:
            if item["kind"] == "text" and item["role"] == "critique":
                critique = said.named | {"text": item["content"]}
                if item.get("reasons"):
                    critique["error_types"] = item["reasons"]
                return {"critique": critique}
    return {}


def write_revision(told: Told) -> dict[str, Any]:
    """Return the field of the first edit."""
    for said in told.said:
        for item in said.judgments:
            if item["kind"] == "text" and item["role"] == "edit":
                return {"revision": item["content"]}
    return {}
