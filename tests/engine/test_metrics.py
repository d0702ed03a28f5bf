"""Measures on numbers small enough to work by hand."""

from __future__ import annotations

import math
import random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from training.engine.evaluate.metrics import (
    bootstrap_mean,
    bootstrap_over_items,
    expected_calibration_error,
    mean_and_error,
    pair_accuracy,
    pair_loss,
    probability,
    reliability,
)

gaps_of = st.lists(st.floats(min_value=-30, max_value=30), min_size=1, max_size=40)


def logit(p: float) -> float:
    return math.log(p / (1 - p))


def test_accuracy_counts_equal_scores_half() -> None:
    assert pair_accuracy([1.0, -2.0, 0.0, 3.0]) == 0.625


def test_loss_is_ln_2_without_information() -> None:
    assert pair_loss([0.0, 0.0]) == pytest.approx(math.log(2))


def test_loss_stays_finite_for_extreme_gaps() -> None:
    assert pair_loss([-1000.0]) == pytest.approx(1000.0)
    assert pair_loss([1000.0]) == 0.0


@given(gaps_of)
def test_accuracies_of_both_orders_add_up_to_one(gaps: list[float]) -> None:
    flipped = pair_accuracy([-gap for gap in gaps])
    assert pair_accuracy(gaps) + flipped == pytest.approx(1.0)


@given(st.floats(min_value=-30, max_value=30))
def test_probability_inverts_the_log_odds(gap: float) -> None:
    both = probability([gap, -gap])
    assert both.sum() == pytest.approx(1.0)


def test_calibration_error_by_hand() -> None:
    # Four predictions at 0.93, three right: |0.93 - 0.75| = 0.18.
    # Two at 0.62, one right: |0.62 - 0.5| = 0.12. Weighted: (4*0.18 + 2*0.12) / 6.
    gaps = [logit(0.93)] * 3 + [-logit(0.93)] + [logit(0.62), -logit(0.62)]
    assert expected_calibration_error(gaps) == pytest.approx(0.16)


def test_calibrated_predictions_have_no_calibration_error() -> None:
    gaps = [logit(2 / 3)] * 2 + [-logit(2 / 3)]
    assert expected_calibration_error(gaps) == pytest.approx(0.0, abs=1e-12)


@given(gaps_of)
def test_reliability_table_counts_every_prediction_once(gaps: list[float]) -> None:
    table = reliability(gaps)
    assert len(table) == 10
    assert sum(row.count for row in table) == len(gaps)
    for row in table:
        if row.confidence is not None:
            assert row.low - 1e-9 <= row.confidence <= row.high + 1e-9


def test_one_observation_says_nothing_of_the_spread() -> None:
    alone = bootstrap_mean([2.0, 3.0], ["a", "a"])
    assert alone.as_dict() == {"value": 2.5, "low": None, "high": None, "level": 0.95}
    assert not alone.excludes_zero


def test_shares_that_are_all_equal_are_not_certain() -> None:
    every = bootstrap_mean([1.0] * 10, [str(i) for i in range(10)], shares=True)
    # Wilson's bound at k = n is n / (n + z^2).
    assert every.high == 1 and every.low == pytest.approx(10 / (10 + 1.959964**2))
    texts = [(f"a{i}", f"b{i}") for i in range(10)]
    assert bootstrap_over_items([1.0] * 10, texts, shares=True) == every
    none = bootstrap_mean([0.0], ["a"], shares=True)
    assert none.low == 0 and 0.75 < none.high < 0.85


def test_bootstrap_keeps_groups_together() -> None:
    values = [1.0] * 50 + [0.0] * 50
    rows = bootstrap_mean(values, [str(i) for i in range(100)])
    groups = bootstrap_mean(values, ["a"] * 50 + ["b"] * 50)
    assert rows.high - rows.low < 0.25
    assert (groups.low, groups.high) == (0.0, 1.0)


