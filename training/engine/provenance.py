"""Which method made a model: written beside its weights, so that it goes along."""

from __future__ import annotations

import json
from pathlib import Path

from training.engine.events import write_json
from training.engine.registry import Preset

METHOD_FILE = "hone-method.json"


def note_method(model: Path, preset: Preset) -> None:
    """Write beside a model's weights which method made it, and what it rests on."""
    told = {
        "preset": preset.name,
        "title": preset.title,
        "status": preset.status,
        "caution": preset.caution,
    }
    write_json(model / METHOD_FILE, told)


def method_of(source: str) -> dict[str, str]:
    """Return what `note_method` wrote of a model; nothing of models from elsewhere."""
    try:
        found = json.loads((Path(source) / METHOD_FILE).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    told = ("preset", "title", "status", "caution")
    if not isinstance(found, dict) or not all(name in found for name in told):
        return {}
    return {name: str(found[name])[:500] for name in told}
