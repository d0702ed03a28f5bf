"""Statistics of policies and rewards, each held by an identity or a closed form."""

from __future__ import annotations

import itertools
import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from training.engine.evaluate import (
    answers,
    best_of_n,
    frontier,
    ranking,
    starc,
    win_rate,
)
from training.engine.evaluate.metrics import Floats
from training.engine.evaluate.tripwires import (
    cross_overlap,
    distinct,
    overlap,
    risen_phrases,
    tripwires,
)

# --- ranking --------------------------------------------------------------------------


def sides(gap: list[float], tokens: tuple[int, int] = (1, 1)) -> ranking.SideLogprobs:
    """Log-probabilities whose chosen side stands higher by the given numbers."""
    chosen = np.array(gap) - 10.0
    count = np.ones(len(gap))
    return ranking.SideLogprobs(
        chosen, np.full(len(gap), -10.0), tokens[0] * count, tokens[1] * count
    )


def test_dpos_optimum_reaches_the_ideal_ranking_and_no_policy_passes_it() -> None:
    """Where a share a prefers the first, the optimum's ratio gap is logit(a)/beta."""
    beta, share = 0.5, np.array([0.6, 0.9, 0.8, 0.55])
    reference = sides([-1.0, -1.0, -9.0, 2.0])
    odds = np.log(share / (1 - share))
    best = sides((reference.gap + odds / beta).tolist())
    loss = share * np.logaddexp(0, -beta * (best.gap - reference.gap)) + (
        1 - share
    ) * np.logaddexp(0, beta * (best.gap - reference.gap))
    entropy = -share * np.log(share) - (1 - share) * np.log(1 - share)
    assert loss == pytest.approx(entropy)
    assert ranking.ideal_gaps(reference, share.tolist(), beta) == pytest.approx(
        best.gap
    )
    found = ranking.ranking(best, reference, share.tolist(), beta)
    assert found["policy"].tolist() == found["ideal"].tolist() == [0, 1, 0, 1]
    assert found["implied"].tolist() == [1, 1, 1, 1]


def test_unanimous_pairs_can_always_be_ranked_right() -> None:
    reference = sides([-50.0, 3.0])
    assert ranking.ideal_gaps(reference, [1.0, 1.0], 0.1).tolist() == [math.inf] * 2


@given(st.floats(-5, 5), st.floats(-5, 5), st.floats(0.05, 2))
def test_a_pair_is_ranked_right_when_its_loss_is_below_its_own_limit(
    policy_gap: float, reference_gap: float, beta: float
) -> None:
    policy, reference = sides([policy_gap]), sides([reference_gap])
    loss = np.logaddexp(0, -ranking.implied_gaps(policy, reference, beta))[0]
    limit = np.logaddexp(0, -beta * ranking.hardness(reference))[0]
    if abs(policy.gap[0]) > 1e-9:
        assert (policy.gap[0] > 0) == (loss < limit)


def test_length_changes_the_ranking_by_token_alone() -> None:
    policy = ranking.SideLogprobs(*map(np.array, ([-20.0], [-12.0], [10.0], [3.0])))
    assert policy.gap[0] == -8.0
    assert policy.gap_per_token[0] == pytest.approx(-2.0 + 4.0)


# --- best-of-n ------------------------------------------------------------------------


@settings(max_examples=30, deadline=None)
@given(
    st.lists(st.tuples(st.integers(0, 4), st.floats(-5, 5)), min_size=1, max_size=7),
    st.data(),
)
def test_the_curve_is_the_mean_over_all_subsets(
    samples: list[tuple[int, float]], data: st.DataObject
) -> None:
    proxy = [float(p) for p, _ in samples]
    gold = [g for _, g in samples]
    n = data.draw(st.integers(1, len(samples)))

    def of(chosen: tuple[int, ...]) -> float:
        top = max(proxy[i] for i in chosen)
        return float(np.mean([gold[i] for i in chosen if proxy[i] == top]))

    every = [of(c) for c in itertools.combinations(range(len(samples)), n)]
    # Ties of the proxy are broken at random among all samples with that score, so the
    # mean within one subset and the mean of the block agree over all subsets.
    assert best_of_n.curve(proxy, gold, [n])[0] == pytest.approx(
        float(np.mean(every)), abs=1e-9
    )


def test_the_curve_is_exact_for_many_samples() -> None:
    size = 4000
    scores = np.arange(size, dtype=np.float64)
    for n in (1, 2, 64, 512):
        # The expected maximum of n of the numbers 1..N is n (N + 1) / (n + 1).
        expected = n * (size + 1) / (n + 1) - 1
        found = best_of_n.curve(scores, scores, [n])[0]
        assert found == pytest.approx(expected, rel=1e-9)


