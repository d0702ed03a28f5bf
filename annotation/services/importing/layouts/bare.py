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
from annotation.services.importing.records import Record, Side, TaskSettings


def read(row: Mapping[str, Any], options: ImportOptions) -> Record:
    """Read one row.

    Raises:
        RowError: naming the field that cannot be used.
    """
    field = "completions" if row.get("completions") is not None else "responses"
    given = checks.items(row.get(field) or [], field)
    distinct: dict[str, Side] = {}
    for place, item in enumerate(given):
        found = common.side(item, f"{field}[{place}]")
        distinct.setdefault(common.address(found), found)
    sides = list(distinct.values())
    pairing = pairwise(sides) if options.pairs == "chain" else combinations(sides, 2)
    return Record(
        messages=checks.prompt(row.get("prompt")),
        sides=sides,
        tasks=[[a.ref, b.ref] for a, b in islice(pairing, options.max_pairs)],
        context=checks.context(row),
        metadata=common.metadata_of(row),
        group=common.group_of(row),
        split=checks.split(row.get("split")),
        source=common.source_of(row, options.source),
        external_id=checks.name(row.get("id"), "id", 300),
        settings=TaskSettings(scores=common.origin_of(row, ("id", "tags"))),
    )
