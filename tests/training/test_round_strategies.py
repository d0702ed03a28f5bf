"""Each way to choose pairs, held by an identity."""

from __future__ import annotations

import random
from collections import Counter
from dataclasses import replace
from itertools import combinations
from math import erfc, exp, log

import numpy as np
import pytest

from training.services import round_strategies as strategies
from training.services.curation_heads import (
    Floats,
    ensemble,
    fit,
    information,
    out_of_fold,
    projection,
    sigmoid,
)
from training.services.round_sources import put_forward, rejection
from training.services.round_strategies import RANKINGS, Pool
from training.services.selection import STRATEGIES


def make_pool(
    *, pairs: int = 12, width: int = 3, members: int = 5, seed: int = 0
) -> Pool:
    draw = np.random.default_rng(seed)
    return Pool(
        odds=draw.normal(size=pairs),
        prompts=np.arange(pairs) // 2,
        first=draw.normal(size=(members, pairs)),
        second=draw.normal(size=(members, pairs)),
        gaps=draw.normal(size=(pairs, width)),
        learned=draw.normal(size=(4, width)),
    )


def test_every_strategy_ranks_every_pair_once_and_the_seed_decides() -> None:
    assert set(RANKINGS) == set(STRATEGIES)
    pool = make_pool()
    for name, rank in RANKINGS.items():
        order = rank(pool, np.random.default_rng(1))
        assert sorted(order) == list(range(12)), name
        assert (order == rank(pool, np.random.default_rng(1))).all(), name


def test_greedy_design_takes_the_largest_determinant_each_time() -> None:
    pool = make_pool(pairs=8, width=3)
    weights = np.array(
        [p * (1 - p) for p in sigmoid(pool.members.mean(axis=0))], dtype=float
    )
    known = information(pool.learned, np.full(4, 0.25), pool.ridge)
    order = strategies.design(pool)
    for place in range(8):

        def determinant(chosen: list[int]) -> float:
            z = pool.gaps[chosen]
            return float(np.linalg.det(known + (z * weights[chosen, None]).T @ z))

        earlier = list(order[:place])
        best = max(
            (i for i in range(8) if i not in earlier),
            key=lambda i: determinant([*earlier, i]),
        )
        assert order[place] == best
    # Greedy is near the optimum of all subsets, as submodularity promises.
    gain = log(determinant(list(order[:3])) / np.linalg.det(known))
    optimum = max(
        log(determinant(list(s)) / np.linalg.det(known))
        for s in combinations(range(8), 3)
    )
    assert gain >= (1 - exp(-1)) * optimum


def test_mending_errors_lowers_expected_wrong_preferences_the_most_each_time() -> None:
    head = np.random.default_rng(9).normal(size=3)
    pool = replace(make_pool(pairs=8, width=3), head=head, ridge=2.0)
    odds = pool.gaps @ head

    def fisher(gaps: Floats) -> Floats:
        p = sigmoid(gaps @ head)
        return np.asarray(p * (1 - p))

    def variances(chosen: list[int]) -> Floats:
        z = np.concatenate([pool.learned, pool.gaps[chosen]])
        cover = np.linalg.inv(information(z, fisher(z), pool.ridge))
        return np.asarray(((pool.gaps @ cover) * pool.gaps).sum(axis=1))

    def wrong(spread: Floats) -> Floats:
        return np.array([erfc(r) for r in np.abs(odds) / np.sqrt(2 * spread)]) / 2

    now = variances([])
    slopes = (wrong(now + 1e-6) - wrong(now - 1e-6)) / 2e-6
    order = strategies.errors(pool)
    for place in range(8):
        earlier = [int(i) for i in order[:place]]
        left = [i for i in range(8) if i not in earlier]
        best = min(left, key=lambda i: float(slopes @ variances([*earlier, i])))
        assert order[place] == best


def test_a_greedy_order_cut_short_begins_like_the_whole() -> None:
    whole = make_pool()
    short = replace(whole, wanted=4)
    for order in (strategies.design, strategies.diversity):
        assert list(order(short)[:4]) == list(order(whole)[:4])
        assert sorted(order(short)) == list(range(12))


