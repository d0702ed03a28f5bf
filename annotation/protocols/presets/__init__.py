"""Protocols that come with Hone, as data: one module each.

A preset follows the format and the scales of a published interface; all wording is
our own. `create_project --preset`, the API's list and the panel's form read PRESETS.
"""

from collections.abc import Mapping

from annotation.protocols.presets import (
    critique,
    finegrained,
    hc_safety,
    helpsteer2,
    helpsteer3,
    hh,
    hindsight,
    instructgpt,
    llama2,
    mqm,
    multipref,
    plain,
    rlbff,
    thumbs,
)
from annotation.protocols.presets.types import Agreement, Preset

__all__ = ["PRESETS", "Agreement", "Preset"]

PRESETS: Mapping[str, Preset] = {
    preset.name: preset
    for preset in (
        plain.COMPARE,
        plain.COMPARE_PLAIN,
        hh.PRESET,
        llama2.PRESET,
        instructgpt.PRESET,
        helpsteer2.PRESET,
        helpsteer3.PRESET,
        multipref.PRESET,
        finegrained.PRESET,
        mqm.PRESET,
        rlbff.PRESET,
        hc_safety.PRESET,
        thumbs.PRESET,
        critique.PRESET,
        hindsight.PRESET,
    )
}
