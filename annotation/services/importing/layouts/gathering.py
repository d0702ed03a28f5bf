"""Labels of a row into answers of its annotators, and back into their order.

An annotator's labels are one answer; the same thing labelled again (a judge's other
order, a further sample) is one more, in the next presentation.
"""

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from annotation.services.importing import checks
from annotation.services.importing.layouts import common
from annotation.services.importing.records import ActorKey, Answer, Side
from annotation.services.importing.told import KINDS

Judgment = dict[str, Any]


@dataclass(frozen=True)
class Entry:
    """One label of a row.

    field, place: where it stands in the row.
    about: what it labels; a second one about the same goes into another answer.
    judgments: what it says; `targets` count from its own first judgment.
    """

    field: str
    place: int
    kind: str
    annotator: str
    about: Hashable
    judgments: Sequence[Judgment]
    seconds: float = 0.0
    raw_text: str = ""
    presented: Sequence[Side] | None = None


def annotator_of(
    label: Mapping[str, Any], path: str, name: str = "annotator"
) -> tuple[str, str]:
    """Return (kind, annotator) of a label; nobody named is `unknown`."""
    given = label.get("kind") or "human"
    kind = KINDS[checks.one_of(given, f"{path}.kind", tuple(KINDS))]
    return kind, checks.name(label.get(name), f"{path}.{name}") or "unknown"


@dataclass
class Gathered:
    """Answers, and for each field of labels where its members stood in the row."""

    answers: list[Answer] = field(default_factory=list)
    order: dict[str, list[int]] = field(default_factory=dict)


def gathered(
    entries: Sequence[Entry], sides: Sequence[Side], source: str, *named: str
) -> Gathered:
    """Return the answers that labels make.

    Args:
        named: what names the row; with the annotator it names each answer.
    """
    groups: dict[tuple[str, str, int], list[Entry]] = {}
    seen: dict[tuple[Hashable, ...], int] = {}
    for entry in entries:
        key = (entry.kind, entry.annotator, entry.field, entry.about)
        presentation = seen.get(key, 0)
        seen[key] = presentation + 1
        group = (entry.kind, entry.annotator, presentation)
        groups.setdefault(group, []).append(entry)
    found = Gathered()
    for (kind, annotator, presentation), members in groups.items():
        judgments: list[Judgment] = []
        for entry in members:
            start = len(judgments)
            judgments += [_moved(item, start) for item in entry.judgments]
            found.order.setdefault(entry.field, []).append(entry.place)
        shown = members[0].presented or sides
        found.answers.append(
            Answer(
                actor=ActorKey(
                    kind,
                    source,
                    annotator,
                    {"model": {"name": annotator}} if kind == "model" else {},
                ),
                client_id=common.client_id(
                    source, *named, kind, annotator, presentation
                ),
                judgments=judgments,
                presented=[side.ref for side in shown],
                presentation=presentation,
                active_ms=round(sum(entry.seconds for entry in members) * 1000),
                raw_text="\n\n".join(e.raw_text for e in members if e.raw_text),
            )
        )
    found.order = {
        name: places for name, places in found.order.items() if places != sorted(places)
    }
    return found


def _moved(judgment: Judgment, start: int) -> Judgment:
    if not judgment.get("targets"):
        return judgment
    return judgment | {"targets": [start + place for place in judgment["targets"]]}


def in_order(labels: list[Any], places: Sequence[int] | None) -> list[Any]:
    """Return labels where they stood in their row; later ones follow."""
    if not places or len(labels) < len(places):
        return labels
    first = dict(zip(places, labels, strict=False))
    return [first[place] for place in sorted(first)] + labels[len(places) :]


def asked_about(aspect: str) -> dict[str, str]:
    """Return the question and criterion of a label's aspect."""
    return (
        {"question": "overall"} if aspect in ("", "overall") else {"criterion": aspect}
    )


def aspect_of(judgment: Mapping[str, Any]) -> str:
    """Return the aspect of a judgment: the inverse of `asked_about`."""
    return str(judgment.get("criterion") or judgment.get("question") or "overall")
