"""Ratings of one response: `ratings`, each with a value and the ends of its scale."""

import re
from collections.abc import Mapping
from typing import Any

from annotation.services.importing import checks
from annotation.services.importing.layouts import common
from annotation.services.importing.layouts.gathering import (
    Entry,
    annotator_of,
    asked_about,
    aspect_of,
    in_order,
)
from annotation.services.importing.records import RowError, Side
from annotation.services.importing.told import Told

KINDS = frozenset({"rate"})
LIMIT = 1e12
RANGE = re.compile(r"from-(m?)([0-9]+)(?:p([0-9]+))?-to-(m?)([0-9]+)(?:p([0-9]+))?@1")


def scale_of(low: float, high: float) -> str:
    """Return the name of the scale from low to high, such as from-m2-to-2@1."""
    return f"from-{_spelt(low)}-to-{_spelt(high)}@1"


def _spelt(value: float) -> str:
    text = f"{abs(value):.6f}".rstrip("0").rstrip(".").replace(".", "p")
    return f"m{text}" if value < 0 else text


def ends_of(scale: str | None) -> tuple[float, float] | None:
    """Return (low, high) of a scale that `scale_of` named, or None."""
    found = RANGE.fullmatch(scale or "")
    if found is None:
        return None
    low, high = (
        float(f"{'-' if sign else ''}{whole}.{part or 0}")
        for sign, whole, part in (found.groups()[:3], found.groups()[3:])
    )
    return low, high


def read(
    row: Mapping[str, Any], side: Side, context: Mapping[str, Any] | None
) -> list[Entry]:
    """Read the field `ratings`; a reason points at its value."""
    entries = []
    for place, item in enumerate(checks.items(row["ratings"], "ratings")):
        path = f"ratings[{place}]"
        label = checks.mapping(item, path)
        kind, annotator = annotator_of(label, path)
        aspect = checks.name(label.get("aspect"), f"{path}.aspect")
        judgment: dict[str, Any] = {
            "kind": "rate",
            "completion": str(side.ref),
            "value": None,
            **asked_about(aspect),
        }
        low, high = -LIMIT, LIMIT
        if label.get("min") is not None and label.get("max") is not None:
            low = checks.number(label["min"], f"{path}.min", -LIMIT, LIMIT)
            high = checks.number(label["max"], f"{path}.max", -LIMIT, LIMIT)
            if low >= high:
                raise RowError(f"{path}.max", f"a number above {low:g}", high)
            judgment["scale"] = scale_of(low, high)
        if label.get("value") is not None:
            judgment["value"] = checks.number(
                label["value"], f"{path}.value", low, high
            )
        judgments = [judgment]
        if label.get("reason") is not None:
            reason = checks.text(label["reason"], f"{path}.reason")
            judgments.append(common.rationale(reason, judgment))
        entries.append(Entry("ratings", place, kind, annotator, aspect, judgments))
    return entries


def write(told: Told) -> dict[str, Any]:
    """Return the field of the values given."""
    found = []
    for said in told.said:
        reasons = common.reasons_of(said.judgments)
        for place, item in enumerate(said.judgments):
            if item["kind"] != "rate":
                continue
            label = said.named | {"aspect": aspect_of(item), "value": item["value"]}
            ends = ends_of(item.get("scale"))
            if ends is not None:
                label |= {"min": _number(ends[0]), "max": _number(ends[1])}
            elif item.get("scale"):
                label["scale"] = item["scale"]
            if place in reasons:
                label["reason"] = reasons[place]
            found.append(label)
    order = told.notes.get("order", {})
    return {"ratings": in_order(found, order.get("ratings"))}


def _number(value: float) -> float | int:
    return int(value) if value == int(value) else value
