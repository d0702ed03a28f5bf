"""Agreement and bias, by numbers worked by hand."""

from __future__ import annotations

import pytest

from annotation.quality.summary import Share, agreement, first_shown


def test_agreement_counts_pairs_of_answers_to_one_task() -> None:
    found = agreement([["x", "x", "y"], ["z"], ["tie", "tie"]])
    assert (found.count, found.of) == (2, 4)
    assert found.value == 0.5


def test_nothing_observed_says_nothing() -> None:
    empty = agreement([["x"]])
    assert empty.value is None and empty.interval is None
    assert not empty.excludes(0.5)


def test_the_interval_is_wilsons() -> None:
    # 8 of 10: centre (0.8 + 0.1921) / 1.3841, half 0.2265 (z = 1.96).
    low, high = Share(8, 10).interval or (0.0, 0.0)
    assert low == pytest.approx(0.4902, abs=1e-3)
    assert high == pytest.approx(0.9433, abs=1e-3)
    low, high = Share(0, 5).interval or (1.0, 0.0)
    assert low == 0.0
    assert high == pytest.approx(0.4345, abs=1e-3)


def test_bias_looks_at_decided_answers_alone() -> None:
    found = first_shown(["a", "b", "a", "tie", "both_bad"])
    assert (found.count, found.of) == (2, 3)
    assert first_shown(["a"] * 40).excludes(0.5)
    assert not first_shown(["a", "b"] * 20).excludes(0.5)
