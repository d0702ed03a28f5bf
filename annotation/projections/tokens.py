"""The tokens view: what one annotator marked in one text, and what it lacks.

Offsets are Unicode code points, half open, of the message `message`, whose sha256 is
`text_sha`: the engine maps them to tokens when it loads the rows and marks straddles.
A text that was read and left unmarked is a row with `nothing_marked`.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from annotation.judgments import Choose, Judgment, Missing, Span
from annotation.projections.places import Place, place_of, ref_of
from annotation.projections.rows import (
    Answered,
    Dropped,
    ManyRow,
    Messages,
    Scales,
    Source,
    about_many,
    carried,
    chosen,
)

TOKENS = "tokens@1"
KINDS = ("span", "missing")
# The category of a `choose` that says: read, and nothing was to be marked.
NOTHING_MARKED = "nothing_marked"
Target = tuple[str, str | None, str | None]  # what, passage, completion


@dataclass(frozen=True, slots=True, kw_only=True)
class Mark:
    """One span."""

    message: int
    start: int
    end: int
    text_sha: str
    category: str
    severity: str | None
    replacement: str | None
    note: str | None
    refs: list[Place]


@dataclass(frozen=True, slots=True, kw_only=True)
class Gap:
    """One thing that is missing."""

    category: str
    text: str | None
    refs: list[Place]


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenRow(ManyRow):
    """All that was marked in one text. src holds spans, then missing, then `none`.

    target: completion, prompt or passage; text: the marked chat, empty for passages.
    nothing_marked: that nothing is wrong was said in so many words.
    """

    target: str
    passage: str | None
    completion_id: str | None
    text: Messages
    spans: list[Mark]
    missing: list[Gap]
    nothing_marked: bool


def tokens_of(answer: Answered, dropped: Dropped, scales: Scales) -> list[TokenRow]:
    """Return the marked texts that one answer gives."""
    spans: dict[Target, list[int]] = {}
    missing: dict[Target, list[int]] = {}
    clean: dict[Target, list[int]] = {}
    for place, judgment in enumerate(answer.judgments):
        if isinstance(judgment, Span):
            pk = str(judgment.completion) if judgment.completion else None
            key = (judgment.target, judgment.passage, pk)
            spans.setdefault(key, []).append(place)
        elif isinstance(judgment, Missing):
            key = ("completion", None, str(judgment.completion))
            missing.setdefault(key, []).append(place)
        elif pk := chosen(judgment, NOTHING_MARKED):
            key = ("completion", None, pk)
            clean.setdefault(key, []).append(place)
    return [
        _row(answer, key, spans.get(key, []), missing.get(key, []), clean.get(key, []))
        for key in dict.fromkeys([*spans, *missing, *clean])
    ]


def _row(
    answer: Answered,
    key: Target,
    spans: Sequence[int],
    missing: Sequence[int],
    clean: Sequence[int],
) -> TokenRow:
    target, passage, completion = key
    text: Messages = answer.prompt if target == "prompt" else []
    if completion is not None and target == "completion":
        text = answer.completions[completion]
    return TokenRow(
        **about_many(answer, [*spans, *missing, *clean], number=f":{target}"),
        transform=TOKENS,
        target=target,
        passage=passage,
        completion_id=completion,
        text=text,
        spans=[_mark(answer.judgments[place]) for place in spans],
        missing=[_gap(answer.judgments[place]) for place in missing],
        nothing_marked=bool(clean),
    )


def _mark(judgment: Judgment) -> Mark:
    assert isinstance(judgment, Span)
    return Mark(
        message=judgment.message,
        start=judgment.start,
        end=judgment.end,
        text_sha=judgment.text_sha,
        category=judgment.category,
        severity=judgment.severity,
        replacement=judgment.replacement,
        note=judgment.note,
        refs=[place_of(ref) for ref in judgment.refs],
    )


def _gap(judgment: Judgment) -> Gap:
    assert isinstance(judgment, Missing)
    refs = [place_of(ref) for ref in judgment.refs]
    return Gap(category=judgment.category, text=judgment.text, refs=refs)


def judgments_of(rows: Iterable[TokenRow]) -> dict[Source, Judgment]:
    """Return the judgments that rows came from: the inverse of `tokens_of`."""
    found: dict[Source, Judgment] = {}
    for row in rows:
        for place, source in enumerate(row.src):
            found[source] = _back(row, place)
    return found


def _back(row: TokenRow, place: int) -> Judgment:
    said = carried(row, place)
    if place < len(row.spans):
        mark = row.spans[place]
        return Span.model_validate(
            {
                "target": row.target,
                "completion": row.completion_id,
                "passage": row.passage,
                "message": mark.message,
                "start": mark.start,
                "end": mark.end,
                "text_sha": mark.text_sha,
                "category": mark.category,
                "severity": mark.severity,
                "replacement": mark.replacement,
                "note": mark.note,
                "refs": [ref_of(item) for item in mark.refs],
                **said,
            }
        )
    place -= len(row.spans)
    if place < len(row.missing):
        gap = row.missing[place]
        return Missing.model_validate(
            {
                "completion": row.completion_id,
                "category": gap.category,
                "text": gap.text,
                "refs": [ref_of(item) for item in gap.refs],
                **said,
            }
        )
    return Choose.model_validate(
        {"target": row.completion_id, "category": NOTHING_MARKED, **said}
    )
