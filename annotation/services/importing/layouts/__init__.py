"""Layouts: how a row of a file is told apart and read into one neutral record."""

from collections.abc import Callable, Mapping
from typing import Any

from annotation.services.importing.layouts import bare, feedback, neutral, trl
from annotation.services.importing.options import ImportOptions
from annotation.services.importing.records import Record, RowError

LAYOUTS: dict[str, Callable[[Mapping[str, Any], ImportOptions], Record]] = {
    "neutral": neutral.read,
    "trl": trl.read,
    "bare": bare.read,
    "feedback": feedback.read,
}


def layout_of(row: Mapping[str, Any]) -> str:
    """Tell a row's layout by its fields.

    Raises:
        RowError: when it is none that Hone reads.
    """
    has = {key for key, value in row.items() if value is not None}
    if {"judgments", "completions", "actor"} <= has:
        return "feedback"
    if {"a", "b"} <= has:
        return "neutral"
    if {"chosen", "rejected"} <= has:
        return "trl"
    for one, other in (("a", "b"), ("chosen", "rejected")):
        if (one in has) != (other in has):
            missing = other if one in has else one
            raise RowError(missing, f"{one} and {other} together", row.get(missing))
    if "prompt" in has:
        return "bare"
    raise RowError(
        "",
        "prompt, a, b, labels (neutral); chosen, rejected (trl); prompt and "
        "completions (bare); or an exported feedback row",
        sorted(row)[:20],
    )


def read_row(row: Mapping[str, Any], options: ImportOptions) -> tuple[str, Record]:
    """Return a row's layout and what it says.

    Raises:
        RowError: naming the field, what was expected there and what was found.
    """
    layout = layout_of(row) if options.layout == "auto" else options.layout
    return layout, LAYOUTS[layout](row, options)
