"""Krippendorff's alpha for labels without an order, unit by unit in little memory."""

import math
from collections import Counter
from collections.abc import Hashable, Iterable
from dataclasses import dataclass, field


@dataclass
class Alpha:
    """Agreement beyond chance among any number of raters, some of them missing.

    Source: Krippendorff 2011, Computing Krippendorff's Alpha-Reliability, nominal data.
    """

    units: int = 0
    values: Counter[Hashable] = field(default_factory=Counter)
    _agreeing: float = 0.0

    def add(self, labels: Iterable[Hashable]) -> None:
        """Add what the raters said of one unit; fewer than two labels say nothing."""
        counts = Counter(labels)
        size = counts.total()
        if size < 2:
            return
        self.units += 1
        self.values.update(counts)
        same = sum(count * (count - 1) for count in counts.values())
        self._agreeing += same / (size - 1)

    @property
    def value(self) -> float | None:
        """1: always the same; 0: as by chance; None where nobody could disagree."""
        total = self.values.total()
        chance = sum(count * (count - 1) for count in self.values.values())
        if total < 2 or math.isclose(chance, total * (total - 1)):
            return None
        disagreement = 1 - self._agreeing / total
        expected = 1 - chance / (total * (total - 1))
        return 1 - disagreement / expected
