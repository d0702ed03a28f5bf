"""Principles held against one response, or one step of it: `checks`."""

from collections.abc import Mapping
from typing import Any

from annotation.services.importing import checks
from annotation.services.importing.layouts.gathering import (
    Entry,
    annotator_of,
    in_order,
)
from annotation.services.importing.records import RowError, Side
from annotation.services.importing.told import Told

KINDS = frozenset({"principle"})
VERDICTS = {
    True: "yes",
    False: "no",
    "yes": "yes",
    "no": "no",
    "partial": "partial",
    "na": "na",
}
VALUES = {"yes": True, "no": False}


def read(
    row: Mapping[str, Any], side: Side, context: Mapping[str, Any] | None
) -> list[Entry]:
    """Read the field `checks`; a `step` is the place that each of them leans on."""
    evidence = _step(row, side)
    entries = []
    for place, item in enumerate(checks.items(row["checks"], "checks")):
        path = f"checks[{place}]"
        label = checks.mapping(item, path)
        kind, annotator = annotator_of(label, path)
        principle = checks.text(
            label.get("principle"), f"{path}.principle", empty=False
        )
        value = label.get("value")
        if not isinstance(value, str | int) or value not in VERDICTS:
            raise RowError(
                f"{path}.value", "true, false, yes, no, partial or na", value
            )
        judgment = {
            "kind": "principle",
            "completion": str(side.ref),
            "principle": principle,
            "verdict": VERDICTS[value],
            "evidence": evidence,
        }
        entries.append(Entry("checks", place, kind, annotator, principle, [judgment]))
    return entries


def _step(row: Mapping[str, Any], side: Side) -> list[dict[str, Any]]:
    if row.get("step") is None:
        return []
    step = checks.mapping(row["step"], "step")
    index = checks.number(step.get("index"), "step.index", 0, 1e6)
    if index != int(index):
        raise RowError("step.index", "a whole number", step.get("index"))
    found: dict[str, Any] = {"completion": str(side.ref), "sentence": int(index)}
    if step.get("text") is not None:
        text = checks.text(step["text"], "step.text", empty=False)
        start = side.messages[-1]["content"].find(text)
        if start < 0:
            raise RowError("step.text", "a text out of the response", text)
        found |= {"message": len(side.messages) - 1}
        found |= {"start": start, "end": start + len(text)}
    return [found]


def write(told: Told) -> dict[str, Any]:
    """Return the fields of the verdicts given, and of the step they are about."""
    found = []
    step: dict[str, Any] = {}
    for said in told.said:
        for item in said.judgments:
            if item["kind"] != "principle":
                continue
            value = VALUES.get(item["verdict"], item["verdict"])
            principle = {"principle": item["principle"], "value": value}
            found.append(said.named | principle)
            for place in item.get("evidence", []):
                if isinstance(place, Mapping) and "sentence" in place and not step:
                    step = _written(place, told)
    order = told.notes.get("order", {})
    fields = {"checks": in_order(found, order.get("checks"))}
    return fields | ({"step": step} if step else {})


def _written(place: Mapping[str, Any], told: Told) -> dict[str, Any]:
    step: dict[str, Any] = {"index": place["sentence"]}
    if place.get("end") is not None:
        messages = told.completions[list(told.ids).index(place["completion"])]
        text = messages[place.get("message", 0)]["content"]
        step["text"] = text[place.get("start", 0) : place["end"]]
    return step
