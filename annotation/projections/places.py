"""References to passages and texts, as columns hold them, and back."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from annotation.judgments import Ref


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """A `Ref` in columns: a sentence named by a text or, apart, by a number."""

    doc: str | None = None
    sentence: str | None = None
    sentence_number: int | None = None
    completion: str | None = None
    message: int | None = None
    start: int | None = None
    end: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """What a verdict leans on: a quotation, or a place."""

    text: str | None = None
    place: Place | None = None


def place_of(ref: Ref) -> Place:
    number = isinstance(ref.sentence, int)
    return Place(
        doc=ref.doc,
        sentence=None if ref.sentence is None or number else str(ref.sentence),
        sentence_number=int(ref.sentence) if isinstance(ref.sentence, int) else None,
        completion=str(ref.completion) if ref.completion else None,
        message=ref.message,
        start=ref.start,
        end=ref.end,
    )


def ref_of(place: Place) -> Mapping[str, Any]:
    """Return a place as a judgment has it: the inverse of `place_of`."""
    named = place.sentence if place.sentence_number is None else place.sentence_number
    return {
        "doc": place.doc,
        "sentence": named,
        "completion": place.completion,
        "message": place.message,
        "start": place.start,
        "end": place.end,
    }


def evidence_of(given: Ref | str) -> Evidence:
    if isinstance(given, Ref):
        return Evidence(place=place_of(given))
    return Evidence(text=given)


def evidence_back(given: Evidence) -> Any:
    """Return evidence as a judgment has it: the inverse of `evidence_of`."""
    return given.text if given.place is None else ref_of(given.place)