def test_a_proxy_that_knows_nothing_gains_nothing() -> None:
    gold = np.random.default_rng(0).normal(size=50)
    found = best_of_n.curve(np.zeros(50), gold, [1, 5, 50])
    assert found == pytest.approx([gold.mean()] * 3)


def test_the_divergence_of_best_of_n_on_a_finite_policy() -> None:
    """KL of the best of n out of M equally likely answers tends to the closed form."""
    for n in (1, 4, 32):
        size = 20_000
        rank = np.arange(1, size + 1)
        chance = (rank / size) ** n - ((rank - 1) / size) ** n
        with np.errstate(divide="ignore", invalid="ignore"):
            terms = np.where(chance > 0, chance * np.log(chance * size), 0.0)
        assert best_of_n.kl_of(n) == pytest.approx(float(terms.sum()), abs=2e-3)


def test_numbers_of_samples_that_are_not_there_are_refused() -> None:
    with pytest.raises(ValueError, match="n from 1 to their number"):
        best_of_n.curve([1.0, 2.0], [1.0, 2.0], [3])


def test_prompts_with_few_samples_shorten_the_report() -> None:
    rows = best_of_n.report(
        [[1.0, 2.0, 3.0], [3.0, 1.0, 2.0, 9.0]],
        [[1.0, 2.0, 3.0], [3.0, 1.0, 2.0, 9.0]],
        ["a", "b"],
        resamples=100,
        seed=0,
    )
    assert [row["n"] for row in rows] == [1, 2, 3]
    assert rows[0]["score"]["value"] == pytest.approx((2 + 3.75) / 2)


# --- fronts ---------------------------------------------------------------------------


def test_the_volume_of_boxes_by_hand() -> None:
    zero = np.zeros(2)
    assert frontier.hypervolume(np.array([[1.0, 1.0]]), zero) == 1.0
    assert frontier.hypervolume(np.array([[2.0, 1.0], [1.0, 2.0]]), zero) == 3.0
    assert frontier.hypervolume(np.array([[1.0, 1.0, 1.0]]), np.zeros(3)) == 1.0
    cross = np.array([[2.0, 1.0, 1.0], [1.0, 2.0, 1.0], [1.0, 1.0, 2.0]])
    assert frontier.hypervolume(cross, np.zeros(3)) == pytest.approx(4.0)
    assert frontier.hypervolume(np.array([[1.0, -1.0]]), zero) == 0.0


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10_000), st.integers(2, 4))
def test_dominated_points_change_nothing_and_sampling_agrees(
    seed: int, columns: int
) -> None:
    draw = np.random.default_rng(seed)
    points = draw.random((6, columns))
    whole = frontier.hypervolume(points, np.zeros(columns))
    more = np.vstack([points, points[:2] * 0.5])
    assert frontier.hypervolume(more, np.zeros(columns)) == pytest.approx(whole)
    shots = draw.random((20_000, columns))
    covered = (points[:, None] >= shots[None]).all(-1).any(0).mean()
    assert whole == pytest.approx(float(covered), abs=0.02)


def test_utility_and_sparsity_by_hand() -> None:
    points = np.array([[1.0, 0.0], [0.0, 1.0], [0.4, 0.4]])
    # Over weights w and 1 - w the best is max(w, 1 - w): 0.75 on average.
    fine = frontier.simplex(2, 1000)
    assert frontier.expected_utility(points, fine) == pytest.approx(0.75, abs=1e-3)
    # Sorted columns 0, 0.4, 1: gaps 0.4 and 0.6 in both, 2 * 0.52 / 2.
    assert frontier.sparsity(points) == pytest.approx(0.52)
    assert frontier.sparsity(points[:1]) == 0.0
    assert np.allclose(frontier.simplex(3, 4).sum(1), 1.0)
    assert len(frontier.simplex(3, 4)) == 15


# --- distances of rewards -------------------------------------------------------------


def world(seed: int) -> tuple[Floats, Floats]:
    draw = np.random.default_rng(seed)
    return draw.normal(size=(5, 3, 5)), draw.dirichlet(np.ones(5), size=(5, 3))


def test_shaping_scaling_and_moving_reward_among_next_states_change_nothing() -> None:
    reward, moves = world(0)
    draw = np.random.default_rng(1)
    potential = draw.normal(size=5)
    shaped = reward + 0.9 * potential[None, None] - potential[:, None, None]
    noise = draw.normal(size=reward.shape)
    moved = reward + noise - (moves * noise).sum(-1, keepdims=True)
    own = starc.canonical(reward, moves, 0.9)
    for other in (3 * shaped, moved, reward + 7.0):
        found = starc.distance(own, starc.canonical(other, moves, 0.9))
        assert found == pytest.approx(0.0, abs=1e-12)


