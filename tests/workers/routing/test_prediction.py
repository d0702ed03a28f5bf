"""Proxies, mixes and the regression: identities, refusals, storage."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression, RidgeCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from tests.workers.routing.support import make_prediction
from workers.routing.learning import Pilot, learn_prediction
from workers.routing.mixes import draw_mixes, mixed_labels, vectors
from workers.routing.prediction import Prediction
from workers.routing.proxy import accuracies, ensemble, fit
from workers.routing.surfaces import PENALTIES, fit_surface


def test_the_shared_fit_is_logistic_regression() -> None:
    draw = np.random.default_rng(0)
    gaps = draw.standard_normal((300, 12))
    labels = (gaps @ draw.standard_normal(12) + draw.standard_normal(300) > 0) * 1.0
    other = 1 - labels
    heads = fit(gaps, np.stack([labels, other], axis=1), penalty=2.0)
    oracle = LogisticRegression(C=0.5, fit_intercept=False, tol=1e-10, max_iter=5000)
    oracle.fit(gaps, labels)
    assert heads[:, 0] == pytest.approx(oracle.coef_[0], abs=2e-4)
    # Swapped labels turn the head around: prob(a, b) + prob(b, a) = 1.
    assert heads[:, 1] == pytest.approx(-heads[:, 0], abs=1e-6)


def test_soft_labels_and_weights_count_as_repeated_rows() -> None:
    draw = np.random.default_rng(1)
    gaps = draw.standard_normal((100, 5))
    soft = np.full((100, 1), 0.5)
    assert np.abs(fit(gaps, soft)).max() < 1e-4
    labels = (gaps[:, :1] > 0) * 1.0
    weights = (np.arange(100) < 60).astype(float)[:, None]
    some = fit(gaps, labels, weights=weights)
    assert some == pytest.approx(fit(gaps[:60], labels[:60]), abs=1e-3)
    with pytest.raises(ValueError, match="from 0 to 1"):
        fit(gaps, labels, weights=2 * weights)


def test_accuracy_leaves_ties_out_and_counts_equal_scores_half() -> None:
    gaps = np.array([[1.0], [1.0], [0.0], [1.0]])
    labels = np.array([1.0, 0.0, 1.0, 0.5])
    assert accuracies(gaps, labels, np.array([[1.0]])) == pytest.approx([0.5])
    assert np.isnan(accuracies(gaps, np.full(4, 0.5), np.array([[1.0]]))).all()


def test_an_ensemble_of_halves_doubts_what_the_data_do_not_say() -> None:
    draw = np.random.default_rng(2)
    gaps = draw.standard_normal((400, 6))
    gaps[:, 5] *= 0.01
    labels = (gaps[:, 0] > 0) * 1.0
    heads = ensemble(gaps, labels, members=10, rng=draw)
    assert heads.shape == (6, 10)
    assert (np.sign(heads[0]) == 1).all()
    assert heads.std(axis=1).max() > 0


def test_mixes_hold_both_extremes_and_exactly_as_many_people_as_asked() -> None:
    draw = np.random.default_rng(3)
    carried = (draw.random((50, 4)) < 0.3) * 1.0
    taken = draw_mixes(carried, 22, rng=draw, people=list(range(1, 21)))
    assert taken.sum(axis=1).tolist() == [0, 50, *range(1, 21)]
    shares = vectors(taken, carried)
    assert shares[0].tolist() == [0, 0, 0, 0]
    assert shares[1] == pytest.approx(carried.mean(axis=0))
    human, ai = np.ones(50), np.zeros(50)
    assert mixed_labels(taken, human, ai).sum(axis=0).tolist() == [0, 50, *range(1, 21)]


def test_coefficients_lead_back_to_the_regressions_they_come_from() -> None:
    slopes = np.array([0.2, 0.1, -0.1])
    draw = np.random.default_rng(4).random((20, 3))
    noisy = make_prediction(slopes, bend=0.1, noise=0.01)
    ridge = make_pipeline(StandardScaler(), RidgeCV(alphas=PENALTIES))
    ridge.fit(noisy.shares, noisy.performance)
    assert noisy.predict("linear", draw) == pytest.approx(ridge.predict(draw), abs=1e-9)
    exact = make_prediction(slopes, bend=0.1)
    wanted = 0.6 + draw @ slopes - 0.1 * draw.sum(axis=1) ** 2
    assert exact.predict("quadratic", draw) == pytest.approx(wanted, abs=1e-4)


def test_a_quadratic_form_is_plane_where_nothing_bends() -> None:
    draw = np.random.default_rng(8)
    shares = draw.random((220, 20)) * draw.random((220, 1))
    slopes = np.concatenate([[0.3, 0.2], np.zeros(18)])
    measured = 0.6 + shares @ slopes + 0.01 * draw.standard_normal(220)
    gains = {
        squared: fit_surface(shares, measured, squared=squared).gains(
            np.eye(20), np.zeros(20), 100
        )
        for squared in (False, True)
    }
    for found in gains.values():
        assert set(np.argsort(found)[-2:]) == {0, 1}
    # At the corner where nobody is asked yet, as greedy choice begins.
    off = {s: float(np.abs(100 * g - slopes).mean()) for s, g in gains.items()}
    assert off[True] < 1.5 * off[False]


def test_a_gain_is_the_difference_of_two_predictions() -> None:
    surface = make_prediction(np.array([0.2, 0.1, 0.3]), bend=0.2).surface("quadratic")
    carried = np.eye(3)
    shares = np.array([0.2, 0.1, 0.4])
    gains = surface.gains(carried, shares, total=50)
    wanted = surface.predict(shares + carried / 50) - surface.predict(shares[None])
    assert gains == pytest.approx(wanted, abs=1e-12)


def test_the_quadratic_form_wins_where_gains_diminish() -> None:
    bent = make_prediction(np.array([0.5, 0.5, 0.5]), bend=0.25, noise=0.002)
    assert bent.quality("quadratic").rmse < bent.quality("linear").rmse
    assert bent.quality("quadratic").spearman > 0.9
    assert not bent.refusal("quadratic")


def test_noise_alone_is_refused() -> None:
    assert "Spearman" in make_prediction(np.zeros(3), noise=0.05).refusal("quadratic")
    flat = make_prediction(np.zeros(3))
    assert flat.quality("linear").spearman == 0
    assert flat.refusal("linear")


def test_a_stored_prediction_routes_as_the_one_that_was_fitted() -> None:
    first = make_prediction(np.array([0.2, 0.1, -0.1]), noise=0.01)
    again = Prediction.from_json(first.as_json())
    assert again.report() == first.report()
    draw = np.random.default_rng(5).random((10, 3))
    assert again.predict("boosting", draw) == pytest.approx(
        first.predict("boosting", draw)
    )


def test_a_pilot_finds_the_tag_on_which_the_judge_is_wrong() -> None:
    draw = np.random.default_rng(6)
    count = 600
    tag = draw.random((count, 2)) < 0.5
    x = draw.standard_normal((count, 4))
    gaps = np.concatenate([x, x * tag[:, :1]], axis=1)
    side = (x[:, 0] > 0) * 1.0
    judge = np.where(tag[:, 0], 1 - side, side)
    other = draw.standard_normal((count, 4))
    odd = draw.random(count) < 0.5
    target_gaps = np.concatenate([other, other * odd[:, None]], axis=1)
    pilot = Pilot(tag * 1.0, gaps, side, judge, target_gaps, (other[:, 0] > 0) * 1.0)
    found = learn_prediction(("wrong", "right"), pilot, mixes=200, rng=draw)
    gains = found.surface("linear").gains(np.eye(2), np.zeros(2), count)
    assert gains[0] > 5 * abs(gains[1])
    assert found.trial is not None
    assert found.trial.over_random["predicted-linear"].verdict == "yes"
    assert found.report()["ai_only"] < 0.8 < found.report()["people_only"]


def test_a_pilot_without_held_out_labels_is_refused() -> None:
    some = np.ones((4, 2))
    with pytest.raises(ValueError, match="held-out labels"):
        Pilot(some, some, some[:, 0], some[:, 0], some, np.full(4, 0.5))
