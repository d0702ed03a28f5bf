"""Spans in one response or its source, what it lacks, and a verdict: `annotations`.

Offsets are Unicode code points. An annotator who marked nothing says so in a judgment
of its own, so that a clean text differs from one that nobody read. A span without
offsets, an error of no place, is kept at 0 to 0.
"""

import hashlib
from collections.abc import Mapping
from typing import Any

from annotation.projections.tokens import NOTHING_MARKED
from annotation.services.importing import checks
from annotation.services.importing.layouts.gathering import (
    Entry,
    annotator_of,
    in_order,
)
from annotation.services.importing.records import RowError, Side
from annotation.services.importing.told import Said, Told

KINDS = frozenset({"span", "missing", "choose"})
VERDICT = "verdict"
SOURCE = "0"  # the passage that a row's context is


def read(
    row: Mapping[str, Any], side: Side, context: Mapping[str, Any] | None
) -> list[Entry]:
    """Read the field `annotations`: one entry for each annotator."""
    entries = []
    for place, item in enumerate(checks.items(row["annotations"], "annotations")):
        path = f"annotations[{place}]"
        label = checks.mapping(item, path)
        kind, annotator = annotator_of(label, path)
        spans = checks.items(label.get("spans") or [], f"{path}.spans")
        gaps = checks.items(label.get("missing") or [], f"{path}.missing")
        judgments = [
            _span(span, f"{path}.spans[{number}]", row, side)
            for number, span in enumerate(spans)
        ]
        judgments += [
            _gap(gap, f"{path}.missing[{number}]", side)
            for number, gap in enumerate(gaps)
        ]
        choose = {"kind": "choose", "target": str(side.ref)}
        if not judgments:
            judgments.append(choose | {"category": NOTHING_MARKED})
        if label.get("verdict") is not None:
            verdict = checks.name(label["verdict"], f"{path}.verdict")
            judgments.append(choose | {"criterion": VERDICT, "category": verdict})
        entries.append(
            Entry("annotations", place, kind, annotator, "annotation", judgments)
        )
    return entries


def _span(
    item: object, path: str, row: Mapping[str, Any], side: Side
) -> dict[str, Any]:
    span = checks.mapping(item, path)
    in_source = span.get("side") == "source"
    if in_source:
        text = checks.text(row.get("context"), "context", empty=False)
        found: dict[str, Any] = {"target": "passage", "passage": SOURCE}
    else:
        text = side.messages[-1]["content"]
        found = {"completion": str(side.ref), "message": len(side.messages) - 1}
    start, end = (_offset(span, f"{path}.{name}", name, text) for name in ENDS)
    if start > end:
        raise RowError(f"{path}.end", f"an offset from {start} on", end)
    placed = span.get("text") is not None and span.get("end") is not None
    if placed and span["text"] != text[start:end]:
        expected = f"the text from {start} to {end}, {text[start:end]!r}"
        raise RowError(f"{path}.text", expected, span["text"])
    found |= {
        "kind": "span",
        "start": start,
        "end": end,
        "text_sha": hashlib.sha256(text.encode()).hexdigest(),
        "category": checks.name(span.get("category"), f"{path}.category"),
    }
    for name in ("severity", "note", "replacement"):
        if span.get(name) is not None:
            found[name] = checks.text(span[name], f"{path}.{name}")
    return found


ENDS = ("start", "end")


def _offset(span: Mapping[str, Any], path: str, name: str, text: str) -> int:
    if span.get(name) is None:
        return 0
    value = checks.number(span[name], path, 0, len(text))
    if value != int(value):
        raise RowError(path, "a whole number of code points", value)
    return int(value)


def _gap(item: object, path: str, side: Side) -> dict[str, Any]:
    gap = checks.mapping(item, path)
    found: dict[str, Any] = {
        "kind": "missing",
        "completion": str(side.ref),
        "category": checks.name(gap.get("category"), f"{path}.category"),
    }
    if gap.get("text") is not None:
        found["text"] = checks.text(gap["text"], f"{path}.text")
    doc = checks.name(gap.get("passage"), f"{path}.passage")
    sentences = checks.items(gap.get("sentences") or [], f"{path}.sentences")
    if sentences or doc:
        found["refs"] = [
            {"doc": doc or None, "sentence": sentence}
            for sentence in sentences or [None]
        ]
    return found


def write(told: Told) -> dict[str, Any]:
    """Return the field of what was marked."""
    found = [item for said in told.said if (item := _written(said, told))]
    order = told.notes.get("order", {})
    return {"annotations": in_order(found, order.get("annotations"))}


def _written(said: Said, told: Told) -> dict[str, Any]:
    spans = [
        _span_back(item, told) for item in said.judgments if item["kind"] == "span"
    ]
    gaps = [_gap_back(item) for item in said.judgments if item["kind"] == "missing"]
    chosen = {
        item.get("criterion"): item["category"]
        for item in said.judgments
        if item["kind"] == "choose"
    }
    if not spans and not gaps and not chosen:
        return {}
    found: dict[str, Any] = {**said.named, "spans": spans}
    if gaps:
        found["missing"] = gaps
    return found | ({"verdict": chosen[VERDICT]} if VERDICT in chosen else {})


def _span_back(item: Mapping[str, Any], told: Told) -> dict[str, Any]:
    start, end = item["start"], item["end"]
    found: dict[str, Any] = {"start": start, "end": end, "category": item["category"]}
    if item.get("target") == "passage":
        passages = (told.context or {}).get("passages") or [{"text": ""}]
        found |= {"side": "source", "text": passages[0]["text"][start:end]}
    elif item.get("completion"):
        messages = told.completions[list(told.ids).index(item["completion"])]
        text = messages[item.get("message", 0)]["content"]
        found |= {"text": text[start:end]}
    for name in ("severity", "note", "replacement"):
        if item.get(name) is not None:
            found[name] = item[name]
    return found


def _gap_back(item: Mapping[str, Any]) -> dict[str, Any]:
    found = {name: item[name] for name in ("category", "text") if name in item}
    refs = item.get("refs", [])
    if refs:
        doc = refs[0].get("doc")
        if doc is not None:
            found["passage"] = int(doc) if doc.isdecimal() else doc
        sentences = [ref["sentence"] for ref in refs if "sentence" in ref]
        if sentences:
            found["sentences"] = sentences
    return found
