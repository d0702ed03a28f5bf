"""Accuracy told apart by tag: where a model is weak, and how weak at worst."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from training.engine.data import Pair
from training.engine.evaluate.metrics import Interval

MIN_PAIRS = 5
"""Values of a tag with fewer pairs are listed and never called the worst."""

MOST_VALUES = 40
"""Values of one column that a report lists; the most frequent are kept."""

Estimator = Callable[[Sequence[float], Sequence[Pair]], Interval]
Items = Sequence[tuple[str, ...]]


def tags_of(pair: Pair, column: str) -> list[str]:
    """Return a pair's values of a column: one, several, or none."""
    value = pair.extra.get(column)
    if value is None or value == "":
        return []
    if isinstance(value, list | tuple):
        return [str(each) for each in value if each not in (None, "")]
    if isinstance(value, float) and value.is_integer():
        return [str(int(value))]
    return [str(value)]


def by_tag(
    values: Sequence[float],
    pairs: Sequence[Pair],
    columns: Sequence[str],
    *,
    estimate: Estimator,
    items: Items,
    resamples: int,
    seed: int,
) -> dict[str, Any]:
    """Return the mean of a number by every column's values, and the worst of each.

    Args:
        values: one number a pair, such as its credit.
        columns: names in the pairs' ``extra``; those with fewer than two values
            tell nothing apart and are left out.
        estimate: gives a mean's interval in the unit that suits the data.
        items: what the interval of the worst group resamples, of each pair.
    """
    found: dict[str, Any] = {}
    for column in columns:
        members: dict[str, list[int]] = {}
        for place, pair in enumerate(pairs):
            for tag in tags_of(pair, column):
                members.setdefault(tag, []).append(place)
        if len(members) < 2:
            continue
        kept = sorted(members, key=lambda tag: (-len(members[tag]), tag))[:MOST_VALUES]
        rows = [
            {
                "tag": tag,
                "pairs": len(members[tag]),
                "accuracy": estimate(
                    [values[i] for i in members[tag]], [pairs[i] for i in members[tag]]
                ).as_dict(),
            }
            for tag in kept
        ]
        found[column] = {
            "values": rows,
            "left_out": len(members) - len(kept),
            "worst": worst(values, members, items, resamples=resamples, seed=seed),
        }
    return found


def worst(
    values: Sequence[float],
    members: Mapping[str, Sequence[int]],
    items: Items,
    *,
    resamples: int,
    seed: int,
    level: float = 0.95,
) -> dict[str, Any] | None:
    """Return the lowest mean among the groups with enough rows, with an interval.

    The lowest of several noisy means lies below the mean of the truly lowest group, and
    resampling it would only move it further down. The interval is of the truly lowest
    mean: it is as wide as all groups need to be covered at once (the largest of their
    studentised deviations, resampled together), and its ends are the lowest lower and
    the lowest upper bound. With equal groups the lowest mean stands near its low end.

    Args:
        members: the rows of each group; groups may share rows.
        items: what is drawn: a prompt group, or the texts a row compares.

    Returns:
        None where fewer than two groups have enough rows.

    Source: Romano and Wolf 2005, Exact and Approximate Stepdown Methods, section 4
    (bootstrap of the maximum of studentised statistics).
    """
    names = [name for name, rows in members.items() if len(rows) >= MIN_PAIRS]
    if len(names) < 2:
        return None
    places = {
        item: i for i, item in enumerate(sorted({x for row in items for x in row}))
    }
    means = np.array([np.mean([values[i] for i in members[name]]) for name in names])
    influence = np.zeros((len(places), len(names)))
    for column, name in enumerate(names):
        rows = members[name]
        for i in rows:
            part = (values[i] - means[column]) / len(rows)
            for item in set(items[i]):
                influence[places[item], column] += part
    draw = np.random.default_rng(seed)
    share = np.full(len(places), 1 / len(places))
    counts = draw.multinomial(len(places), share, size=resamples)
    moved = (counts - 1) @ influence  # (resamples, groups)
    errors = moved.std(0)
    # A group whose rows are all alike does not move.
    furthest = np.abs(moved / np.where(errors > 0, errors, 1.0)).max(1)
    reach = float(np.quantile(furthest, level)) * errors
    low, high = np.clip(
        [(means - reach).min(), (means + reach).min()], min(values), max(values)
    )
    at = int(means.argmin())
    return {
        "tag": names[at],
        "pairs": len(members[names[at]]),
        "accuracy": Interval(
            float(means[at]), float(low), float(high), level
        ).as_dict(),
        "groups": len(names),
    }
