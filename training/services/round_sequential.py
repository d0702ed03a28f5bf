"""Is the new policy better? A test that may be looked at after every observation.

Observations are wins in [0, 1]: 1 where the new policy's answer is preferred, 0 where
the old one's is, between where samples differ or tie. numpy alone; import it late.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

Verdict = Literal["better", "not better", "insufficient evidence"]
EVEN = 0.5
FIXED_PROMPTS = 200
"""A test without looks in between needs at least so many prompts."""
GRID = np.linspace(0, 1, 1001)
CAP = 0.5  # of the largest bet that cannot lose all


@dataclass(frozen=True)
class Tested:
    """A verdict and what it rests on.

    Attributes:
        low, high: interval of the win rate at the level asked for.
        used: observations up to the decision; those after it were not looked at.
    """

    verdict: Verdict
    win_rate: float | None
    low: float
    high: float
    used: int
    test: str

    def as_dict(self) -> dict[str, Any]:
        return {
            "verdict": self.verdict,
            "win_rate": self.win_rate,
            "low": self.low,
            "high": self.high,
            "used": self.used,
            "test": self.test,
        }


def sequential(
    wins: Sequence[float], *, alpha: float = 0.05, least: float = EVEN
) -> Tested:
    """Return the verdict of a confidence sequence, decided as soon as it may be.

    The interval holds at all times at once with probability 1 - alpha, so stopping
    when it clears `least` costs nothing, whatever the reason to stop.

    Args:
        least: better means a win rate above this one.

    Source: Waudby-Smith and Ramdas 2024, Estimating Means of Bounded Random Variables
    by Betting, theorem 3 (hedged capital with predictable plug-in bets).
    """
    lows, highs = confidence_sequence(wins, alpha=alpha, among=least)
    for place, (low, high) in enumerate(zip(lows, highs, strict=True)):
        if low > least or high <= least:
            used = place + 1
            verdict: Verdict = "better" if low > least else "not better"
            mean = float(np.mean(wins[:used]))
            return Tested(verdict, mean, low, high, used, "sequential")
    low, high = (lows[-1], highs[-1]) if len(lows) else (0.0, 1.0)
    mean_of_all = float(np.mean(wins)) if len(wins) else None
    return Tested(
        "insufficient evidence", mean_of_all, low, high, len(wins), "sequential"
    )


def confidence_sequence(
    wins: Sequence[float], *, alpha: float, among: float = EVEN
) -> tuple[list[float], list[float]]:
    """Return lower and upper bounds of the mean after each observation.

    Args:
        among: a mean that is tried besides those of the grid. A bound beyond it then
            says that the bets against this very mean have won, not those against its
            neighbour on the grid.

    Raises:
        ValueError: for an observation outside [0, 1].
    """
    if any(not 0 <= x <= 1 for x in wins):
        raise ValueError(f"expected observations in [0, 1], found {list(wins)[:5]}")
    grid = np.union1d(GRID, [among])
    up = np.zeros_like(grid)  # log capital of bets that the mean is above
    down = np.zeros_like(grid)
    inside: npt.NDArray[np.bool_] = np.ones_like(grid, dtype=bool)
    total, square, lows, highs = 0.5, 0.25, [], []
    with np.errstate(divide="ignore"):
        top, bottom = CAP / grid, CAP / (1 - grid)
    for t, x in enumerate(wins, start=1):
        # The bet knows only what came before; variance starts at a half observation.
        variance = max(square / t, 1e-4)
        bet = math.sqrt(2 * math.log(2 / alpha) / (variance * t * math.log(1 + t)))
        up += np.log1p(np.minimum(bet, top) * (x - grid))
        down += np.log1p(-np.minimum(bet, bottom) * (x - grid))
        inside &= np.maximum(up, down) - math.log(2) < math.log(1 / alpha)
        mean = (total + x) / (t + 1)
        total += x
        square += (x - mean) ** 2
        kept = grid[inside]
        # Data that no mean explains at this level: the sequence is empty from here.
        lows.append(float(kept[0]) if len(kept) else mean)
        highs.append(float(kept[-1]) if len(kept) else mean)
    return lows, highs


def fixed(wins: Sequence[float], *, alpha: float = 0.05, least: float = EVEN) -> Tested:
    """Return the verdict of one look at all prompts, 200 at least.

    The interval is normal over prompts, whose standard deviation is taken from them.
    """
    count = len(wins)
    if count < FIXED_PROMPTS:
        mean = float(np.mean(wins)) if count else None
        return Tested("insufficient evidence", mean, 0.0, 1.0, count, "fixed")
    values = np.asarray(wins, dtype=float)
    reach = _normal_quantile(1 - alpha / 2) * values.std(ddof=1) / math.sqrt(count)
    low, high = float(values.mean() - reach), float(values.mean() + reach)
    verdict: Verdict = "insufficient evidence"
    if low > least:
        verdict = "better"
    elif high <= least:
        verdict = "not better"
    return Tested(verdict, float(values.mean()), low, high, count, "fixed")


def _normal_quantile(p: float) -> float:
    from statistics import NormalDist

    return NormalDist().inv_cdf(p)


TESTS = {"sequential": sequential, "fixed": fixed}
ANY_TIME = {"sequential"}
"""Tests whose error stays what it is however often one looks."""


def look(
    test: str,
    wins: Sequence[float],
    *,
    alpha: float = 0.05,
    least: float = EVEN,
    final: bool = True,
) -> Tested:
    """Return what a test says so far.

    A test that holds for one look alone says nothing before the last observation:
    looked at after each of 400, one that errs in 5 of 100 errs in 16.

    Args:
        final: there will be no more observations.
    """
    if final or test in ANY_TIME:
        return TESTS[test](wins, alpha=alpha, least=least)
    mean = float(np.mean(wins)) if len(wins) else None
    return Tested("insufficient evidence", mean, 0.0, 1.0, len(wins), test)