def test_the_opposite_reward_is_as_far_as_any_can_be() -> None:
    reward, moves = world(2)
    own = starc.canonical(reward, moves, 0.9)
    assert starc.distance(own, -own) == pytest.approx(1.0)
    others = [starc.canonical(world(seed)[0], moves, 0.9) for seed in range(3, 60)]
    far = [starc.distance(own, other) for other in others]
    # Random directions stand at right angles: 1/sqrt(2).
    assert float(np.mean(far)) == pytest.approx(0.7071, abs=0.05)
    for one, other in itertools.pairwise(others):
        assert starc.distance(own, other) <= (
            starc.distance(own, one) + starc.distance(one, other) + 1e-12
        )


@given(st.integers(0, 1000), st.floats(0.01, 50))
def test_a_number_added_to_a_prompt_is_no_difference_between_models(
    seed: int, scale: float
) -> None:
    draw = np.random.default_rng(seed)
    prompts = [f"p{i % 4}" for i in range(20)]
    scores = draw.normal(size=20)
    offsets = {f"p{i}": draw.normal() * 10 for i in range(4)}
    other = scale * scores + np.array([offsets[p] for p in prompts])
    assert starc.bandit_distance(scores, other, prompts) == pytest.approx(0, abs=1e-9)
    assert starc.bandit_distance(scores, -other, prompts) == pytest.approx(1.0)


def test_a_reward_that_tells_nothing_apart_is_half_way() -> None:
    prompts = ["p", "p", "q", "q"]
    flat = [1.0, 1.0, 5.0, 5.0]
    assert starc.bandit_distance(flat, [1.0, 2.0, 3.0, 4.0], prompts) == 0.5
    assert starc.bandit_distance(flat, flat, prompts) == 0.0
    # What rounding leaves of large equal rewards is no direction; small differences
    # are one, in whatever unit.
    large = [1e7 / 3] * 3 + [2e7 / 7] * 3
    told = [1.0, 2.0, 4.0, 1.0, 0.0, 3.0]
    thrice = ["p"] * 3 + ["q"] * 3
    assert starc.bandit_distance(large, told, thrice) == pytest.approx(0.5)
    small = [1e-14 * each for each in told]
    assert starc.bandit_distance(small, told, thrice) == pytest.approx(0.0, abs=1e-9)


# --- win rates ------------------------------------------------------------------------


def test_both_orders_together_take_a_preference_for_the_first_out() -> None:
    skill = np.array([0.9, 0.5, 0.2])
    for bias in (-0.1, 0.0, 0.1):
        first, second = skill + bias, (1 - skill) + bias
        assert win_rate.order_averaged(first, second) == pytest.approx(skill)
        assert win_rate.order_bias(first, second) == pytest.approx(bias)


def test_without_a_difference_in_length_nothing_is_controlled() -> None:
    chances = [0.9, 0.7, 0.2, 0.6]
    found = win_rate.length_controlled(chances, [9] * 4, [9] * 4, list("abcd"))
    assert found["win_rate"]["value"] == pytest.approx(0.6, abs=1e-6)
    assert found["raw"] == pytest.approx(0.6)


def test_what_length_explains_is_taken_out_and_skill_is_kept() -> None:
    draw = np.random.default_rng(0)
    gap = draw.normal(40, 100, 3000)
    for theta in (0.0, 0.8):
        odds = theta + 1.5 * np.tanh(gap / gap.std())
        chances = 1 / (1 + np.exp(-odds))
        found = win_rate.length_controlled(
            chances, gap, np.zeros(3000), [str(i) for i in range(3000)], resamples=20
        )
        skill = 1 / (1 + math.exp(-theta))
        assert found["win_rate"]["value"] == pytest.approx(skill, abs=0.01)
        assert found["raw"] > found["win_rate"]["value"] + 0.02
        assert found["length_effect"] == pytest.approx(1.5, abs=0.05)


def test_the_other_side_wins_what_is_left() -> None:
    draw = np.random.default_rng(1)
    chances, gap = draw.random(200), draw.normal(10, 30, 200)
    names = [str(i) for i in range(200)]
    one = win_rate.length_controlled(chances, gap, 0 * gap, names, resamples=50)
    other = win_rate.length_controlled(1 - chances, 0 * gap, gap, names, resamples=50)
    assert one["win_rate"]["value"] + other["win_rate"]["value"] == pytest.approx(1)
    assert one["win_rate"]["low"] + other["win_rate"]["high"] == pytest.approx(1)


def test_a_unanimous_judge_gives_a_bounded_answer() -> None:
    found = win_rate.length_controlled([1.0] * 8, range(8), [0] * 8, list("abcdefgh"))
    assert found["win_rate"]["value"] == pytest.approx(1.0, abs=1e-3)


# --- all that answers say -------------------------------------------------------------


def answered(scores: list[float], **more: Any) -> answers.Answers:
    """Four samples of each of three prompts."""
    prompts = [f"p{i // 4}" for i in range(12)]
    return answers.Answers(prompts, [f"text {i}" for i in range(12)], scores, **more)


