"""Neutral pairs: prompt, a, b, and labels of people and AI judges by name.

    {"id", "source", "split", "lang", "prompt": [{role, content}],
     "a": {"text", "model", "messages"?}, "b": {...},
     "labels": [{"annotator", "kind": "human"|"ai", "aspect", "choice", "reason"?,
                 "strength"?, "scale"?, "order"?, "prob_b"?, "seconds"?}],
     "gold", "gold_from", "tags", "group"?}

Rules. An aspect becomes the criterion; "overall" becomes null. A reason becomes a
rationale that points at its comparison. A null choice is no judgment: the assignment
ends abstained. `gold` and `tags` stay with the task and are never a label. Labels of
one annotator for several aspects are one answer; for the same aspect again (another
order, another sample) they are one answer per presentation.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from annotation.hashing import content_hash
from annotation.services.importing import checks
from annotation.services.importing.layouts import common
from annotation.services.importing.layouts.gathering import (
    Entry,
    annotator_of,
    asked_about,
    aspect_of,
    gathered,
    in_order,
)
from annotation.services.importing.options import ImportOptions
from annotation.services.importing.records import Record, RowError, Side, TaskSettings
from annotation.services.importing.told import Said, Told

KINDS = frozenset({"compare"})
MIRROR = {"a": "b", "b": "a"}


def read(row: Mapping[str, Any], options: ImportOptions) -> Record:
    """Read one row.

    Raises:
        RowError: naming the field that cannot be used.
    """
    for needed in ("prompt", "a", "b"):
        if row.get(needed) is None:
            raise RowError(needed, "a value", None)
    messages = checks.prompt(row["prompt"])
    a, b = common.side(row["a"], "a"), common.side(row["b"], "b")
    common.refuse_equal([a, b], "b")
    source = common.source_of(row, options.source)
    row_id = checks.name(row.get("id"), "id", 300)
    named = row_id or content_hash([messages, common.address(a), common.address(b)])
    origin = common.origin_of(row, ("id", "gold", "gold_from", "tags", "item"))
    entries = _entries(row.get("labels") or [], a, b)
    found = gathered(entries, [a, b], source, named)
    return Record(
        messages=messages,
        sides=[a, b],
        tasks=[[a.ref, b.ref]],
        answers=found.answers,
        context=checks.context(row),
        metadata=common.metadata_of(row),
        group=common.group_of(row),
        split=checks.split(row.get("split")),
        source=source,
        external_id=row_id,
        settings=TaskSettings(scores=origin),
        form="pairs",
        listed=[a.ref, b.ref],
        notes={"order": found.order} if found.order else {},
    )


def _entries(labels: object, a: Side, b: Side) -> list[Entry]:
    entries: list[Entry] = []
    orders: dict[tuple[str, str, int], bool] = {}
    seen: dict[tuple[str, str, str], int] = {}
    for place, item in enumerate(checks.items(labels, "labels")):
        path = f"labels[{place}]"
        label = checks.mapping(item, path)
        kind, annotator = annotator_of(label, path)
        aspect = checks.name(label.get("aspect"), f"{path}.aspect")
        swapped = label.get("order") == "swapped"
        number = seen.get((kind, annotator, aspect), 0)
        seen[kind, annotator, aspect] = number + 1
        if orders.setdefault((kind, annotator, number), swapped) != swapped:
            raise RowError(
                f"{path}.order", "one order for one answer", "as-is and swapped"
            )
        presented = [b, a] if swapped else [a, b]
        seconds = 0.0
        if label.get("seconds") is not None:
            seconds = checks.number(label["seconds"], f"{path}.seconds", 0, 2_000_000)
        reason = label.get("reason")
        written = checks.text(reason, f"{path}.reason") if reason is not None else ""
        found = _compare(path, label, presented, swapped)
        judgments = [] if found is None else [found]
        if found is not None and written.strip():
            judgments.append(common.rationale(written, found))
        entries.append(
            Entry(
                "labels",
                place,
                kind,
                annotator,
                aspect,
                judgments,
                seconds=seconds,
                raw_text=written if found is None else "",
                presented=presented,
            )
        )
    return entries


def _compare(
    path: str, label: Mapping[str, Any], presented: Sequence[Side], swapped: bool
) -> dict[str, Any] | None:
    """Return a label as a compare judgment, or None where nothing was chosen."""
    choice = label.get("choice")
    if choice is None:
        return None
    allowed = ("a", "b", "tie", "both_bad", "unsure")
    outcome = checks.one_of(choice, f"{path}.choice", allowed)
    found: dict[str, Any] = {
        "kind": "compare",
        "a": str(presented[0].ref),
        "b": str(presented[1].ref),
        "outcome": MIRROR.get(outcome, outcome) if swapped else outcome,
        **asked_about(checks.name(label.get("aspect"), f"{path}.aspect")),
    }
    if label.get("strength") is not None:
        strength = checks.number(label["strength"], f"{path}.strength", 0, 100)
        if strength != int(strength):
            raise RowError(f"{path}.strength", "a whole number", strength)
        if strength and outcome not in ("a", "b"):
            raise RowError(f"{path}.strength", f"none with {outcome}", strength)
        found["strength"] = int(strength)
    if label.get("scale") is not None:
        found["scale"] = checks.name(label["scale"], f"{path}.scale")
    if label.get("prob_b") is not None:
        b_wins = checks.number(label["prob_b"], f"{path}.prob_b", 0, 1)
        if outcome in ("a", "b"):
            found["confidence"] = b_wins if outcome == "b" else 1 - b_wins
    elif label.get("confidence") is not None:
        given = label["confidence"]
        found["confidence"] = checks.number(given, f"{path}.confidence", 0, 1)
    return found


def write(told: Told) -> dict[str, Any]:
    """Return the neutral row of what the record says: the inverse of `read`."""
    labels = [label for said in told.said for label in _labels(told, said)]
    order = told.notes.get("order", {})
    return {
        "prompt": list(told.prompt),
        **common.context_fields(told.context),
        "a": common.side_fields(told.completions[0]),
        "b": common.side_fields(told.completions[1]),
        "labels": in_order(labels, order.get("labels")),
    }


def _labels(told: Told, said: Said) -> list[dict[str, Any]]:
    swapped = list(said.presented[:2]) == [told.ids[1], told.ids[0]]
    shared: dict[str, Any] = {"order": "swapped"} if swapped else {}
    if said.active_ms:
        seconds = said.active_ms / 1000
        shared["seconds"] = int(seconds) if seconds == int(seconds) else seconds
    if not said.judgments:
        label = said.named | {"aspect": "overall", "choice": None} | shared
        return [label | ({"reason": said.raw_text} if said.raw_text else {})]
    reasons = common.reasons_of(said.judgments)
    labels = []
    for place, judgment in enumerate(said.judgments):
        if judgment["kind"] != "compare":
            continue
        mirrored = judgment["a"] == told.ids[1]
        outcome = judgment["outcome"]
        label = said.named | {
            "aspect": aspect_of(judgment),
            "choice": MIRROR.get(outcome, outcome) if mirrored else outcome,
        }
        for name in ("strength", "scale", "confidence"):
            if judgment.get(name) is not None:
                label[name] = judgment[name]
        if place in reasons:
            label["reason"] = reasons[place]
        labels.append(label | shared)
    return labels
