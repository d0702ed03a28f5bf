"""Layouts: how a row of a file is told apart, read into one record, and written."""

from collections.abc import Callable, Mapping
from typing import Any

from annotation.services.importing.layouts import (
    bare,
    feedback,
    pairs,
    rankings,
    response,
    trl,
)
from annotation.services.importing.options import ImportOptions
from annotation.services.importing.records import Record, RowError
from annotation.services.importing.told import Told

Read = Callable[[Mapping[str, Any], ImportOptions], Record]
FORMS: Mapping[str, Callable[[Told], dict[str, Any]]] = {
    "pairs": pairs.write,
    "rankings": rankings.write,
    "response": response.write,
    "responses": bare.write,
}


def read_neutral(row: Mapping[str, Any], options: ImportOptions) -> Record:
    """Read a row of the neutral layout, whatever it is about."""
    if row.get("rankings") is not None:
        return rankings.read(row, options)
    if row.get("response") is not None:
        return response.read(row, options)
    return pairs.read(row, options)


LAYOUTS: dict[str, Read] = {
    "neutral": read_neutral,
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
    if {"a", "b"} <= has or "response" in has or {"responses", "rankings"} <= has:
        return "neutral"
    if trl.fits(has, row):
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