def test_a_policy_that_is_its_reference_is_level_on_every_count() -> None:
    scores = np.random.default_rng(0).normal(size=12).tolist()
    parts = np.random.default_rng(1).random((12, 2))
    same = answered(scores, components=parts, names=["a", "b"])
    found = answers.answers_report(same, same, [0.0] * 12, kl=0.0, resamples=99, seed=0)
    assert found["win"]["win_rate"]["value"] == 0.5
    assert found["win"]["length_controlled"]["win_rate"]["value"] == pytest.approx(0.5)
    assert found["win"]["reward_gain"]["value"] == 0.0
    front = found["frontier"]
    # At no distance, best of one from the reference is the policy itself.
    assert front["best_of_n_at_the_same_kl"] == pytest.approx(front["policy"]["score"])
    assert front["policy"]["score"] == pytest.approx(float(np.mean(scores)))
    ours, theirs = found["attributes"]["policies"].values()
    assert ours == theirs and 0 < ours["hypervolume"] <= 1
    assert found["tripwires"]["tripped"] == []


def test_the_gold_model_scores_what_the_judge_picks() -> None:
    """Four samples a prompt, gold falling as the judge's score rises."""
    judge = [float(i % 4) for i in range(12)]
    both = answered(judge, gold=[-score for score in judge])
    rows = answers.curve_of(both, resamples=99, seed=0)
    assert [row["n"] for row in rows] == [1, 2, 4]
    # The expected maximum of n of 0..3 is 5 n / (n + 1) - 1, of gold the opposite.
    assert [row["score"]["value"] for row in rows] == pytest.approx([-1.5, -7 / 3, -3])
    front = answers.frontier_of(both, rows, kl=best_of_n.kl_of(2))
    assert front["best_of_n_at_the_same_kl"] == pytest.approx(-7 / 3)
    assert "best_of_n_at_the_same_kl" not in answers.frontier_of(both, rows, kl=99.0)


def test_one_sample_a_prompt_has_no_curve() -> None:
    lonely = answers.Answers(["a", "b"], ["x", "y"], [1.0, 2.0])
    assert answers.curve_of(lonely, resamples=99, seed=0) == []
    assert set(
        answers.answers_report(lonely, lonely, [], kl=None, resamples=99, seed=0)
    ) == {"tripwires"}


# --- alarms ---------------------------------------------------------------------------


def test_overlap_of_equal_and_of_unlike_texts() -> None:
    assert overlap("The same words.", "the same words") == 1.0
    assert overlap("one two", "three four") == 0.0
    assert overlap("", "") == 1.0
    # Two of four words shared with two of two: 10 * (1/2) * 1 / (1 + 9/2).
    assert overlap("a b c d", "a b") == pytest.approx(5 / 5.5)


def test_collapse_to_one_answer_is_told() -> None:
    prompts = [f"p{i}" for i in range(20)]
    varied = [f"word{i} thing{i} other{i} more{i}" for i in range(20)]
    same = ["Great question, I am happy to help!"] * 20
    assert cross_overlap(same, prompts, 0) == 1.0
    assert cross_overlap(varied, prompts, 0) == 0.0
    assert (distinct(varied, 1), distinct(same, 1)) == (1.0, 7 / 140)
    found = tripwires(same, varied, prompts, resamples=200, seed=0)
    assert "overlap of answers to different prompts" in found["tripped"]
    assert "distinct 1-grams" in found["tripped"]
    assert found["phrases"][0]["policy"] == 1.0


def test_a_policy_that_is_its_reference_trips_nothing() -> None:
    prompts = [f"p{i}" for i in range(20)]
    texts = [f"the answer {i} is number {i * 7} of the list!" for i in range(20)]
    assert tripwires(texts, texts, prompts, resamples=200, seed=0)["tripped"] == []


def test_a_rising_phrase_is_named_and_chance_is_not() -> None:
    plain = [f"text {i} ends here now" for i in range(100)]
    closing = [f"text {i} ends. love you friend" for i in range(100)]
    rows = risen_phrases(plain[:70] + closing[70:], plain)
    assert rows[0]["phrase"] in ("love you friend", "ends love you")
    assert rows[0]["policy"] == pytest.approx(0.3)
    assert risen_phrases(plain[:98] + closing[98:], plain) == []


def test_longer_answers_trip_the_watch_of_looks() -> None:
    prompts = [f"p{i}" for i in range(30)]
    plain = [f"answer number {i}" for i in range(30)]
    long = [f"answer number {i} " + "- item\n" * 9 for i in range(30)]
    tripped = tripwires(long, plain, prompts, resamples=200, seed=0)["tripped"]
    assert {"characters", "lines"} <= set(tripped)
