"""Bare prompts with their completions: raw material for the queue.

    {"prompt": text or messages,
     "completions" (or "responses"): [text or {text, model} or messages]}

Two or more become comparisons, of all pairs or of each with the next; one is kept
without a task, and so is a prompt alone. Equal completions are kept once.
"""

from collections.abc import Mapping
from itertools import combinations, islice, pairwise
from typing import Any

from annotation.services.importing import checks
from annotation.services.importing.layouts import common
from annotation.services.importing.options import ImportOptions
from annotation.services.importing.records import Record, TaskSettings
from annotation.services.importing.told import Told


def read(row: Mapping[str, Any], options: ImportOptions) -> Record:
    """Read one row.

    Raises:
        RowError: naming the field that cannot be used.
    """
    field = "completions" if row.get("completions") is not None else "responses"
    given = checks.items(row.get(field) or [], field)
    sides, listed = common.distinct(given, field)
    pairing = pairwise(sides) if options.pairs == "chain" else combinations(sides, 2)
    frame = common.frame_of(row, options)
    return Record(
        messages=frame["messages"],
        sides=sides,
        tasks=[[a.ref, b.ref] for a, b in islice(pairing, options.max_pairs)],
        **common.prompt_fields(row, frame),
        settings=TaskSettings(scores=common.origin_of(row, ("id", "tags"))),
        form="responses",
        listed=[side.ref for side in listed],
    )


def write(told: Told) -> dict[str, Any]:
    """Return the neutral row of what the record says: the inverse of `read`."""
    responses = [common.side_fields(messages) for messages in told.completions]
    return {
        "prompt": list(told.prompt),
        **common.context_fields(told.context),
        **({"responses": responses} if responses else {}),
    }
