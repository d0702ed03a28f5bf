"""Policies from completions sampled during training, as data."""

from training.engine.registry.types import Preset

PRESETS: tuple[Preset, ...] = ()
