"""All presets: one file for each family, put together here."""

from training.engine.registry import online, preferences, rewards, scorers, tools
from training.engine.registry.types import Preset

ALL: tuple[Preset, ...] = (
    *rewards.PRESETS,
    *preferences.PRESETS,
    *online.PRESETS,
    *scorers.PRESETS,
    *tools.PRESETS,
)
