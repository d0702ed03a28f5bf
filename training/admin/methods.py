"""The methods as the launch page shows them: the usual ones, then all by family."""

from collections.abc import Sequence
from dataclasses import dataclass

from training.engine.registry import PRESETS, Preset, trainable

USUAL = ("reward-bt", "dpo", "ppo", "evaluate")
"""What most people come for; the rest is a search away."""

FAMILIES = {
    ("reward", None): "Reward models",
    ("dpo", "pairs"): "Policies from pairs",
    ("dpo", "lists"): "Policies from lists",
    ("dpo", "unary"): "Policies from single verdicts",
    ("dpo", "demonstrations"): "Policies from demonstrations",
    ("dpo", None): "Policies from other rows",
    ("ppo", None): "Policies online, with a critic",
    ("online", None): "Policies online, without a critic",
    ("evaluate", None): "Evaluation",
    ("score", None): "Scores of completions, without training",
    ("generate", None): "Sampling",
}
"""Titles by task and view of the feedback; None takes the views without their own."""


@dataclass(frozen=True)
class Family:
    title: str
    methods: Sequence[Preset]


def launchable() -> list[Preset]:
    """Return the methods that the panel launches: all that the registry has."""
    return list(PRESETS.values())


def usual() -> list[Preset]:
    """Return the methods that the page shows without being asked."""
    return [preset for preset in launchable() if preset.name in USUAL]


def families() -> list[Family]:
    """Return all launchable methods under the titles of `FAMILIES`, in its order."""
    members: dict[str, list[Preset]] = {title: [] for title in FAMILIES.values()}
    for preset in launchable():
        own = (preset.task, preset.view)
        key = own if own in FAMILIES else (preset.task, None)
        members[FAMILIES[key]].append(preset)
    return [Family(title, found) for title, found in members.items() if found]


def taking(view: str) -> list[Preset]:
    """Return the methods that learn from a view: the usual first, at most three."""
    found = [preset for preset in trainable() if preset.view == view]
    return sorted(found, key=lambda preset: preset.name not in USUAL)[:3]
