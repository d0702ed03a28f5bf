"""How methods are named on pages: one whose equation is unverified says so."""

from django.utils.html import format_html
from django.utils.safestring import SafeString

from training.engine.registry import Preset, PresetError, get


def known(name: str) -> Preset | None:
    """Return a method; None for one that has since gone."""
    try:
        return get(name)
    except PresetError:
        return None


def mark(preset: Preset) -> SafeString | str:
    """Return the mark of a published method whose equation is unverified."""
    if not preset.is_published or preset.is_verified:
        return ""
    return format_html('<span class="hn-badge hn-wait">{}</span>', "unverified")


def named(name: str) -> SafeString | str:
    """Return a method's title, with its mark."""
    preset = known(name)
    return format_html("{} {}", preset.title, mark(preset)) if preset else name
