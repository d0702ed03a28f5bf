"""A last test before a policy is trusted: is its cost below a threshold, surely?"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from scipy.special import stdtrit

Bound = Literal["student", "hoeffding", "bernstein"]


@dataclass(frozen=True)
class SafetyTest:
    """The outcome of a test on prompts that were held out and are used once.

    Attributes:
        passed: True if the bound does not exceed the threshold.
        mean, bound: of the costs, and the upper bound of their expectation.
        count: how many costs there were.
    """

    passed: bool
    mean: float
    bound: float
    count: int


def safety_test(
    costs: Sequence[float],
    threshold: float,
    *,
    delta: float = 0.1,
    bound: Bound = "student",
    limits: tuple[float, float] | None = None,
) -> SafetyTest:
    """Return whether the expected cost is at most ``threshold`` with high confidence.

    An unsafe policy passes with probability at most ``delta``: exactly so for normal
    costs under ``student``; for any costs within ``limits`` under the other two.

    Args:
        costs: one a held-out prompt.
        bound: ``student``: mean + t s / sqrt(n); ``hoeffding``; ``bernstein``: the
            empirical Bernstein bound, tighter where the variance is small.
        limits: the least and largest cost there can be; not for ``student``.

    Raises:
        ValueError: with fewer than two costs, or costs outside their limits.

    Source: high-confidence safety constraints (HC-RLHF), the test; Student's bound from
    memory. Bernstein: Maurer and Pontil 2009, theorem 4.
    """
    count = len(costs)
    if count < 2:
        raise ValueError(f"expected at least two costs, found {count}")
    mean = sum(costs) / count
    variance = sum((cost - mean) ** 2 for cost in costs) / (count - 1)
    if bound == "student":
        quantile = float(stdtrit(count - 1, 1 - delta))
        slack = quantile * math.sqrt(variance / count)
    else:
        if limits is None or not limits[0] < limits[1]:
            raise ValueError("expected the least and largest possible cost as limits")
        if min(costs) < limits[0] or max(costs) > limits[1]:
            raise ValueError(f"expected costs within {limits}, found one outside")
        span = limits[1] - limits[0]
        if bound == "hoeffding":
            slack = span * math.sqrt(math.log(1 / delta) / (2 * count))
        else:
            log = math.log(2 / delta)
            slack = math.sqrt(2 * variance * log / count)
            slack += 7 * span * log / (3 * (count - 1))
    return SafetyTest(mean + slack <= threshold, mean, mean + slack, count)
