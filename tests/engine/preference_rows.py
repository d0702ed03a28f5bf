"""Rows of every view, with every column that a method may need."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tests.engine.support import WORDS, pair_row, say, write_rows


def full_pair(index: int, **changes: Any) -> dict[str, Any]:
    """Return a row of pairs with all columns."""
    row = pair_row(index)
    row |= {
        "margin": 1.0 + index % 3,
        "chosen_value": 0.9 - 0.05 * (index % 4),
        "rejected_value": 0.2,
        "margins": [0.3 - 0.1 * (index % 5)],
        "rationale": f"It is {WORDS[index % 12]} and polite.",
        "calibration": say("assistant", f"{WORDS[(index + 3) % 12]} please no"),
        "rejected_prompt": say("user", f"{WORDS[(index + 5) % 12]} and then?"),
        "annotator": f"ann-{index % 2}",
    }
    return row | changes


def list_row(index: int, **changes: Any) -> dict[str, Any]:
    """Return a row of lists: three ranked completions and one that nobody ranked."""
    pair = pair_row(index)
    middle = say("assistant", f"{WORDS[index % 12]} thank you go")
    extra = say("assistant", f"{WORDS[(index + 1) % 12]} away")
    row = {
        "row_id": f"list-{index}",
        "prompt": pair["prompt"],
        "candidates": [pair["chosen"], middle, pair["rejected"], extra],
        "groups": [0, 1, 2, None],
        "values": [1.0, 0.4, 0.1, 0.0],
        "weight": 1.0,
        "group": f"g{index}",
    }
    return row | changes


def unary_row(index: int, **changes: Any) -> dict[str, Any]:
    """Return a row of good or bad completions."""
    pair = pair_row(index)
    row = {
        "row_id": f"unary-{index}",
        "prompt": pair["prompt"],
        "completion": pair["chosen" if index % 2 else "rejected"],
        "label": bool(index % 2),
        "weight": 1.0,
        "group": f"g{index}",
    }
    return row | changes


def write_views(path: Path, count: int = 6) -> dict[str, str]:
    """Write a file of each view and return their paths."""
    demonstrations = [
        {k: v for k, v in unary_row(2 * i + 1).items() if k != "label"}
        for i in range(count)
    ]
    rows = {
        "pairs": [full_pair(i) for i in range(count)],
        "lists": [list_row(i) for i in range(count)],
        "unary": [unary_row(i) for i in range(count)],
        "demonstrations": demonstrations,
    }
    return {
        view: str(write_rows(path / f"{view}.parquet", found))
        for view, found in rows.items()
    }
