"""The methods as data: what each is called, needs and lets one set.

Imports no torch, so the web process builds its launch form from it and checks a
specification before a worker ever sees it. ``validate`` is the one rule for values.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from training.engine.registry.preferences import LABEL_SMOOTHED_LOSSES
from training.engine.registry.presets import ALL
from training.engine.registry.types import (
    Param,
    ParamValue,
    Preset,
    PresetError,
    Settings,
)

__all__ = [
    "PRESETS",
    "Param",
    "ParamValue",
    "Preset",
    "PresetError",
    "Settings",
    "describe",
    "get",
    "trainable",
    "validate",
]

PRESETS: Mapping[str, Preset] = {preset.name: preset for preset in ALL}

_TYPES: Mapping[str, str] = {
    "int": "a whole number",
    "float": "a number",
    "bool": "true or false",
    "str": "text",
}


def get(name: str) -> Preset:
    """Return the preset called ``name``.

    Raises:
        PresetError: if there is none.
    """
    try:
        return PRESETS[name]
    except KeyError:
        raise PresetError(
            field="preset",
            expected=f"one of {', '.join(PRESETS)}",
            found=repr(name),
            fix="Choose one of the presets listed by `presets`.",
        ) from None


def trainable() -> tuple[Preset, ...]:
    """Return the presets that leave a model, for launch forms."""
    return tuple(preset for preset in ALL if preset.is_trainable)


def validate(preset: str, params: Mapping[str, Any]) -> dict[str, ParamValue]:
    """Return a value for every setting of ``preset``, defaults filled in.

    Raises:
        PresetError: if the preset is unknown, a setting is unknown, or a value has the
            wrong type or lies outside its bounds.
    """
    chosen = get(preset)
    known = {param.name: param for param in chosen.params}
    for name in params:
        if name not in known:
            raise PresetError(
                field=f"params.{name}",
                expected=f"a setting of {preset}: {', '.join(known) or 'none'}",
                found=f"the unknown setting {name!r}",
                fix="Remove it or correct its name.",
            )
    values = {
        name: _check(param, params[name]) if name in params else param.default
        for name, param in known.items()
    }
    _check_together(values)
    return values


def _check(param: Param, value: Any) -> ParamValue:
    if value is None:
        if param.nullable:
            return None
        raise _wrong(param, value)
    if param.kind == "bool":
        if not isinstance(value, bool):
            raise _wrong(param, value)
        return value
    if param.kind == "str":
        if not isinstance(value, str) or (param.choices and value not in param.choices):
            raise _wrong(param, value)
        return value
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise _wrong(param, value)
    if not math.isfinite(value):
        raise _wrong(param, value)
    if param.kind == "int" and value != int(value):
        raise _wrong(param, value)
    if param.minimum is not None and value < param.minimum:
        raise _wrong(param, value)
    if param.maximum is not None and value > param.maximum:
        raise _wrong(param, value)
    return int(value) if param.kind == "int" else float(value)


def _check_together(values: Mapping[str, ParamValue]) -> None:
    """Refuse values that are each fine and together silently do nothing."""
    if "other_weights" in values:
        _check_weights(str(values["other_weights"]))
    if "loss_type" not in values:
        return
    smoothing = values.get("label_smoothing", 0.0)
    loss = values["loss_type"]
    if smoothing and loss not in LABEL_SMOOTHED_LOSSES:
        raise PresetError(
            field="params.label_smoothing",
            expected=f"0 with loss_type {loss!r}, which ignores it",
            found=str(smoothing),
            fix=f"Set it to 0, or use loss_type {' or '.join(LABEL_SMOOTHED_LOSSES)}.",
        )
    if loss == "exo_pair" and not smoothing:
        raise PresetError(
            field="params.label_smoothing",
            expected="more than 0 with loss_type 'exo_pair'",
            found=str(smoothing),
            fix="Set it, for example to 0.001.",
        )


def _check_weights(text: str) -> None:
    """Refuse weights of further objectives that leave nothing for the first."""
    try:
        weights = [float(part) for part in text.split(",")]
    except ValueError:
        weights = [math.nan]
    if not all(weight >= 0 for weight in weights) or not sum(weights) < 1:
        raise PresetError(
            field="params.other_weights",
            expected="numbers from 0 with commas, below 1 in sum",
            found=repr(text),
            fix="Give one weight for each further objective, such as 0.3,0.2.",
        )


def _wrong(param: Param, value: Any) -> PresetError:
    if param.choices:
        expected = f"one of {', '.join(param.choices)}"
    else:
        expected = _TYPES[param.kind]
        if param.minimum is not None:
            expected += f", at least {param.minimum:g}"
        if param.maximum is not None:
            expected += f", at most {param.maximum:g}"
    if param.nullable:
        expected += ", or nothing"
    return PresetError(
        field=f"params.{param.name}",
        expected=expected,
        found=repr(value),
        fix=param.help,
    )


def describe() -> list[dict[str, Any]]:
    """Return every preset as plain data, for JSON output and docs pages."""
    return [
        {
            "name": preset.name,
            "task": preset.task,
            "title": preset.title,
            "summary": preset.summary,
            "paper": preset.paper,
            "produces": preset.produces,
            "needs": list(preset.needs),
            "view": preset.view,
            "backends": list(preset.backends),
            "upstream": preset.upstream,
            "identities": list(preset.identities),
            "equation": preset.equation,
            "settings": asdict(preset.settings) if preset.settings else None,
            "columns": list(preset.columns),
            "models": list(preset.models),
            "made_by": [asdict(made) for made in preset.made_by],
            "one_of": list(preset.one_of),
            "rewards": preset.rewards,
            "status": preset.status,
            "is_verified": preset.is_verified,
            "verified": preset.verified,
            "unverified": preset.unverified,
            "caution": preset.caution,
            "tests": list(preset.tests),
            "neighbour": preset.neighbour,
            "alias_of": preset.alias_of,
            "params": [
                {
                    "name": param.name,
                    "kind": param.kind,
                    "default": param.default,
                    "help": param.help,
                    "minimum": param.minimum,
                    "maximum": param.maximum,
                    "choices": list(param.choices),
                    "nullable": param.nullable,
                }
                for param in preset.params
            ],
        }
        for preset in ALL
    ]
