"""Categories of one response: `labels`, `label_counts`; good or bad (`unpaired`)."""

from collections import Counter
from collections.abc import Mapping
from typing import Any

from annotation.services.importing import checks
from annotation.services.importing.layouts.gathering import (
    Entry,
    annotator_of,
    asked_about,
    aspect_of,
    in_order,
)
from annotation.services.importing.records import RowError, Side
from annotation.services.importing.told import Told

KINDS = frozenset({"choose"})
THUMBS = frozenset({"reaction"})
GOOD_BAD = {"good": 1.0, "bad": -1.0}
SIGNAL = "thumb"


def are_thumbs(labels: Any) -> bool:
    """Return whether all labels are good or bad, and nothing else."""
    values = [
        item.get("value") if isinstance(item, Mapping) else None
        for item in (labels if isinstance(labels, list) else [])
    ]
    return bool(values) and all(value in GOOD_BAD for value in values)


def read(
    row: Mapping[str, Any], side: Side, context: Mapping[str, Any] | None
) -> list[Entry]:
    """Read the field `labels`; good and bad become reactions."""
    thumbs = are_thumbs(row["labels"])
    entries = []
    for place, item in enumerate(checks.items(row["labels"], "labels")):
        path = f"labels[{place}]"
        label = checks.mapping(item, path)
        kind, annotator = annotator_of(label, path)
        aspect = checks.name(label.get("aspect"), f"{path}.aspect")
        value = checks.text(label.get("value"), f"{path}.value", empty=False)
        judgment: dict[str, Any] = dict(asked_about(aspect))
        if thumbs:
            judgment |= {"kind": "reaction", "completion": str(side.ref)}
            judgment |= {"signal": SIGNAL, "value": GOOD_BAD[value]}
        else:
            judgment |= {"kind": "choose", "target": str(side.ref)}
            judgment |= {"category": checks.name(value, f"{path}.value")}
        entries.append(Entry("labels", place, kind, annotator, aspect, [judgment]))
    return entries


def write(told: Told) -> dict[str, Any]:
    """Return the field of the categories chosen."""
    found = [
        said.named | {"aspect": aspect_of(item), "value": item["category"]}
        for said in told.said
        for item in said.judgments
        if item["kind"] == "choose"
    ]
    order = told.notes.get("order", {})
    return {"labels": in_order(found, order.get("labels"))}


def write_thumbs(told: Told) -> dict[str, Any]:
    """Return the field of the reactions: good above 0, else bad."""
    found = [
        said.named
        | {"aspect": aspect_of(item), "value": "good" if item["value"] > 0 else "bad"}
        for said in told.said
        for item in said.judgments
        if item["kind"] == "reaction"
    ]
    order = told.notes.get("order", {})
    return {"labels": in_order(found, order.get("labels"))}


def read_counts(
    row: Mapping[str, Any], side: Side, context: Mapping[str, Any] | None
) -> list[Entry]:
    """Read the field `label_counts`: so many answers of people nobody named."""
    entries: list[Entry] = []
    counts = checks.mapping(row["label_counts"], "label_counts")
    for category, given in counts.items():
        path = f"label_counts.{category}"
        count = checks.number(given, path, 0, 10_000)
        if count != int(count):
            raise RowError(path, "a whole number", given)
        judgment = {
            "kind": "choose",
            "question": "overall",
            "target": str(side.ref),
            "category": checks.name(category, path),
        }
        for _ in range(int(count)):
            entry = Entry(
                "label_counts", len(entries), "human", "unknown", "", [judgment]
            )
            entries.append(entry)
    return entries


def write_counts(told: Told) -> dict[str, Any]:
    """Return the field of how many chose each category."""
    counts = Counter(
        item["category"]
        for said in told.said
        for item in said.judgments
        if item["kind"] == "choose"
    )
    return {"label_counts": dict(counts)}
