"""Presented orders: balanced over a person's hand-outs, and nothing to guess by."""

from __future__ import annotations

from collections import Counter
from itertools import pairwise

import pytest

from annotation.services.orders import TURNS, presented_order

SEED = 3_141_592_653_589_793


def sides(actor: int, count: int, *, seed: int = SEED) -> list[int]:
    """Return which of two completions each hand-out to a person shows first."""
    return [
        presented_order(seed=seed, actor=actor, number=number, size=2)[0]
        for number in range(count)
    ]


@pytest.mark.parametrize("size", [1, 2, 3, 5, 12])
def test_each_completion_comes_to_each_place_equally_often(size: int) -> None:
    length = TURNS * size
    counts: Counter[tuple[int, int]] = Counter()
    for number in range(8 * length):
        order = presented_order(seed=SEED, actor=7, number=number, size=size)
        assert sorted(order) == list(range(size))
        counts.update(enumerate(order))
    # Seven blocks are whole; the eighth is cut in two and lies at both ends.
    assert len(counts) == size**2
    assert all(abs(count - 8 * TURNS) <= TURNS for count in counts.values())


def test_any_stretch_is_balanced_as_by_chance_it_would_not_be() -> None:
    length = 2 * TURNS
    for actor in range(20):
        drawn = sides(actor, 20 * length)
        for end in range(length, len(drawn), 7):
            # At most half a block at each end of the stretch.
            assert abs(sum(drawn[:end]) - end / 2) <= TURNS


def guessed(bet: str, drawn: list[int]) -> tuple[int, int]:
    """Return how many bets on the next side were won, and how many were laid."""
    won = laid = 0
    for at in range(2, len(drawn)):
        recent = drawn[max(0, at - 2 * TURNS + 1) : at]
        if bet == "the side that did not just come":
            side = 1 - drawn[at - 1]
        elif bet == "the side that came less of late":
            if 2 * sum(recent) == len(recent):
                continue
            side = int(2 * sum(recent) < len(recent))
        else:  # the side that fills up pairs
            if at % 2 == 0:
                continue
            side = 1 - drawn[at - 1]
        won += side == drawn[at]
        laid += 1
    return won, laid


@pytest.mark.parametrize(
    "bet",
    [
        "the side that did not just come",
        "the side that came less of late",
        "the side that fills up pairs",
    ],
)
def test_who_knows_what_came_cannot_tell_what_comes(bet: str) -> None:
    won = laid = 0
    for actor in range(60):
        more_won, more_laid = guessed(bet, sides(actor, 200))
        won, laid = won + more_won, laid + more_laid
    assert laid > 4000
    assert won / laid < 0.58


def test_orders_are_repeated_by_the_seed_and_by_nothing_else() -> None:
    mine = sides(1, 100)
    assert mine == sides(1, 100)
    for other in (sides(2, 100), sides(1, 100, seed=SEED + 1)):
        assert 25 < sum(a == b for a, b in zip(mine, other, strict=True)) < 75


def test_nobody_knows_where_a_block_begins() -> None:
    """Else the last hand-out of each block could be counted out."""
    length = 2 * TURNS
    uneven = 0
    for actor in range(40):
        first_block = sides(actor, length)
        uneven += sum(first_block) != TURNS
        assert {a != b for a, b in pairwise(first_block)} == {True, False}
    assert uneven > 20
