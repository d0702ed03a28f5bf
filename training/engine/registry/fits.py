"""Which models fit which place of a method, known before any of them is loaded."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from training.engine.registry.further import further_models
from training.engine.registry.online_rows import OnlineRow
from training.engine.registry.presets import ALL
from training.engine.registry.rewards_algebra import RewardRow
from training.engine.registry.types import MadeBy, Preset

UNTRAINED = ""
"""The method of a model that is known to come from no run."""

_BY_NAME = {preset.name: preset for preset in ALL}


@dataclass(frozen=True)
class Chosen:
    """A model that stands at a place of a run: model, reference, reward or further.

    Attributes:
        preset: what it was trained by; `UNTRAINED`, or None where nobody can tell
            before it is loaded.
    """

    name: str
    preset: str | None

    def __str__(self) -> str:
        if self.preset is None:
            return self.name
        if self.preset == UNTRAINED:
            return f"{self.name}, which no run trained"
        return f"{self.name}, a model of {self.preset}"


@dataclass(frozen=True)
class Misfit:
    """What is wrong with a model or a setting: expected, found, fix.

    Attributes:
        place: as in `Chosen`; a setting as ``params.NAME``.
    """

    place: str
    expected: str
    found: str
    fix: str


def misfit(
    preset: Preset, params: Mapping[str, Any], chosen: Mapping[str, Chosen]
) -> Misfit | None:
    """Return the first model of a run that cannot stand where it does, or None.

    Args:
        params: the run's settings, defaults filled in.
        chosen: the models by place.
    """
    for made in preset.made_by:
        if (wrong := _not_made(made, chosen)) is not None:
            return wrong
    if preset.one_of and not set(preset.one_of) & chosen.keys():
        return Misfit(
            preset.one_of[0],
            f"a model as {' or '.join(preset.one_of)}",
            "none",
            "Choose what the model is compared with: the one it was trained from, or "
            "another.",
        )
    if not isinstance(preset.settings, OnlineRow):
        return None
    return (
        _wrong_count(preset, params, chosen)
        or _no_threshold(preset, preset.settings, params, chosen)
        or _no_judge(preset, preset.settings, params, chosen)
    )


def makers(preset: Preset, place: str) -> tuple[str, ...]:
    """Return the methods that the model at one place must come from; empty for any."""
    for made in preset.made_by:
        if made.places == (place,):
            return made.presets
    return ()


def _not_made(made: MadeBy, chosen: Mapping[str, Chosen]) -> Misfit | None:
    given = {place: chosen[place] for place in made.places if place in chosen}
    if any(found.preset in (None, *made.presets) for found in given.values()):
        return None
    place = next(iter(given), made.places[0])
    return Misfit(
        place,
        f"a model of {' or '.join(made.presets)}",
        str(given.get(place, "none")),
        f"Train {made.presets[0]} and choose the model it leaves.",
    )


def reward_names(
    preset: Preset, params: Mapping[str, Any], chosen: Mapping[str, Chosen]
) -> list[str]:
    """Return the names of a run's rewards, as weights and thresholds know them."""
    further = [m.name for m in further_models(preset) if m.role == "reward"]
    found = [name for name in ("reward", *further) if name in chosen]
    rule = str(params.get("rule", "none"))
    return found + ([rule] if rule != "none" else [])


def _wrong_count(
    preset: Preset, params: Mapping[str, Any], chosen: Mapping[str, Chosen]
) -> Misfit | None:
    names = reward_names(preset, params, chosen)
    if preset.rewards is None or len(names) == preset.rewards:
        return None
    return Misfit(
        "reward_2",
        f"{preset.rewards} rewards: reward models, or one and a rule",
        ", ".join(names) or "none",
        "Choose another reward model or a rule, or leave one out.",
    )


def _no_threshold(
    preset: Preset,
    row: OnlineRow,
    params: Mapping[str, Any],
    chosen: Mapping[str, Chosen],
) -> Misfit | None:
    if row.combine != "constrained":
        return None
    said = str(params.get("thresholds") or "")
    told = {part.partition("=")[0].strip() for part in said.split(",")}
    names = reward_names(preset, params, chosen)
    missing = [name for name in names if name not in told]
    if not missing:
        return None
    return Misfit(
        "params.thresholds",
        f"a threshold for each of {', '.join(names)}",
        f"none for {', '.join(missing)}",
        "Give them as in reward=0.5, rule=0.1.",
    )


def _no_judge(
    preset: Preset,
    row: OnlineRow,
    params: Mapping[str, Any],
    chosen: Mapping[str, Chosen],
) -> Misfit | None:
    """Return the first reward model that cannot score what the loop gives it."""
    for place in reward_names(preset, params, chosen):
        found = chosen.get(place)
        why = needs_more(found.preset, row, params) if found else ""
        if why:
            return Misfit(place, SCORES_ALONE, f"{found}, which {why}", ANOTHER_JUDGE)
    return None


SCORES_ALONE = "a reward model that scores a completion by its prompt alone"
ANOTHER_JUDGE = "Choose a model of reward-bt or another that scores single texts."


def needs_more(maker: str | None, row: OnlineRow, params: Mapping[str, Any]) -> str:
    """Return what a reward model needs that sampled completions do not bring.

    Args:
        maker: the method that trained it, if that is known.
    """
    source = _BY_NAME.get(maker or "")
    judge = source.settings if source is not None else None
    samples = int(params.get("samples") or 1)
    if not isinstance(judge, RewardRow):
        return ""
    if judge.head == "features" or judge.map == "factors":
        return "reads ratings"
    if judge.map == "reference" and row.judge != "learns":
        return "reads a known answer"
    compares = judge.head == "skew" or judge.map == "judge"
    if compares and samples < 2:
        return "compares completions: samples must be 2 at least"
    return ""
