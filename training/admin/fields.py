"""The registry's settings as form fields: the registry judges what is typed."""

from collections.abc import Mapping
from typing import Any

from django import forms
from unfold.widgets import (
    UnfoldAdminSelectWidget,
    UnfoldAdminTextInputWidget,
    UnfoldBooleanWidget,
)

from annotation.admin.forms import label_of, told
from training.engine.registry import Param, ParamValue, Preset, PresetError, validate
from training.engine.registry.common import LOOP

# Chosen elsewhere on the form, or found by a name that is chosen.
CHOSEN_ELSEWHERE = ("role", "reward_model", "suite_file")


def number_box(**attrs: Any) -> forms.TextInput:
    """Return a box for a number; the browser hints, the server decides."""
    box: forms.TextInput = UnfoldAdminTextInputWidget(
        attrs={"inputmode": "decimal", "autocomplete": "off", **attrs}
    )
    return box


def bounds(param: Param) -> str:
    """Return a setting's help with what it accepts, and its default."""
    said = param.help
    if param.minimum is not None and param.maximum is not None:
        said += f" From {param.minimum:g} to {param.maximum:g}."
    elif param.minimum is not None:
        said += f" At least {param.minimum:g}."
    return told(said, None if param.kind == "bool" else param.default)


def field_for(param: Param) -> forms.Field:
    """Return a form field that takes anything: the registry judges."""
    common: dict[str, Any] = {
        "label": label_of(param.name),
        "help_text": bounds(param),
        "initial": param.default,
        "required": False,
    }
    if param.kind == "bool":
        return forms.BooleanField(widget=UnfoldBooleanWidget, **common)
    if param.choices:
        choices = [(choice, choice) for choice in param.choices]
        if param.nullable:
            choices.insert(0, ("", "none"))
        return forms.ChoiceField(
            choices=choices, widget=UnfoldAdminSelectWidget, **common
        )
    if param.kind == "str":
        return forms.CharField(widget=UnfoldAdminTextInputWidget, **common)
    common["initial"] = "" if param.default is None else f"{param.default:g}"
    return forms.CharField(
        widget=number_box(placeholder="none" if param.nullable else ""), **common
    )


def shown(preset: Preset) -> tuple[list[Param], list[Param]]:
    """Return the settings that are the method's own, and those of every loop."""
    of_loop = {param.name for param in LOOP}
    mine = [param for param in preset.params if param.name not in CHOSEN_ELSEWHERE]
    return (
        [param for param in mine if param.name not in of_loop],
        [param for param in mine if param.name in of_loop],
    )


def typed(param: Param, raw: Any) -> Any:
    """Return what was typed as the setting's type, or as it is if it cannot be."""
    if param.kind == "bool":
        return bool(raw)
    text = str(raw or "").strip()
    if not text:
        return None if param.nullable or param.kind != "str" else ""
    if param.kind == "str":
        return text
    try:
        value = float(text.replace(",", "."))
    except ValueError:
        return text
    return int(value) if param.kind == "int" and value.is_integer() else value


def check(
    preset: Preset, given: Mapping[str, Any]
) -> tuple[dict[str, ParamValue], dict[str, str]]:
    """Return the values of a form's settings, and what the registry says is wrong.

    Every setting is judged alone first, so that all mistakes show at once.
    """
    errors: dict[str, str] = {}
    for name, value in given.items():
        try:
            validate(preset.name, {name: value})
        except PresetError as error:
            if error.field == f"params.{name}":
                errors[name] = say(error)
    if errors:
        return {}, errors
    try:
        return validate(preset.name, given), {}
    except PresetError as error:
        return {}, {error.field.removeprefix("params."): say(error)}


def say(error: PresetError) -> str:
    return f"Expected {error.expected}; found {error.found}."
