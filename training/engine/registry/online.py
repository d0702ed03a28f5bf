"""Policies from completions sampled during training, as data."""

from training.engine.registry import (
    online_agents,
    online_critic,
    online_directed,
    online_duels,
    online_groups,
    online_judges,
    online_parts,
)
from training.engine.registry.types import Preset

PRESETS: tuple[Preset, ...] = (
    *online_critic.PRESETS,
    *online_parts.PRESETS,
    *online_groups.PRESETS,
    *online_duels.PRESETS,
    *online_judges.PRESETS,
    *online_directed.PRESETS,
    *online_agents.PRESETS,
)