def test_information_is_between_nothing_and_one_bit() -> None:
    pool = make_pool(pairs=50)
    found = strategies.mutual_information(pool)
    assert (found >= -1e-12).all()
    assert (found <= log(2)).all()
    # Members that all say the same have nothing to learn, however unsure they are.
    same = Pool(
        pool.odds,
        pool.prompts,
        np.zeros((5, 50)),
        np.zeros((5, 50)),
        pool.gaps,
        pool.learned,
    )
    assert strategies.mutual_information(same) == pytest.approx(0)
    torn = Pool(
        pool.odds[:1],
        pool.prompts[:1],
        np.array([[40.0], [-40.0]]),
        np.zeros((2, 1)),
        pool.gaps[:1],
        pool.learned,
    )
    assert strategies.mutual_information(torn) == pytest.approx(log(2))


def test_disagreement_is_the_population_variance() -> None:
    pool = make_pool(members=3)
    by_hand = [
        sum((x - sum(column) / 3) ** 2 for x in column) / 3
        for column in pool.members.T.tolist()
    ]
    assert strategies.disagreement(pool) == pytest.approx(by_hand)


def test_swapping_sides_changes_no_strategy_but_the_draw() -> None:
    pool = make_pool()
    other = Pool(
        -pool.odds, pool.prompts, pool.second, pool.first, -pool.gaps, pool.learned
    )
    for score in (
        strategies.uncertainty,
        strategies.disagreement,
        strategies.mutual_information,
        strategies.optimism,
    ):
        assert score(pool) == pytest.approx(score(other))
    assert (strategies.design(pool) == strategies.design(other)).all()
    assert (strategies.diversity(pool) == strategies.diversity(other)).all()


def test_diversity_starts_farthest_from_what_was_learned_and_shuns_repeats() -> None:
    pool = make_pool(pairs=4, width=2)
    gaps = np.array([[1.0, 0.0], [0.0, 1.0], [0.0, -2.0], [0.7, 0.7]])
    found = strategies.diversity(
        Pool(
            pool.odds,
            pool.prompts,
            pool.first,
            pool.second,
            gaps,
            np.array([[3.0, 0.0]]),
        )
    )
    # The second is orthogonal to what is known; the third is its swap, hence last.
    assert list(found[:2]) == [1, 3]
    assert set(found[2:]) == {0, 2}


def test_prompts_are_put_on_one_footing() -> None:
    pool = make_pool()
    shift = 100.0 * (pool.prompts + 1)
    one = strategies.above_prompt(pool.first, pool.second, pool.prompts)
    other = strategies.above_prompt(
        pool.first + shift, pool.second + shift, pool.prompts
    )
    for a, b in zip(one, other, strict=True):
        assert a == pytest.approx(b)
    for prompt in range(6):
        at = pool.prompts == prompt
        middle = one[0][:, at].mean(1) + one[1][:, at].mean(1)
        assert middle == pytest.approx(0, abs=1e-12)


def test_optimism_finds_an_unseen_best_arm_in_fewer_labels_than_chance() -> None:
    """Three answers; the two that were compared are worse than the third."""

    def labels_needed(name: str, seed: int) -> int:
        truth = np.array([0.0, 0.5, 2.5])
        arms = np.eye(3)
        pairs = [(0, 1), (0, 2), (1, 2)]
        gaps = np.array([arms[a] - arms[b] for a, b in pairs])
        draw = np.random.default_rng(seed)
        asked = [gaps[0]] * 8
        for count in range(60):
            known = np.array(asked)
            heads = ensemble(known, members=8, ridge=0.5, seed=seed + count)
            mean = heads.mean(axis=0)
            if count and mean[2] > max(mean[:2]):
                return count
            pool = Pool(
                gaps @ mean,
                np.zeros(3, dtype=np.int64),
                *strategies.above_prompt(
                    heads @ arms[[a for a, _ in pairs]].T + bonus(heads, known, 0),
                    heads @ arms[[b for _, b in pairs]].T + bonus(heads, known, 1),
                    np.zeros(3, dtype=np.int64),
                ),
                gaps,
                known,
            )
            pick = RANKINGS[name](pool, draw)[0]
            won = draw.random() < sigmoid(gaps[[pick]] @ truth)[0]
            asked.append(gaps[pick] if won else -gaps[pick])
        return 60

    def bonus(heads: Floats, known: Floats, side: int) -> Floats:
        """Return noise of the posterior, wide where nothing was seen."""
        pairs = [(0, 1), (0, 2), (1, 2)]
        cover = np.linalg.inv(information(known, np.full(len(known), 0.25), 0.5))
        draw = np.random.default_rng(len(known))
        noise = draw.multivariate_normal(np.zeros(3), cover, size=len(heads))
        return noise[:, [pair[side] for pair in pairs]]

    tried = [
        (labels_needed("optimism", s), labels_needed("random", s)) for s in range(12)
    ]
    optimist, chance = np.array(tried).mean(axis=0)
    assert optimist < chance


