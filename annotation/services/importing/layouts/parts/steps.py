"""The first wrong step of one response: `steps` and `first_error`.

Steps before it are correct; without one all are. Steps are numbered from 0, as
`annotation/protocols/steps.py` finds them in the text.
"""

from collections.abc import Mapping
from typing import Any

from annotation.protocols.steps import steps_of
from annotation.services.importing import checks
from annotation.services.importing.layouts.gathering import Entry, annotator_of
from annotation.services.importing.records import RowError, Side
from annotation.services.importing.told import NEUTRAL_KINDS, Told

KINDS = frozenset({"step"})
CORRECT, INCORRECT = "correct", "incorrect"


def read(
    row: Mapping[str, Any], side: Side, context: Mapping[str, Any] | None
) -> list[Entry]:
    """Read the fields `steps`, `first_error` and `annotator` ({id, kind})."""
    steps = checks.items(row["steps"], "steps")
    cut = steps_of(side.messages)
    if len(steps) != len(cut):
        raise RowError(
            "steps", f"the {len(cut)} paragraphs or lines of the response", len(steps)
        )
    first = row.get("first_error")
    last = len(steps)
    labels = [CORRECT] * last
    if first is not None:
        index = checks.number(first, "first_error", 0, last - 1)
        if index != int(index):
            raise RowError("first_error", "a whole number", first)
        labels = [CORRECT] * int(index) + [INCORRECT]
    if "first_error" not in row:
        return []
    author = row.get("annotator")
    given = author if isinstance(author, Mapping) else {}
    kind, annotator = annotator_of(given, "annotator", "id")
    judgments = [
        {
            "kind": "step",
            "completion": str(side.ref),
            "index": index,
            "label": label,
        }
        for index, label in enumerate(labels)
    ]
    return [Entry("steps", 0, kind, annotator, "steps", judgments)]


def write(told: Told) -> dict[str, Any]:
    """Return the fields of the first answer about steps."""
    fields: dict[str, Any] = {"steps": steps_of(told.completions[0])}
    for said in told.said:
        labels = {
            item["index"]: item["label"]
            for item in said.judgments
            if item["kind"] == "step"
        }
        if labels:
            wrong = [index for index, label in labels.items() if label == INCORRECT]
            kind = NEUTRAL_KINDS.get(said.kind, said.kind)
            fields["first_error"] = min(wrong, default=None)
            fields["annotator"] = {"id": said.annotator, "kind": kind}
            break
    return fields
