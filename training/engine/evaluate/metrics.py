"""Measures of pairwise predictions: accuracy, loss, calibration, intervals.

Everything takes plain numbers. A *gap* is the chosen completion's score minus the
rejected one's; a perfect model has only positive gaps.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Numbers = Sequence[float] | Floats


def pair_credit(gaps: Numbers) -> Floats:
    """Return 1 where the chosen side scores higher, 1/2 on equal scores, else 0."""
    values = np.asarray(gaps, dtype=np.float64)
    return np.where(values > 0, 1.0, np.where(values == 0, 0.5, 0.0))


def pair_accuracy(gaps: Numbers) -> float:
    """Return the mean credit. Equal scores count half, so a constant model gets 1/2."""
    return float(pair_credit(gaps).mean())


def pair_loss(gaps: Numbers) -> float:
    """Return the mean Bradley-Terry loss in nats: mean of log(1 + exp(-gap))."""
    values = np.asarray(gaps, dtype=np.float64)
    return float(np.logaddexp(0.0, -values).mean())


def probability(gaps: Numbers) -> Floats:
    """Return sigmoid(gap), the predicted probability that chosen is better."""
    values = np.asarray(gaps, dtype=np.float64)
    return np.asarray(np.exp(-np.logaddexp(0.0, -values)), dtype=np.float64)


@dataclass(frozen=True)
class Bin:
    """One row of a reliability table.

    Attributes:
        low: lower edge of the confidence range, inclusive.
        high: upper edge, exclusive except in the last bin.
        count: predictions in the range.
        confidence: their mean confidence; None if there are none.
        accuracy: the share of them that were right; None if there are none.
    """

    low: float
    high: float
    count: int
    confidence: float | None
    accuracy: float | None


def reliability(gaps: Numbers, bins: int = 10) -> list[Bin]:
    """Return a reliability table over the confidence in the predicted side.

    A prediction's confidence is max(p, 1 - p), so it lies in [1/2, 1]; the range is
    cut into equal bins. It is right when the predicted side is the chosen one; on
    equal scores half right.

    Source: Guo et al. 2017, On Calibration of Modern Neural Networks, section 2.
    """
    values = np.asarray(gaps, dtype=np.float64)
    chosen = probability(gaps)
    confidence = np.maximum(chosen, 1.0 - chosen)
    right = pair_credit(gaps)
    edges = np.linspace(0.5, 1.0, bins + 1)
    place = np.clip(np.searchsorted(edges, confidence, side="right") - 1, 0, bins - 1)
    table = []
    for index in range(bins):
        inside = place == index
        count = int(inside.sum())
        table.append(
            Bin(
                low=float(edges[index]),
                high=float(edges[index + 1]),
                count=count,
                confidence=float(confidence[inside].mean()) if count else None,
                accuracy=float(right[inside].mean()) if count else None,
            )
        )
    assert sum(row.count for row in table) == len(values)
    return table


def expected_calibration_error(gaps: Numbers, bins: int = 10) -> float:
    """Return the mean distance of confidence and accuracy, weighted by bin size.

    Source: Naeini et al. 2015; Guo et al. 2017, eq. 3.
    """
    table = reliability(gaps, bins)
    total = sum(row.count for row in table)
    return sum(
        row.count / total * abs(row.confidence - row.accuracy)
        for row in table
        if row.confidence is not None and row.accuracy is not None
    )


@dataclass(frozen=True)
class Interval:
    """An estimate with a bootstrap interval of the given level.

    One observation says nothing of the spread: then the bounds are infinite.
    """

    value: float
    low: float
    high: float
    level: float = 0.95

    def as_dict(self) -> dict[str, float | None]:
        """Return the numbers for a report, null for a bound that is not known."""
        return {
            "value": self.value,
            "low": self.low if math.isfinite(self.low) else None,
            "high": self.high if math.isfinite(self.high) else None,
            "level": self.level,
        }

    @property
    def excludes_zero(self) -> bool:
        """True if zero lies outside the interval."""
        return self.low > 0 or self.high < 0


def of_equal_values(
    value: float, count: int, *, shares: bool, level: float
) -> Interval:
    """Return the interval of a mean whose bootstrap has nothing to vary.

    Resampling equal values, or one alone, gives the same mean each time, which looks
    certain and is not. For shares of tries the score interval still holds.

    Args:
        count: how many independent observations gave this value.
        shares: the values lie between 0 and 1.

    Source: Wilson 1927; Brown, Cai and DasGupta 2001, eq. 4.
    """
    if shares:
        z = NormalDist().inv_cdf((1 + level) / 2)
        middle = (value + z**2 / (2 * count)) / (1 + z**2 / count)
        spread = value * (1 - value) / count + z**2 / (4 * count**2)
        half = z * math.sqrt(spread) / (1 + z**2 / count)
        return Interval(value, max(middle - half, 0.0), min(middle + half, 1.0), level)
    bound = math.inf if count == 1 else 0.0
    return Interval(value, value - bound, value + bound, level)


def bootstrap_mean(
    values: Sequence[float],
    groups: Sequence[str],
    *,
    shares: bool = False,
    resamples: int = 2000,
    seed: int = 0,
    level: float = 0.95,
) -> Interval:
    """Return a mean with its percentile interval, resampling whole groups.

    Rows of one group (one prompt, one text) are not independent, so groups are drawn
    with replacement and each brings all its rows.

    Args:
        values: one number a row; a paired difference for a paired test.
        groups: the group of each row.
        shares: the values lie between 0 and 1 (`of_equal_values`).

    Raises:
        ValueError: if there are no rows or the lengths differ.

    Source: Efron and Tibshirani 1993, chapters 8 and 13.
    """
    if not values or len(values) != len(groups):
        raise ValueError(
            f"expected as many groups as values, at least one of each; found "
            f"{len(values)} values and {len(groups)} groups"
        )
    _, place = np.unique(np.asarray(groups), return_inverse=True)
    sums = np.bincount(place, weights=np.asarray(values, dtype=np.float64))
    counts = np.bincount(place).astype(np.float64)
    if len(sums) == 1 or np.ptp(sums / counts) == 0:
        mean = float(np.mean(values))
        return of_equal_values(mean, len(sums), shares=shares, level=level)
    draw = np.random.default_rng(seed)
    picks = draw.integers(0, len(sums), size=(resamples, len(sums)))
    means = sums[picks].sum(axis=1) / counts[picks].sum(axis=1)
    tail = (1 - level) / 2
    low, high = np.quantile(means, [tail, 1 - tail])
    return Interval(float(np.mean(values)), float(low), float(high), level)


def bootstrap_over_items(
    values: Sequence[float],
    items: Sequence[tuple[str, ...]],
    *,
    shares: bool = False,
    resamples: int = 2000,
    seed: int = 0,
    level: float = 0.95,
) -> Interval:
    """Return a mean with an interval from resampling the texts that rows compare.

    When one text meets many others, its rows stand and fall together. A text's
    influence on the mean is the sum of its rows' residuals over the number of rows;
    each resample draws texts with replacement and adds up the influence of each as
    often as it was drawn. A row counts through each of its texts, so the noise of
    single rows counts twice and the interval errs on the wide side; weighing rows by
    the product of their texts' counts would count it three times.

    Args:
        values: one number a row.
        items: the texts of each row.
        shares: the values lie between 0 and 1 (`of_equal_values`).

    Raises:
        ValueError: if there are no rows or the lengths differ.

    Source: Hajek projection of a U-statistic, Serfling 1980, section 5.3; bootstrap of
    it, Janssen 1994; what products of counts do: Owen 2007, The pigeonhole bootstrap.
    """
    if not values or len(values) != len(items):
        raise ValueError(
            f"expected as many item sets as values, at least one of each; found "
            f"{len(values)} values and {len(items)} item sets"
        )
    names = sorted({name for row in items for name in row})
    index = {name: i for i, name in enumerate(names)}
    number = np.asarray(values, dtype=np.float64)
    mean = number.mean()
    if np.ptp(number) == 0:
        return of_equal_values(float(mean), len(number), shares=shares, level=level)
    influence = np.zeros(len(names))
    for residual, row in zip((number - mean) / len(number), items, strict=True):
        for name in set(row):
            influence[index[name]] += residual
    draw = np.random.default_rng(seed)
    share = np.full(len(names), 1 / len(names))
    counts = draw.multinomial(len(names), share, size=resamples)
    means = mean + (counts - 1) @ influence
    tail = (1 - level) / 2
    # No mean of the values lies outside them.
    low, high = np.clip(
        np.quantile(means, [tail, 1 - tail]), number.min(), number.max()
    )
    return Interval(float(mean), float(low), float(high), level)


def mean_and_error(
    values: Sequence[float], groups: Sequence[str] | None = None
) -> tuple[float, float | None]:
    """Return the mean and its standard error; no error from fewer than two groups.

    Args:
        values: one number a row.
        groups: the group of each row, such as its prompt: rows of one group may go up
            and down together. None: rows are independent.

    Source: the variance that is robust to clusters, Liang and Zeger 1986; of groups of
    one row each it is the sample variance.
    """
    number = np.asarray(values, dtype=np.float64)
    mean = float(number.mean())
    _, place = np.unique(
        np.arange(len(number)) if groups is None else np.asarray(groups),
        return_inverse=True,
    )
    apart = np.bincount(place, weights=number - mean)
    if len(apart) < 2:
        return mean, None
    square = float((apart**2).sum()) * len(apart) / (len(apart) - 1)
    return mean, square**0.5 / len(number)
