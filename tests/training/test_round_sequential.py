"""The promotion test: its error rates by simulation, and what it does with little."""

from __future__ import annotations

import math

import numpy as np
import pytest

from training.services.round_sequential import (
    confidence_sequence,
    fixed,
    look,
    sequential,
)


def verdicts(rate: float, *, runs: int, count: int, ties: float = 0.0) -> list[str]:
    draw = np.random.default_rng(7)
    found: list[str] = []
    for _ in range(runs):
        wins = (draw.random(count) < rate).astype(float)
        wins[draw.random(count) < ties] = 0.5
        found.append(sequential(wins.tolist()).verdict)
    return found


def test_equal_policies_are_rarely_told_apart_however_often_one_looks() -> None:
    # Two-sided at 5 %: of 400 runs of 300 looks each, 20 may err on average.
    for ties in (0.0, 0.5):
        found = verdicts(0.5, runs=400, count=300, ties=ties)
        assert found.count("better") <= 20
        assert found.count("better") + found.count("not better") <= 28


def test_a_clear_winner_is_found_early_and_a_loser_never_promoted() -> None:
    found = verdicts(0.7, runs=100, count=200)
    assert found.count("better") >= 95
    worse = verdicts(0.35, runs=100, count=200)
    assert worse.count("better") == 0
    assert worse.count("not better") >= 65
    assert sequential([1.0] * 200).used < 20


def test_the_sequence_covers_the_mean_at_all_times_at_once() -> None:
    draw = np.random.default_rng(3)
    missed = 0
    for _ in range(200):
        lows, highs = confidence_sequence(draw.beta(2, 3, 200).tolist(), alpha=0.05)
        missed += any(
            not low <= 0.4 <= high for low, high in zip(lows, highs, strict=True)
        )
    assert missed <= 14


def test_little_evidence_is_said_to_be_little() -> None:
    assert sequential([]).verdict == "insufficient evidence"
    assert sequential([]).win_rate is None
    few = sequential([1, 0, 1, 0.5])
    assert few.verdict == "insufficient evidence"
    assert few.low < 0.5 < few.high
    assert fixed([1.0] * 199).verdict == "insufficient evidence"
    assert fixed([1.0, 0.9] * 100).verdict == "better"
    assert fixed([0.0, 0.1] * 100).verdict == "not better"


def test_the_verdict_looks_no_further_than_it_must() -> None:
    wins = [1.0] * 30 + [0.0] * 300
    decided = sequential(wins)
    assert decided.verdict == "better"
    assert decided == sequential(wins[: decided.used])


def test_one_look_stays_one_however_often_it_is_asked_for() -> None:
    draw = np.random.default_rng(5)
    better = told_apart = 0
    for _ in range(400):
        wins = draw.integers(0, 2, 400).astype(float).tolist()
        for count in range(200, 401, 20):
            found = look("fixed", wins[:count], final=count == len(wins)).verdict
            if found != "insufficient evidence":
                better += found == "better"
                told_apart += 1
                break
    # Two-sided at 5 %; were every look taken, 50 of the 400 would be told apart.
    assert better <= 20
    assert told_apart <= 28
    assert look("fixed", [1.0] * 300, final=True).verdict == "better"
    assert look("sequential", [1.0] * 300, final=False).verdict == "better"


@pytest.mark.parametrize("least", [0.5, 0.5005, 0.333])
def test_better_is_said_once_the_bets_against_this_very_rate_have_won(
    least: float,
) -> None:
    wins = np.random.default_rng(1).random(400) < 0.62
    found = sequential(wins.astype(float).tolist(), least=least)
    assert found.verdict == "better"
    # The capital of the published bets, for one mean at a time.
    capital, total, square = 0.0, 0.5, 0.25
    for t, win in enumerate(wins[: found.used], start=1):
        bet = math.sqrt(2 * math.log(40) / (square / t * t * math.log(1 + t)))
        capital += math.log1p(min(bet, 0.5 / least) * (win - least))
        total += win
        square += (win - total / (t + 1)) ** 2
    assert capital >= math.log(40)


def test_what_is_no_share_is_refused() -> None:
    with pytest.raises(ValueError, match=r"in \[0, 1\]"):
        confidence_sequence([0.5, 1.5], alpha=0.05)
