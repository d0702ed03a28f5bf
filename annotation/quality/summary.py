"""Can the labels be trusted? Pure sums over comparisons that were given twice."""

import math
from collections import Counter
from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass
from itertools import combinations


@dataclass(frozen=True)
class Share:
    """So many of so many, with the interval that so few allow."""

    count: int
    of: int

    @property
    def value(self) -> float | None:
        return self.count / self.of if self.of else None

    @property
    def interval(self) -> tuple[float, float] | None:
        """The 95% score interval of the share, or None without observations.

        Source: Wilson 1927, Probable Inference, equation for the limits.
        """
        if not self.of:
            return None
        z = 1.959964
        share = self.count / self.of
        width = z * z / self.of
        centre = (share + width / 2) / (1 + width)
        spread = math.sqrt(share * (1 - share) / self.of + width / (4 * self.of))
        half = z * spread / (1 + width)
        return max(0.0, centre - half), min(1.0, centre + half)

    def excludes(self, value: float) -> bool:
        """Return whether the interval leaves a value out."""
        limits = self.interval
        return limits is not None and not limits[0] <= value <= limits[1]


def agreement(answers: Iterable[Sequence[Hashable]]) -> Share:
    """Return how often two people who met the same task said the same.

    Args:
        answers: for each task, what each person said (the preferred completion, or a
            word such as tie). Tasks with fewer than two answers say nothing.
    """
    same = pairs = 0
    for said in answers:
        for first, second in combinations(said, 2):
            pairs += 1
            same += first == second
    return Share(same, pairs)


def first_shown(outcomes: Iterable[str]) -> Share:
    """Return how often the completion shown first won; about half where all is well.

    Args:
        outcomes: a where the first won, b where the second did; others are left out.
    """
    counted = Counter(outcomes)
    return Share(counted["a"], counted["a"] + counted["b"])
