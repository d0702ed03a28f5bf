"""Neutral rows about one response: prompt, response, and labels of several sorts.

    {"prompt", "response": {"text", "model"},
     "labels" | "label_counts" | "ratings" | "checks" (and "step") | "annotations" |
     "critique" | "revision" | "steps" and "first_error"}

A row may have several of these; each is read and written by its part (`parts/`).
"""

from collections.abc import Mapping
from typing import Any

from annotation.services.importing import checks
from annotation.services.importing.layouts import common
from annotation.services.importing.layouts.gathering import Entry, gathered
from annotation.services.importing.layouts.parts import PARTS, parts_in
from annotation.services.importing.options import ImportOptions
from annotation.services.importing.records import Record, TaskSettings
from annotation.services.importing.told import Told

KEPT = ("id", "gold", "gold_from", "tags", "item", "answer", "target")


def read(row: Mapping[str, Any], options: ImportOptions) -> Record:
    """Read one row.

    Raises:
        RowError: naming the field that cannot be used.
    """
    side = common.side(row.get("response"), "response")
    context = checks.context(row)
    names = parts_in(row)
    entries: list[Entry] = []
    for name in names:
        entries += PARTS[name].read(row, side, context)
    frame = common.frame_of(row, options)
    form = "+".join(names) or "response"
    found = gathered(entries, [side], frame["source"], frame["named"], form)
    notes: dict[str, Any] = {"parts": names}
    return Record(
        messages=frame["messages"],
        sides=[side],
        tasks=[[side.ref]],
        answers=found.answers,
        **common.prompt_fields(row, frame),
        settings=TaskSettings(scores=common.origin_of(row, KEPT)),
        form="response",
        listed=[side.ref],
        notes=notes | ({"order": found.order} if found.order else {}),
    )


def write(told: Told) -> dict[str, Any]:
    """Return the neutral row of what the record says: the inverse of `read`."""
    row: dict[str, Any] = {
        "prompt": list(told.prompt),
        **common.context_fields(told.context),
        "response": common.side_fields(told.completions[0]),
    }
    for name in told.notes["parts"]:
        row |= PARTS[name].write(told)
    return row
