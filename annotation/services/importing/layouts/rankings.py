"""Neutral rankings: prompt, responses by id, and each annotator's ranks.

    {"prompt", "responses": [{"id", "text", "model"}],
     "rankings": [{"annotator", "kind", "ranks": {id: rank}}]}

1 is best and equal ranks are a tie; a response without a rank is unranked. Equal
texts are one completion, which stands at the best of their ranks; what the row says
apart from that stays with the row.
"""

from collections.abc import Mapping
from typing import Any

from annotation.services.importing import checks
from annotation.services.importing.layouts import common
from annotation.services.importing.layouts.gathering import (
    Entry,
    annotator_of,
    gathered,
    in_order,
)
from annotation.services.importing.options import ImportOptions
from annotation.services.importing.records import Record, RowError, Side, TaskSettings
from annotation.services.importing.told import Told

KINDS = frozenset({"rank"})


def read(row: Mapping[str, Any], options: ImportOptions) -> Record:
    """Read one row.

    Raises:
        RowError: naming the field that cannot be used.
    """
    given = checks.items(row.get("responses"), "responses")
    sides, listed = common.distinct(given, "responses")
    names = [_name(item, place) for place, item in enumerate(given)]
    if len(set(names)) < len(names):
        raise RowError("responses", "responses of different ids", names)
    if len(sides) < 2:
        raise RowError("responses", "two responses that differ", len(sides))
    by_name = dict(zip(names, listed, strict=True))
    rankings = checks.items(row.get("rankings"), "rankings")
    entries = [
        _entry(item, place, by_name, listed) for place, item in enumerate(rankings)
    ]
    frame = common.frame_of(row, options)
    found = gathered(entries, sides, frame["source"], frame["named"], "rankings")
    return Record(
        messages=frame["messages"],
        sides=sides,
        tasks=[[side.ref for side in sides]],
        answers=found.answers,
        **common.prompt_fields(row, frame),
        settings=TaskSettings(scores=common.origin_of(row, ("id", "tags", "item"))),
        form="rankings",
        listed=[side.ref for side in listed],
        notes={"ids": names} | ({"order": found.order} if found.order else {}),
    )


def _name(item: object, place: int) -> str:
    path = f"responses[{place}]"
    given = checks.mapping(item, path).get("id")
    return checks.name(given, f"{path}.id") or str(place)


def _entry(
    item: object, place: int, by_name: Mapping[str, Side], listed: list[Side]
) -> Entry:
    path = f"rankings[{place}]"
    label = checks.mapping(item, path)
    kind, annotator = annotator_of(label, path)
    ranks: dict[str, float] = {}
    for name, rank in checks.mapping(label.get("ranks"), f"{path}.ranks").items():
        if name not in by_name:
            expected = "ids of responses, such as " + ", ".join(list(by_name)[:3])
            raise RowError(f"{path}.ranks", expected, name)
        if rank is None:
            continue
        value = checks.number(rank, f"{path}.ranks.{name}", 0, 1e9)
        ref = str(by_name[name].ref)
        ranks[ref] = min(ranks.get(ref, value), value)
    groups = [
        [ref for ref in ranks if ranks[ref] == value]
        for value in sorted(set(ranks.values()))
    ]
    refs = dict.fromkeys(str(side.ref) for side in listed)
    unranked = [ref for ref in refs if ref not in ranks]
    judgment = {
        "kind": "rank",
        "question": "overall",
        "groups": groups,
        "unranked": unranked,
    }
    return Entry("rankings", place, kind, annotator, "rank", [judgment])


def write(told: Told) -> dict[str, Any]:
    """Return the neutral row of what the record says: the inverse of `read`."""
    names = told.notes.get("ids") or [str(place) for place in range(len(told.ids))]
    rankings = [
        said.named | {"ranks": _ranks(judgment["groups"], told.ids, names)}
        for said in told.said
        for judgment in said.judgments
        if judgment["kind"] == "rank"
    ]
    order = told.notes.get("order", {})
    return {
        "prompt": list(told.prompt),
        **common.context_fields(told.context),
        "responses": [
            {"id": name, **common.side_fields(messages)}
            for name, messages in zip(names, told.completions, strict=True)
        ],
        "rankings": in_order(rankings, order.get("rankings")),
    }


def _ranks(groups: Any, ids: Any, names: list[str]) -> dict[str, int]:
    """Return competition ranks: 1, and for each group 1 more than stand above it."""
    ranks: dict[str, int] = {}
    above = 0
    for group in groups:
        members = [
            name for name, pk in zip(names, ids, strict=True) if pk in set(group)
        ]
        ranks |= dict.fromkeys(members, above + 1)
        above += len(members)
    return ranks
