"""The fields in which a row about one response holds its labels, one file each.

A part reads its field into entries and writes it again from an actor's judgments.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from annotation.services.importing.layouts.gathering import Entry
from annotation.services.importing.layouts.parts import (
    annotations,
    checks,
    labels,
    ratings,
    steps,
    texts,
)
from annotation.services.importing.records import Side
from annotation.services.importing.told import Told


@dataclass(frozen=True)
class Part:
    """One field.

    kinds: of judgments that it is written from.
    read: the row, its completion and its context to entries.
    write: the row's fields, from all that was said.
    """

    kinds: frozenset[str]
    read: Callable[[Mapping[str, Any], Side, Mapping[str, Any] | None], Sequence[Entry]]
    write: Callable[[Told], dict[str, Any]]


PARTS: Mapping[str, Part] = {
    "labels": Part(labels.KINDS, labels.read, labels.write),
    "unpaired": Part(labels.THUMBS, labels.read, labels.write_thumbs),
    "label_counts": Part(labels.KINDS, labels.read_counts, labels.write_counts),
    "ratings": Part(ratings.KINDS, ratings.read, ratings.write),
    "checks": Part(checks.KINDS, checks.read, checks.write),
    "annotations": Part(annotations.KINDS, annotations.read, annotations.write),
    "critique": Part(texts.KINDS, texts.read, texts.write),
    "revision": Part(texts.KINDS, texts.read_revision, texts.write_revision),
    "steps": Part(steps.KINDS, steps.read, steps.write),
}


def parts_in(row: Mapping[str, Any]) -> list[str]:
    """Return the parts that a row has."""
    found = [name for name in PARTS if name != "unpaired" and row.get(name) is not None]
    if "labels" in found and labels.are_thumbs(row["labels"]):
        found[found.index("labels")] = "unpaired"
    return found
