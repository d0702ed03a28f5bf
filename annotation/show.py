"""How the panel words and dresses values; everything it prints is escaped.

Apart from the pages, because Django collects template tags while the theme's admin is
still being imported, and the tags lean on this.
"""

from collections.abc import Iterable
from datetime import timedelta
from typing import Any

from django.contrib.admin.utils import quote
from django.db.models import Model
from django.urls import reverse
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

# The tone of a state: good, busy, bad, or quiet.
TONES = {
    "open": "good",
    "done": "good",
    "ready": "good",
    "succeeded": "good",
    "answered": "good",
    "running": "busy",
    "queued": "busy",
    "preempted": "busy",
    "leased": "busy",
    "failed": "bad",
    "paused": "wait",
    "held": "wait",
}


def badge(value: str, label: str | None = None, tone: str | None = None) -> SafeString:
    """Return a state as a small coloured word; the word says it, not the colour."""
    return format_html(
        '<span class="hn-badge hn-{}">{}</span>',
        tone or TONES.get(value, "quiet"),
        label or value,
    )


def address(item: Model, name: str = "change") -> str:
    """Return the panel's address of an object."""
    meta = item._meta
    return reverse(
        f"admin:{meta.app_label}_{meta.model_name}_{name}", args=[quote(item.pk)]
    )


def list_address(model: type[Model], **filters: Any) -> str:
    """Return the address of a list, filtered."""
    from urllib.parse import urlencode

    meta = model._meta
    url = reverse(f"admin:{meta.app_label}_{meta.model_name}_changelist")
    return f"{url}?{urlencode(filters)}" if filters else url


def link(item: Model | None, text: str | None = None) -> SafeString | str:
    """Return a link to an object's page, or a dash where there is none."""
    if item is None:
        return "–"
    return format_html(
        '<a class="hn-link" href="{}">{}</a>', address(item), text or str(item)
    )


def links(items: Iterable[Model]) -> SafeString | str:
    """Return links to several objects."""
    return format_html_join(", ", "{}", ((link(item),) for item in items)) or "–"


def plain(text: str) -> SafeString:
    """Return somebody's text as text: escaped, its line breaks kept."""
    return format_html('<div class="hn-plain">{}</div>', text)


def shorten(text: str, limit: int = 90) -> str:
    text = " ".join(text.split())
    return text if len(text) <= limit else text[: limit - 1] + "…"


def duration(seconds: float | None) -> str:
    """Return seconds in the words one would use: 45 s, 12 min, 3 h 20 min."""
    if seconds is None:
        return "–"
    whole = int(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min"
    hours, rest = divmod(whole, 3600)
    if hours < 48:
        return f"{hours} h {rest // 60} min"
    return f"{timedelta(seconds=whole).days} days"


def number(value: Any, digits: int = 3) -> str:
    """Return a number as people write it; anything else as it is."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return "–" if value is None else str(value)
    if isinstance(value, int) or (value == int(value) and abs(value) < 1e6):
        return f"{int(value):,}" if isinstance(value, int) else f"{value:g}"
    if abs(value) < 1e-3 or abs(value) >= 1e6:
        return f"{value:.2e}"
    return f"{value:.{digits}f}"


def flat(values: dict[str, Any], prefix: str = "") -> list[tuple[str, Any]]:
    """Return nested values as lines to read; what is empty is left out."""
    found: list[tuple[str, Any]] = []
    for name, value in values.items():
        words = f"{prefix}{name}".replace("_", " ")
        if isinstance(value, dict):
            found += flat(value, f"{words}: ")
        elif isinstance(value, list | tuple):
            found.append((words, ", ".join(map(str, value)) or "none"))
        elif value not in (None, ""):
            found.append((words, value))
    return found
