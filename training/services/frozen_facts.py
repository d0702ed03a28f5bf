"""What a snapshot says of its training rows before any model reads them.

Methods need columns that only some rows have, and most read neither a criterion nor a
context: two verdicts on one pair, by different criteria, look like a contradiction to
them. Both are counted while the rows go by, so that a launch can refuse or warn.
"""

from array import array
from collections import Counter
from collections.abc import Mapping
from typing import Any

from annotation.projections.pair_rows import PairRow
from annotation.projections.rows import Messages, Row
from training.engine.registry.types import Preset
from training.engine.registry.wanted import (
    COMES_FROM,
    reads_conditions,
    remedy,
    required,
)
from training.models import Snapshot

_UNSIGNED = 2**64


class Facts:
    """Counts of one snapshot's training rows; of a pair 16 bytes are kept."""

    def __init__(self) -> None:
        self._filled: Counter[str] = Counter()
        self._conditioned = 0
        self._pairs = array("Q")
        self._conditions = array("Q")

    def add(self, row: Row) -> None:
        """Count a row, if it is for training."""
        if row.split != "train":
            return
        condition = ""
        if isinstance(row, PairRow):
            # A method that reads contexts takes the criterion where there is none.
            condition = row.context or row.criterion or ""
        for name in COMES_FROM:
            value = condition if name == "context" else getattr(row, name, None)
            if value not in (None, "", []):
                self._filled[name] += 1
        if not isinstance(row, PairRow):
            return
        self._conditioned += bool(condition)
        sides = sorted((_said(row.chosen), _said(row.rejected)))
        self._pairs.append(hash((_said(row.prompt), *sides)) % _UNSIGNED)
        self._conditions.append(hash(condition) % _UNSIGNED)

    def told(self) -> dict[str, Any]:
        """Return what the manifest says.

        filled: rows that have a value, by column. conditions: rows judged under a
        criterion or context, and pairs of texts judged under more than one.
        """
        return {
            "filled": dict(sorted(self._filled.items())),
            "conditions": {
                "rows": self._conditioned,
                "mixed_pairs": self._mixed(),
            },
        }

    def _mixed(self) -> int:
        import pyarrow as pa
        import pyarrow.compute as pc

        if not self._conditioned:
            return 0
        columns = {
            name: pa.Array.from_buffers(
                pa.uint64(), len(values), [None, pa.py_buffer(values)]
            )
            for name, values in (
                ("pair", self._pairs),
                ("condition", self._conditions),
            )
        }
        kinds = (
            pa.table(columns)
            .group_by("pair")
            .aggregate([("condition", "count_distinct")])["condition_count_distinct"]
        )
        return int(pc.sum(pc.greater(kinds, 1)).as_py() or 0)


def _said(messages: Messages) -> tuple[tuple[str, str], ...]:
    return tuple((message["role"], message["content"]) for message in messages)


def lacking(preset: Preset, manifest: Mapping[str, Any]) -> tuple[str, str] | None:
    """Return a column that a method needs and no training row has, and the remedy.

    A manifest from before this was counted says nothing.
    """
    filled = manifest.get("filled")
    if filled is None or not manifest.get("counts", {}).get("train"):
        return None
    for name in required(preset):
        if not filled.get(name):
            return name, remedy(name)
    return None


def warnings_of(preset: Preset, snapshot: Snapshot | None) -> list[str]:
    """Return what somebody who launches a method on a snapshot should know."""
    if snapshot is None or not preset.is_trainable or reads_conditions(preset):
        return []
    told = snapshot.manifest.get("conditions") or {}
    mixed = int(told.get("mixed_pairs", 0))
    if not mixed:
        return []
    return [
        f"{mixed} pair(s) of {snapshot.name} were judged by more than one criterion or "
        f"context, which {preset.title} does not read: their verdicts count as votes "
        "on one question. Freeze one criterion alone, or choose a method that reads "
        "contexts, such as reward-context."
    ]
