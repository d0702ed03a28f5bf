"""Choosing pairs that make all preferences less uncertain, held by the dense model."""

from __future__ import annotations

from dataclasses import replace
from itertools import combinations
from uuid import uuid4

import numpy as np

from training.services.curation_heads import Floats
from training.services.round_coverage import NOISE, OWN, Turns, least_variance
from training.services.round_pool import rank
from training.services.round_strategies import Pool, variance
from training.services.selection import Candidate

RIDGE = 2.0


def make_pool(*, seed: int = 0, texts: int = 7, prompts: int = 3) -> Pool:
    """Return ten pairs of few completions, and five that were learned from."""
    draw = np.random.default_rng(seed)
    features = draw.normal(size=(texts, 3))
    every = np.array(list(combinations(range(texts), 2)))  # no two are the same pair
    sides = draw.permutation(every)[:15]
    gaps = features[sides[:, 0]] - features[sides[:, 1]]
    nothing = np.zeros((1, 10))
    return Pool(
        odds=np.zeros(10),
        prompts=draw.integers(prompts, size=10),
        first=nothing,
        second=nothing,
        gaps=gaps[:10],
        learned=gaps[10:],
        ridge=RIDGE,
        sides=sides[:10],
        learned_sides=sides[10:],
    )


def mean_variance(pool: Pool, chosen: list[int]) -> float:
    """Return the mean posterior variance of z . w, from the joint of all unknowns."""
    assert pool.sides is not None
    assert pool.learned_sides is not None
    sides = np.concatenate([pool.learned_sides, pool.sides[chosen]])
    gaps = np.concatenate([pool.learned, pool.gaps[chosen]])
    own = np.eye(int(max(sides.max(), pool.sides.max())) + 1)
    rows = np.hstack([gaps, own[sides[:, 0]] - own[sides[:, 1]]])
    prior = np.diag([1 / RIDGE] * gaps.shape[1] + [OWN] * len(own))
    labels = rows @ prior @ rows.T + NOISE * np.eye(len(rows))
    cover: Floats = prior - prior @ rows.T @ np.linalg.solve(labels, rows @ prior)
    width = gaps.shape[1]
    return float(np.trace(pool.gaps @ cover[:width, :width] @ pool.gaps.T) / 10)


def test_each_pair_lowers_the_mean_variance_the_most_of_those_whose_turn_it_is() -> (
    None
):
    for seed in range(4):
        pool = make_pool(seed=seed)
        order = [int(place) for place in variance(pool)]
        assert sorted(order) == list(range(10))
        for place, picked in enumerate(order):
            earlier = order[:place]
            left = [i for i in range(10) if i not in earlier]
            count = [int((pool.prompts[earlier] == p).sum()) for p in pool.prompts]
            turn = [i for i in left if count[i] == min(count[j] for j in left)]
            after = {i: mean_variance(pool, [*earlier, i]) for i in turn}
            assert after[picked] <= min(after.values()) + 1e-9


def test_a_completion_that_was_asked_about_gives_way_to_new_ones() -> None:
    # One direction: the second pair is a little wider than the third, and shares a
    # completion with the first.
    gaps = np.array([[2.0], [1.5], [1.45]])
    sides = np.array([[0, 1], [0, 2], [3, 4]])
    known = {"learned": np.zeros((0, 1)), "learned_sides": np.zeros((0, 2), dtype=int)}

    def order(sides: np.ndarray[tuple[int, int], np.dtype[np.int64]]) -> list[int]:
        prompts = np.arange(3)
        return least_variance(gaps, sides, prompts, ridge=RIDGE, wanted=3, **known)[0]

    assert order(sides) == [0, 2, 1]
    assert order(np.arange(6).reshape(-1, 2)) == [0, 1, 2]


def test_no_prompt_comes_twice_before_all_came_once() -> None:
    turns = Turns(np.array([7, 7, 7, 3, 3, 5]))
    value = np.array([9.0, 8.0, 7.0, 2.0, 1.0, 3.0])
    assert [turns.take(value) for _ in range(6)] == [0, 5, 3, 1, 4, 2]


def test_swapping_sides_and_renaming_completions_change_nothing() -> None:
    pool = make_pool()
    assert pool.sides is not None
    assert pool.learned_sides is not None
    swapped = replace(pool, gaps=-pool.gaps, sides=pool.sides[:, ::-1])
    renamed = replace(
        pool, sides=90 - pool.sides, learned_sides=90 - pool.learned_sides
    )
    assert (variance(swapped) == variance(pool)).all()
    assert (variance(renamed) == variance(pool)).all()


def test_a_short_order_begins_like_the_whole_and_pairs_need_no_names() -> None:
    pool = make_pool()
    assert list(variance(replace(pool, wanted=4))[:4]) == list(variance(pool)[:4])
    apart = np.arange(30).reshape(-1, 2)
    named = replace(pool, sides=apart[:10], learned_sides=apart[10:])
    unnamed = replace(pool, sides=None, learned_sides=None)
    assert (variance(unnamed) == variance(named)).all()


def test_a_round_knows_which_completions_its_pairs_share() -> None:
    worth = [2.0, 0.0, 0.5, 1.45, 0.0, 1.0, 0.0]
    ids = [uuid4() for _ in worth]
    features = {pk: [value] for pk, value in zip(ids, worth, strict=True)}
    pool = [
        Candidate(prompt, ids[first], ids[second], 0.0, 0.0)
        for prompt, (first, second) in enumerate([(0, 1), (0, 2), (3, 4)])
    ]
    learned = [(ids[5], ids[6], 1.0, "another prompt")]
    ranked = rank("variance", pool, features, learned, members=2, seed=0)
    assert [each.prompt for each in ranked] == [0, 2, 1]
