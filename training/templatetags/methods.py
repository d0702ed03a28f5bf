"""Methods as pages name them: an equation that is unverified says so everywhere."""

from django import template
from django.utils.html import format_html
from django.utils.safestring import SafeString

from training import show
from training.engine.registry import Preset
from training.models import TrainingRun

register = template.Library()


@register.filter
def mark(preset: Preset) -> SafeString | str:
    return show.mark(preset)


@register.simple_tag
def method(name: str) -> SafeString | str:
    return show.named(name)


@register.simple_tag
def made_by(run: TrainingRun | None) -> SafeString | str:
    """Return what one must know of the method that made a model; empty if nothing."""
    preset = show.known(run.preset) if run else None
    if preset is None or not preset.caution:
        return ""
    return format_html(
        '<div class="hn-banner hn-wait" role="note"><div><b>Made by {}.</b> {}</div>'
        "</div>",
        preset.title,
        preset.caution,
    )