def test_bootstrap_interval_covers_the_truth_about_as_often_as_it_says() -> None:
    draw = random.Random(1)
    covered = 0
    for trial in range(200):
        values = [float(draw.random() < 0.7) for _ in range(80)]
        groups = [str(i) for i in range(80)]
        interval = bootstrap_mean(values, groups, resamples=400, seed=trial)
        covered += interval.low <= 0.7 <= interval.high
    # Binomial(200, 0.95) lies in here with probability above 0.999; percentile
    # intervals are known to be a little narrow.
    assert 175 <= covered <= 199


def test_bootstrap_is_reproducible() -> None:
    values = [math.sqrt(i) for i in range(30)]
    groups = [str(i) for i in range(30)]
    once = bootstrap_mean(values, groups, seed=3)
    assert once == bootstrap_mean(values, groups, seed=3)
    assert once != bootstrap_mean(values, groups, seed=4)


def test_resampling_texts_is_wider_when_few_texts_carry_all_rows() -> None:
    draw = random.Random(0)
    strength = {f"t{i}": draw.gauss(0, 1) for i in range(12)}
    items = [(a, b) for a in strength for b in strength if a < b]
    values = [float(strength[a] > strength[b]) for a, b in items]
    texts = bootstrap_over_items(values, items)
    rows = bootstrap_mean(values, [str(i) for i in range(len(items))])
    assert texts.value == rows.value
    assert texts.high - texts.low > 1.5 * (rows.high - rows.low)


def test_intervals_over_texts_hold_the_truth_as_often_as_they_say() -> None:
    """Two predictors on the same pairs of 24 texts, in worlds of known difference.

    The truth is the mean over many further worlds; at 95 % the share of 1,200 intervals
    that hold it is 0.95, give or take three standard errors of 0.0063. Weighing rows by
    the product of their texts' counts holds it in 0.973 of them: too wide.
    """
    draw = np.random.default_rng(0)
    pairs = np.array([(a, b) for a in range(24) for b in range(a)])
    items = [(str(a), str(b)) for a, b in pairs]

    def world() -> list[float]:
        quality = draw.normal(size=24)
        sides = [quality + noise * draw.normal(size=24) for noise in (0.75, 1.1)]
        noise = 0.5 * draw.normal(size=len(pairs))
        truth = quality[pairs[:, 0]] - quality[pairs[:, 1]] + noise > 0
        better, worse = (
            (side[pairs[:, 0]] > side[pairs[:, 1]]) == truth for side in sides
        )
        return (better.astype(float) - worse.astype(float)).tolist()

    truth = float(np.mean([np.mean(world()) for _ in range(8000)]))
    found = [bootstrap_over_items(world(), items, resamples=400) for _ in range(1200)]
    held = np.mean([one.low <= truth <= one.high for one in found])
    assert 0.931 <= held <= 0.969


def test_bootstrap_refuses_rows_without_groups() -> None:
    with pytest.raises(ValueError, match="1 values and 2 groups"):
        bootstrap_mean([1.0], ["a", "b"])
    with pytest.raises(ValueError, match="0 values"):
        bootstrap_over_items([], [])


def test_standard_error_by_hand() -> None:
    # Sample variance of 1, 2, 3, 4 is 5/3; divided by 4 rows, the root is 0.6455.
    mean, error = mean_and_error([1.0, 2.0, 3.0, 4.0])
    assert mean == 2.5
    assert error == pytest.approx(0.6454972)
    assert mean_and_error([2.0]) == (2.0, None)


def test_samples_of_few_prompts_leave_the_error_of_few_prompts() -> None:
    # Two prompts, at 0 and 1, however often each is sampled: half the distance.
    for copies in (1, 50):
        values, prompts = [0.0, 1.0] * copies, ["a", "b"] * copies
        assert mean_and_error(values, prompts) == pytest.approx((0.5, 0.5))
    assert mean_and_error([0.0, 1.0], ["a", "a"]) == (0.5, None)
    draw = np.random.default_rng(0)
    errors, means = [], []
    for _ in range(300):
        prompts = [str(i) for i in range(40) for _ in range(8)]
        scores = np.repeat(draw.normal(size=40), 8) + 0.3 * draw.normal(size=320)
        mean, error = mean_and_error(scores.tolist(), prompts)
        means.append(mean)
        errors.append(error or 0.0)
    assert float(np.mean(errors)) == pytest.approx(float(np.std(means)), rel=0.12)
