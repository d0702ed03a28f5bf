"""Judges weighed without known answers: planted tables, and their closed form."""

from __future__ import annotations

from itertools import product
from math import prod, sqrt

import pytest

from annotation.quality.panels import reliability
from annotation.services.panel_weights import by_agreement

RIGHT = (0.9, 0.75, 0.6)
MANY = 8000


def votes_of(right: tuple[float, ...], many: int) -> list[dict[int, float]]:
    """Return votes in the exact proportions that judges of these odds give rise to."""
    voters: list[dict[int, float]] = [{} for _ in right]
    item = 0
    for truth in (0, 1):
        for said in product((0, 1), repeat=len(right)):
            share = prod(
                a if label == truth else 1 - a
                for a, label in zip(right, said, strict=True)
            )
            for _ in range(round(share * many / 2)):
                for voter, label in enumerate(said):
                    voters[voter][item] = float(label)
                item += 1
    return voters


def test_planted_odds_are_found_and_agree_with_the_closed_form() -> None:
    """E[s_i s_j] = b_i b_j with b = 2a - 1, so that b_1^2 = E12 E13 / E23."""
    voters = votes_of(RIGHT, MANY)

    def together(i: int, j: int) -> float:
        same = [voters[i][n] == voters[j][n] for n in voters[i]]
        return sum(2 * each - 1 for each in same) / len(same)

    closed = [
        0.5 + sqrt(together(i, j) * together(i, k) / together(j, k)) / 2
        for i, j, k in ((0, 1, 2), (1, 0, 2), (2, 0, 1))
    ]
    assert closed == pytest.approx(RIGHT, abs=1e-9)
    assert by_agreement(voters) == pytest.approx(closed, abs=0.01)


def test_two_cannot_tell_which_is_the_worse() -> None:
    assert by_agreement(votes_of(RIGHT, 400)[:2]) == []
    assert by_agreement([{1: 1.0}, {1: 1.0}, {1: 0.0}]) == []


def test_who_met_nobody_else_stays_at_chance() -> None:
    voters = [*votes_of((0.9, 0.8, 0.7), 400), {10**6: 1.0}]
    assert by_agreement(voters)[3] == reliability(0, 0) == 0.5
