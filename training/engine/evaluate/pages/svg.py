"""Plots as SVG text: intervals, curves, reliability. Colours come from the page.

Every word is escaped where it enters. Coordinates are in the drawing's own units.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from training.engine.evaluate.pages.text import plain

WIDTH, HEIGHT = 640, 300
LEFT, RIGHT, TOP, BOTTOM = 56, 16, 14, 44
ROW = 26
LABELS = 230
TINY = 1e-6
"""What is nearer to 0 is rounding."""
TINTS = 6
"""Colours of the page's palette, ``t0`` to ``t5``; more curves start again."""


@dataclass(frozen=True)
class Series:
    """One curve.

    Attributes:
        points: (x, y), in order of x.
        band: (x, low, high) of an interval around it; may be empty.
        dots: True for points without a line.
    """

    name: str
    points: Sequence[tuple[float, float]]
    band: Sequence[tuple[float, float, float]] = ()
    dots: bool = False


@dataclass(frozen=True)
class Bar:
    """A number with its interval, a row of an interval plot.

    Attributes:
        rival: True for what the model is compared with.
    """

    label: str
    value: float
    low: float | None = None
    high: float | None = None
    rival: bool = False


def number(value: float) -> str:
    """Write a number shortly."""
    if not math.isfinite(value):
        return "–"
    if abs(value) < TINY:
        return "0"
    if value == int(value) and abs(value) < 1e6:
        return str(int(value))
    return f"{value:.3g}" if abs(value) >= 100 or abs(value) < 1e-3 else f"{value:.3f}"


def ticks(low: float, high: float, most: int = 6) -> list[float]:
    """Return round numbers from ``low`` to ``high``."""
    span = high - low
    if not span > 0:
        return [low]
    step = 10 ** math.floor(math.log10(span / most))
    step *= next(m for m in (1, 2, 5, 10) if span / (step * m) <= most)
    first = math.ceil(low / step - 1e-9)
    last = math.floor(high / step + 1e-9)
    return [round(k * step, 12) for k in range(first, last + 1)]


def _svg(width: float, height: float, body: Sequence[str], told: str) -> str:
    # On a phone it stays as large as its words are legible, and is moved sideways.
    return (
        f'<div class="scroll" tabindex="0"><svg viewBox="0 0 {width:g} {height:g}" '
        f'role="img" aria-label="{plain(told)}"><title>{plain(told)}</title>'
        f"{''.join(body)}</svg></div>"
    )


def _text(x: float, y: float, words: str, kind: str = "", anchor: str = "start") -> str:
    return (
        f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" class="{kind}">'
        f"{plain(words)}</text>"
    )


def _line(x1: float, y1: float, x2: float, y2: float, kind: str) -> str:
    return (
        f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" '
        f'class="{kind}"/>'
    )


def intervals(
    bars: Sequence[Bar], told: str, *, low: float = 0.0, high: float = 1.0
) -> str:
    """Return a plot of numbers with their intervals, a row each."""
    height = ROW * len(bars) + 34
    span = (high - low) or 1.0

    def at(value: float) -> float:
        share = (min(max(value, low), high) - low) / span
        return LABELS + share * (WIDTH - LABELS - 150)

    body = []
    for tick in ticks(low, high, 5):
        body.append(_line(at(tick), 6, at(tick), height - 26, "grid"))
        body.append(_text(at(tick), height - 10, number(tick), "tick", "middle"))
    for place, bar in enumerate(bars):
        y = 20 + ROW * place
        kind = "t5" if bar.rival else "t0"
        body.append(_text(LABELS - 10, y + 4, _short(bar.label, 34), "name", "end"))
        if bar.low is not None and bar.high is not None:
            body.append(_line(at(bar.low), y, at(bar.high), y, f"whisker {kind}"))
        body.append(
            f'<circle cx="{at(bar.value):.1f}" cy="{y}" r="4.5" class="dot {kind}"/>'
        )
        words = number(bar.value)
        if bar.low is not None and bar.high is not None:
            words += f" ({number(bar.low)} to {number(bar.high)})"
        body.append(_text(WIDTH - 142, y + 4, words, "value"))
    return _svg(WIDTH, height, body, told)


