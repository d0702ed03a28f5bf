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

from collections.abc import Mapping
from typing import Any

from annotation.hashing import content_hash
from annotation.services.importing import checks
from annotation.services.importing.layouts import common
from annotation.services.importing.options import ImportOptions
from annotation.services.importing.records import (
    ActorKey,
    Answer,
    Record,
    RowError,
    Side,
    TaskSettings,
)

KINDS = {
    "human": "human",
    "ai": "model",
    "model": "model",
    "rule": "rule",
    "end_user": "end_user",
}
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
    return Record(
        messages=messages,
        sides=[a, b],
        tasks=[[a.ref, b.ref]],
        answers=_answers(row.get("labels") or [], a, b, source, named),
        context=checks.context(row),
        metadata=common.metadata_of(row),
        group=common.group_of(row),
        split=checks.split(row.get("split")),
        source=source,
        external_id=row_id,
        settings=TaskSettings(scores=origin),
    )


def _answers(
    labels: object, a: Side, b: Side, source: str, row_id: str
) -> list[Answer]:
    grouped: dict[tuple[str, str, int], list[tuple[str, Mapping[str, Any]]]] = {}
    seen: dict[tuple[str, str, str], int] = {}
    for place, item in enumerate(checks.items(labels, "labels")):
        path = f"labels[{place}]"
        label = checks.mapping(item, path)
        kind_given = label.get("kind") or "human"
        kind = KINDS[checks.one_of(kind_given, f"{path}.kind", tuple(KINDS))]
        annotator = checks.name(label.get("annotator"), f"{path}.annotator")
        annotator = annotator or "unknown"
        aspect = checks.name(label.get("aspect"), f"{path}.aspect")
        presentation = seen.get((kind, annotator, aspect), 0)
        seen[kind, annotator, aspect] = presentation + 1
        grouped.setdefault((kind, annotator, presentation), []).append((path, label))
    return [_answer(key, given, a, b, source, row_id) for key, given in grouped.items()]


def _answer(
    key: tuple[str, str, int],
    labels: list[tuple[str, Mapping[str, Any]]],
    a: Side,
    b: Side,
    source: str,
    row_id: str,
) -> Answer:
    kind, annotator, presentation = key
    orders = {bool(label.get("order") == "swapped") for _, label in labels}
    if len(orders) > 1:
        path = labels[-1][0]
        raise RowError(f"{path}.order", "one order for one answer", "as-is and swapped")
    swapped = orders.pop()
    presented = [b, a] if swapped else [a, b]
    judgments: list[dict[str, Any]] = []
    seconds = 0.0
    raw: list[str] = []
    for path, label in labels:
        if label.get("seconds") is not None:
            seconds += checks.number(label["seconds"], f"{path}.seconds", 0, 2_000_000)
        reason = label.get("reason")
        written = checks.text(reason, f"{path}.reason") if reason is not None else ""
        found = _compare(path, label, presented, swapped)
        if found is None:
            raw.append(written)
            continue
        judgments.append(found)
        if written.strip():
            judgments.append(
                {
                    "kind": "text",
                    "role": "rationale",
                    "content": written,
                    "targets": [len(judgments) - 1],
                    **_named(found),
                }
            )
    details = {"model": {"name": annotator}} if kind == "model" else {}
    return Answer(
        actor=ActorKey(kind, source, annotator, details),
        client_id=common.client_id(source, row_id, kind, annotator, presentation),
        judgments=judgments,
        presented=[item.ref for item in presented],
        presentation=presentation,
        active_ms=round(seconds * 1000),
        raw_text="\n\n".join(part for part in raw if part),
    )


def _named(judgment: Mapping[str, Any]) -> dict[str, Any]:
    return {key: judgment[key] for key in ("question", "criterion") if key in judgment}


def _compare(
    path: str, label: Mapping[str, Any], presented: list[Side], swapped: bool
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
    }
    aspect = checks.name(label.get("aspect"), f"{path}.aspect")
    if aspect in ("", "overall"):
        found["question"] = "overall"
    else:
        found["criterion"] = aspect
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
