"""A batch of completions in plain numbers, for equations that are written out again."""

from __future__ import annotations

import math
import random
from collections.abc import Mapping
from dataclasses import dataclass
from math import exp
from typing import Any

LENGTHS = (3, 5, 2, 7, 4, 6, 3, 2)
MODELS = ("reference", "previous", "previous_2", "teacher_1", "teacher_2")
FROZEN = (*MODELS, "better", "worse")
MEMBERS = {
    "pairs": [[0, 1], [2, 3], [4, 5]],
    "lists": [[0, 1, 2, 6], [3, 4, 5, -1], [7, 1, -1, -1]],
    "unary": [[0], [1], [2]],
    "demonstrations": [[0], [1], [2]],
}
EXTRAS = {
    "calibration": [6, -1, 7],
    "rationale": [7, 6, -1],
    "mismatched": [6, 7, 3],
    "degree_1": [6, 1, -1],
    "degree_2": [7, -1, 3],
    "degree_3": [1, 5, -1],
}
Rows = list[list[float]]


def tokens(seed: int, low: float, high: float) -> Rows:
    draw = random.Random(seed)
    return [[draw.uniform(low, high) for _ in range(n)] for n in LENGTHS]


FIXED = {name: tokens(i, -3.0, -0.1) for i, name in enumerate(FROZEN, 1)}
FACTORS = {
    "ratio_mask": tokens(20, 0.0, 2.0),
    "divergence_mask": tokens(21, 0.0, 2.0),
    "divergence": tokens(22, -1.0, 0.0),
}
DEGREES = [tokens(23 + i, -1.0, 1.0)[3][:4] for i in range(len(LENGTHS))]
"""What a classifier says of each sequence: a number for each of four degrees."""
VALUES = {
    "pairs": [[0.9, 0.2], [0.55, 0.5], [0.3, 0.7]],
    # Two of the first list are equal; absent members have a value that counts nowhere.
    "lists": [[1.0, 0.4, 0.4, 0.0], [0.2, 1.0, 0.7, 0.0], [1.0, 0.0, 0.0, 0.0]],
}
LEVELS = [[0.0, -1.0, -1.0, -2.0], [-2.0, -1.0, -1.0, 0.0], [-1.0, -1.0, 0.0, 0.0]]
SOFT, MARGIN, MARGINS = [1.0, 0.7, 0.5], [2.0, -1.0, 0.3], [0.4, -1.1, 0.8]
GOOD, STATE = [1.0, 0.0, 1.0], [1.0, 0.6, 0.2]


@dataclass(frozen=True)
class Policy:
    """Token log-probabilities, and sums of them by name of model."""

    rows: Rows

    def of(self, model: str) -> Rows:
        return self.rows if model == "policy" else FIXED[model]

    def lp(self, i: int, model: str = "policy") -> float:
        return sum(self.of(model)[i])

    def mean(self, i: int, model: str = "policy") -> float:
        return self.lp(i, model) / LENGTHS[i]

    def s(self, i: int, by: str = "reference") -> float:
        return self.lp(i) - self.lp(i, by)

    def q(self, i: int) -> float:
        return self.s(i) / LENGTHS[i]


def ls(z: float) -> float:
    return -math.log1p(exp(-z)) if z > 0 else z - math.log1p(exp(z))


def sig(z: float) -> float:
    return exp(ls(z))


@dataclass(frozen=True)
class Case:
    """One example as a method meets it."""

    now: Policy
    held: Policy
    at: int
    p: Mapping[str, Any]

    def __getitem__(self, name: str) -> float:
        value: float = self.p[name]
        return value

    @property
    def good(self) -> int:
        return MEMBERS["pairs"][self.at][0]

    @property
    def bad(self) -> int:
        return MEMBERS["pairs"][self.at][1]

    @property
    def h(self) -> float:
        return self.now.s(self.good) - self.now.s(self.bad)

    @property
    def d(self) -> float:
        return self.gap("policy")

    def gap(self, model: str) -> float:
        return self.now.lp(self.good, model) - self.now.lp(self.bad, model)

    def mean_gap(self, model: str) -> float:
        return self.now.mean(self.good, model) - self.now.mean(self.bad, model)

    @property
    def z(self) -> float:
        return self["beta"] * self.h

    @property
    def members(self) -> list[int]:
        return [i for i in MEMBERS["lists"][self.at] if i >= 0]
