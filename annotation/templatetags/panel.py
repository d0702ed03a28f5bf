"""Tags of the panel's own pages; each escapes what it prints."""

from datetime import datetime
from typing import Any

from django import template
from django.db.models import Model
from django.utils.safestring import SafeString
from django.utils.timezone import now

from annotation.show import address as address_of
from annotation.show import badge, duration, link, number
from config.panel import SIDEBAR

register = template.Library()


@register.simple_tag
def state_badge(value: str, label: str = "") -> SafeString:
    return badge(value, label or None)


@register.simple_tag
def object_link(item: Model | None, text: str = "") -> SafeString | str:
    return link(item, text or None)


@register.filter
def address(item: Model) -> str:
    return address_of(item)


@register.filter
def figure(value: Any) -> str:
    """Write a number as people do."""
    return number(value)


@register.filter
def setting(value: Any) -> str:
    """Write a setting as one would type it."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:g}"
    return "none" if value is None else str(value)


@register.filter
def percent(value: float | None) -> str:
    return "–" if value is None else f"{100 * value:.0f}%"


@register.filter
def seconds(value: float | None) -> str:
    return duration(value)


@register.filter
def ago(moment: datetime | None) -> str:
    if moment is None:
        return "never"
    passed = (now() - moment).total_seconds()
    return "just now" if passed < 10 else f"{duration(passed)} ago"


@register.filter
def item(mapping: Any, key: Any) -> Any:
    """Look a key up in a mapping."""
    return mapping.get(key) if hasattr(mapping, "get") else None


@register.filter
def unlocal(value: float) -> str:
    """Write a number for CSS: a point, and no thousands."""
    return f"{value:.2f}"


@register.filter
def hundred(value: float) -> str:
    """Write a share as a percentage for CSS."""
    return unlocal(100 * value)


@register.filter
def lettered(places: Any) -> str:
    """Write the order in which completions were shown by their letters: B, A."""
    return ", ".join(chr(ord("A") + place) for place in places)


@register.filter
def in_menu(crumbs: Any) -> list[dict[str, Any]]:
    """Return a header's crumbs in the menu's words: its group, its item, the rest."""
    known = {
        str(item["link"]): (group.get("title", ""), item["title"])
        for group in SIDEBAR
        for item in group["items"]
    }
    found = list(crumbs)
    for place, crumb in enumerate(found[1:], 1):
        group, title = known.get(str(crumb.get("link")), ("", ""))
        if title:
            found[place] = {**crumb, "title": title}
            if group:
                found[0] = {"title": group}
    return found


@register.filter
def span(interval: tuple[float, float]) -> str:
    """Write the width of an interval of shares for CSS."""
    return unlocal(100 * (interval[1] - interval[0]))