def _short(words: str, most: int) -> str:
    return words if len(words) <= most else words[: most - 1] + "…"


def curves(
    series: Sequence[Series],
    told: str,
    *,
    x_label: str,
    y_label: str,
    log_x: bool = False,
    diagonal: bool = False,
    box: tuple[float, float, float, float] | None = None,
) -> str:
    """Return a plot of curves with their bands and a legend.

    Args:
        log_x: x by its logarithm to base 2.
        diagonal: draw the line on which y is x.
        box: (x low, x high, y low, y high) instead of what the data take.
    """
    xs = [x for one in series for x, _ in one.points]
    ys = [y for one in series for _, y in one.points]
    ys += [y for one in series for _, low, high in one.band for y in (low, high)]
    if not xs:
        return ""
    place = math.log2 if log_x else float
    left, right, bottom, top = box or _padded([place(x) for x in xs], ys)

    def at(x: float, y: float) -> tuple[float, float]:
        across = (place(x) - left) / ((right - left) or 1.0)
        up = (y - bottom) / ((top - bottom) or 1.0)
        return (
            LEFT + across * (WIDTH - LEFT - RIGHT),
            HEIGHT - BOTTOM - up * (HEIGHT - TOP - BOTTOM),
        )

    body = []
    for tick in ticks(bottom, top):
        y = at(2**left if log_x else left, tick)[1]
        body.append(_line(LEFT, y, WIDTH - RIGHT, y, "grid"))
        body.append(_text(LEFT - 6, y + 4, number(tick), "tick", "end"))
    for tick in sorted(set(xs)) if log_x else ticks(left, right, 8):
        x = at(tick, bottom)[0]
        body.append(_text(x, HEIGHT - BOTTOM + 16, number(tick), "tick", "middle"))
    if diagonal:
        low, high = max(left, bottom), min(right, top)
        body.append(_line(*at(low, low), *at(high, high), "diagonal"))
    for number_of, one in enumerate(series):
        body += _drawn(one, f"t{number_of % TINTS}", at)
    body.append(_text((LEFT + WIDTH) / 2, HEIGHT - 8, x_label, "axis", "middle"))
    body.append(_text(LEFT, 10, y_label, "axis"))
    return _svg(WIDTH, HEIGHT, body, told) + legend([one.name for one in series])


def _padded(xs: Sequence[float], ys: Sequence[float]) -> tuple[float, ...]:
    pad = 0.06 * ((max(ys) - min(ys)) or 1.0)
    return min(xs), max(xs), min(ys) - pad, max(ys) + pad


def _drawn(one: Series, tint: str, at: object) -> list[str]:
    assert callable(at)
    body = []
    if one.band:
        edge = [at(x, high) for x, _, high in one.band]
        edge += [at(x, low) for x, low, _ in reversed(one.band)]
        points = " ".join(f"{x:.1f},{y:.1f}" for x, y in edge)
        body.append(f'<polygon points="{points}" class="band {tint}"/>')
    if not one.dots:
        points = " ".join("{:.1f},{:.1f}".format(*at(x, y)) for x, y in one.points)
        body.append(f'<polyline points="{points}" class="curve {tint}"/>')
    for x, y in one.points:
        px, py = at(x, y)
        body.append(f'<circle cx="{px:.1f}" cy="{py:.1f}" r="3" class="dot {tint}"/>')
    return body


def legend(names: Sequence[str]) -> str:
    """Return the names beside their colours; nothing for a single curve."""
    if len(names) < 2:
        return ""
    items = "".join(
        f'<li><svg viewBox="0 0 12 12" class="key" aria-hidden="true"><circle cx="6" '
        f'cy="6" r="5" class="dot t{place % TINTS}"/></svg>{plain(name)}</li>'
        for place, name in enumerate(names)
    )
    return f'<ul class="legend">{items}</ul>'
