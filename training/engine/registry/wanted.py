"""The columns that methods need beside those of a view, and where each comes from."""

from __future__ import annotations

from collections.abc import Mapping

from training.engine.registry.types import Preset

_RATINGS = "Ask for ratings, and freeze those alone (filter: what was asked)."
_BOTH_RATED = (
    "Ask, in the task that compares, for ratings of both completions by the same "
    "criteria."
)

COMES_FROM: Mapping[str, str] = {
    "margin": "Ask for a strength, not for a side alone.",
    "chosen_value": _RATINGS,
    "rejected_value": _RATINGS,
    "chosen_factors": _BOTH_RATED,
    "rejected_factors": _BOTH_RATED,
    "margins": "Ask, in the task that compares, for ratings of both completions by "
    "other criteria, as many as other_weights has numbers.",
    "chosen_edited": "Ask, in the task that compares, for the side as it should be.",
    "rejected_edited": "Ask, in the task that compares, for the side as it should be.",
    "chosen_unsafe": "Ask, in the task that compares, whether each side is unsafe.",
    "rejected_unsafe": "Ask, in the task that compares, whether each side is unsafe.",
    "rationale": "Ask, in the task that compares, for a reason.",
    "context": "Import prompts with a context, or ask by criteria.",
    "reference": "Import prompts with a reference, the known answer.",
    "calibration": "Import prompts with a calibration, the completion that optimism "
    "is measured by.",
    "rejected_prompt": "Import prompts with a rejected_prompt, under which the side "
    "that loses is read.",
    "annotator": "Freeze single labels; a consensus has no annotator of its own.",
    "source": "Import prompts with a source, the name of where they come from.",
    "label": "Ask for reactions or approval, or freeze the view unary.",
}
"""How a project comes by rows with a column; the columns of views need no help."""


def required(preset: Preset) -> tuple[str, ...]:
    """Return the columns that every row must have."""
    return tuple(name for name in preset.columns if not name.endswith("?"))


def wanted(preset: Preset) -> tuple[str, ...]:
    """Return the columns that are read, whether they must be there or not."""
    return tuple(name.removesuffix("?") for name in preset.columns)


def remedy(name: str) -> str:
    """Return how rows come by a column, as one sentence or two."""
    return COMES_FROM.get(name, f"Freeze a snapshot whose rows all have {name}.")


def reads_conditions(preset: Preset) -> bool:
    """True if a pair judged under two criteria is two pairs to the method."""
    return "context" in wanted(preset)
