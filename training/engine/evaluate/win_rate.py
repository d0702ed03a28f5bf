"""Who wins, whichever is shown first, and with length taken out."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from training.engine.evaluate.metrics import Floats, Interval, Numbers, probability

RIDGE = 1e-3
"""Holds the length's coefficient where it explains every outcome; per row."""

STEPS = 60


def order_averaged(shown_first: Numbers, shown_second: Numbers) -> Floats:
    """Return each chance that the policy wins, over both orders.

    Args:
        shown_first: the judge's chance for the first answer, the policy's.
        shown_second: its chance for the first answer where that is the other's.
    """
    first = np.asarray(shown_first, dtype=np.float64)
    second = np.asarray(shown_second, dtype=np.float64)
    return np.asarray((first + 1 - second) / 2, dtype=np.float64)


def order_bias(shown_first: Numbers, shown_second: Numbers) -> float:
    """Return the mean advantage of standing first; 0 for a judge that does not care.

    In [-1/2, 1/2]: half of what the two chances for the first answer exceed 1 by.
    """
    first = np.asarray(shown_first, dtype=np.float64)
    second = np.asarray(shown_second, dtype=np.float64)
    return float((first + second - 1).mean() / 2)


def fit(chances: Numbers, differences: Numbers, counts: Numbers) -> tuple[float, float]:
    """Return theta and phi of logit p = theta + phi * tanh(difference / its spread).

    Weighted logistic regression by Newton's method; outcomes may be chances.

    Args:
        chances: that the policy wins, in [0, 1].
        differences: of length, scaled, policy minus other, (N,).
        counts: weights of the rows.
    """
    wins = np.asarray(chances, dtype=np.float64)
    weight = np.asarray(counts, dtype=np.float64)
    design = np.column_stack([np.ones_like(wins), np.tanh(np.asarray(differences))])
    ridge = np.diag([0.0, RIDGE * float(weight.sum())])
    # A unanimous judge has no finite intercept; this is its bound.
    bound = 20.0
    found = np.zeros(2)
    for _ in range(STEPS):
        p = probability(design @ found)
        slope = design.T @ (weight * (wins - p)) - ridge @ found
        curve = (design.T * (weight * p * (1 - p))) @ design + ridge
        step = np.linalg.solve(curve + 1e-9 * np.eye(2), slope)
        size = float(np.abs(step).max())
        found = np.clip(found + step * min(1.0, 4.0 / max(size, 1e-12)), -bound, bound)
        if size < 1e-10:
            break
    return float(found[0]), float(found[1])


def length_controlled(
    chances: Numbers,
    lengths: Numbers,
    other_lengths: Numbers,
    groups: Sequence[str],
    *,
    resamples: int = 200,
    seed: int = 0,
    level: float = 0.95,
) -> dict[str, Any]:
    """Return the win rate that equal lengths would give, with an interval.

    The length's part is taken out of the fitted odds and the rest kept. The published
    model also has a term for each prompt's difficulty, which takes many policies to
    fit; with one policy it cannot be told from the outcome and is left out.

    Args:
        chances: of the policy to win, order-averaged, (N,).
        groups: resampled whole.

    Source: Dubois et al. 2024, Length-Controlled AlpacaEval, eq. 1 to 3.
    """
    wins = np.asarray(chances, dtype=np.float64)
    gap = np.asarray(lengths, dtype=np.float64) - np.asarray(other_lengths)
    spread = float(gap.std())
    scaled = gap / spread if spread > 0 else np.zeros_like(gap)
    theta, phi = fit(wins, scaled, np.ones_like(wins))
    _, place = np.unique(np.asarray(groups), return_inverse=True)
    draw = np.random.default_rng(seed)
    size = int(place.max()) + 1
    share = np.full(size, 1 / size)
    thetas = [
        fit(wins, scaled, draw.multinomial(size, share)[place].astype(np.float64))[0]
        for _ in range(resamples)
    ]
    rates = probability(np.array(thetas))
    tail = (1 - level) / 2
    low, high = np.quantile(rates, [tail, 1 - tail])
    if size == 1:
        # One prompt says nothing of how others would vary.
        low, high = 0.0, 1.0
    rate = float(probability([theta])[0])
    return {
        "win_rate": Interval(rate, float(low), float(high), level).as_dict(),
        "raw": float(wins.mean()),
        "length_effect": phi,
        "mean_difference": float(gap.mean()),
    }