def test_what_is_taken_follows_policy_times_exp_of_reward() -> None:
    policy, reward, beta = (0.5, 0.3, 0.2), (0.0, 1.0, 2.0), 0.8
    draw = random.Random(0)
    drawn = draw.choices(range(3), policy, k=60000)
    # One pass takes far more than that, so the law is the first pass's.
    taken = rejection([reward[y] for y in drawn], 8000, beta, draw)
    seen = Counter(drawn[place] for place in taken)
    weights = [p * exp(r / beta) for p, r in zip(policy, reward, strict=True)]
    for arm in range(3):
        assert seen[arm] / 8000 == pytest.approx(weights[arm] / sum(weights), abs=0.02)


def test_the_rules_put_forward_what_they_say() -> None:
    samples = {1: ["a", "b", "c", "d"]}
    scores = {"a": 0.0, "b": 3.0, "c": -2.0}

    def kept(rule: str) -> list[str]:
        return put_forward(rule, samples, scores, keep=2, beta=1e-9, seed=0)[1]

    assert kept("all") == ["a", "b", "c"]
    assert kept("best") == ["b", "a"]
    assert kept("best_worst") == ["b", "c"]
    # With no penalty for leaving the policy, rejection is best of n.
    assert kept("rejection") == ["b", "a"]


def test_a_head_recovers_a_planted_direction_and_swaps_sign_with_the_labels() -> None:
    draw = np.random.default_rng(0)
    truth = np.array([2.0, -1.0, 0.0, 0.5])
    gaps = draw.normal(size=(3000, 4))
    labels = (draw.random(3000) < sigmoid(gaps @ truth)).astype(float)
    head = fit(gaps, labels, ridge=0.1)
    assert head == pytest.approx(truth, abs=0.2)
    assert fit(gaps, 1 - labels, ridge=0.1) == pytest.approx(-head, abs=1e-6)
    # A label of one half pulls to even, and weight 2 is the pair twice.
    assert fit(gaps, np.full(3000, 0.5)) == pytest.approx(0, abs=1e-9)
    twice = fit(np.repeat(gaps[:50], 2, axis=0), np.repeat(labels[:50], 2))
    assert fit(gaps[:50], labels[:50], np.full(50, 2.0)) == pytest.approx(twice)


def test_out_of_fold_never_learns_from_the_pair_it_judges() -> None:
    draw = np.random.default_rng(1)
    gaps = draw.normal(size=(60, 5))
    groups = [f"prompt {n // 3}" for n in range(60)]

    def judged(row: int, gaps: Floats) -> Floats:
        odds = out_of_fold(gaps, groups, models=2, folds=4, ridge=1, seed=0)
        return odds[:, row] / np.linalg.norm(gaps[row])

    before = judged(0, gaps)
    changed = gaps.copy()
    changed[0] *= 50.0
    # The pair and its prompt's others may change: their judges have not met them.
    assert judged(0, changed) == pytest.approx(before)
    assert not np.allclose(
        out_of_fold(changed, groups, models=1, folds=4, ridge=1, seed=0)[:, 3:],
        out_of_fold(gaps, groups, models=1, folds=4, ridge=1, seed=0)[:, 3:],
    )


def test_a_projection_keeps_what_varies() -> None:
    draw = np.random.default_rng(2)
    gaps = draw.normal(size=(200, 3)) @ draw.normal(size=(3, 40))
    narrow = projection(gaps, 16)(gaps)
    assert narrow.shape == (200, 3)
    inner = gaps @ gaps.T
    assert np.corrcoef(inner.ravel(), (narrow @ narrow.T).ravel())[0, 1] > 1 - 1e-9
    assert projection(np.zeros((3, 4)), 2)(np.zeros((3, 4))).shape == (3, 1)
