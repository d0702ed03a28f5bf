"""What the record says of an imported row: what the layouts write rows from.

Made from the record as it is read, to find what it could not hold, and from the
database when rows are exported again. Both give the same row.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from annotation.services.importing.records import Message, Record

# The kinds of actors, as the neutral layout calls them.
KINDS = {
    "human": "human",
    "ai": "model",
    "model": "model",
    "rule": "rule",
    "end_user": "end_user",
}
NEUTRAL_KINDS = {"model": "ai"}


@dataclass(frozen=True)
class Said:
    """One actor's answer; judgments name completions by their id, as texts."""

    kind: str  # a value of Actor.Kind
    annotator: str
    judgments: Sequence[Mapping[str, Any]]
    presented: Sequence[str]
    active_ms: int = 0
    raw_text: str = ""

    @property
    def named(self) -> dict[str, str]:
        """The fields that every label begins with."""
        kind = NEUTRAL_KINDS.get(self.kind, self.kind)
        return {"annotator": self.annotator, "kind": kind}


@dataclass(frozen=True)
class Told:
    """A prompt, the completions of a row in its order, and what was said of them."""

    prompt: list[Message]
    context: Mapping[str, Any] | None
    ids: Sequence[str]
    completions: Sequence[list[Message]]
    said: Sequence[Said] = ()
    notes: Mapping[str, Any] = field(default_factory=dict)


def told_of(record: Record) -> Told:
    """Return what a record that was just read says."""
    sides = {side.ref: side for side in record.sides}
    return Told(
        prompt=record.messages,
        context=record.context,
        ids=[str(ref) for ref in record.listed],
        completions=[sides[ref].messages for ref in record.listed],
        said=[
            Said(
                kind=answer.actor.kind,
                annotator=answer.actor.external_id,
                judgments=answer.judgments,
                presented=[str(ref) for ref in answer.presented],
                active_ms=answer.active_ms,
                raw_text=answer.raw_text,
            )
            for answer in record.answers
        ],
        notes=record.notes,
    )
