"""The advantage pipeline: each piece by its identity, its closed form or a search."""

from __future__ import annotations

import itertools
import math

import pytest
import torch
from torch import Tensor

from training.engine.online import baselines, combine, select, spans, transforms
from training.engine.online.pipeline import against
from training.engine.online.safety import safety_test
from training.engine.ppo.losses import clipped_surrogate
from training.engine.registry.online_rows import Select

GROUPS = torch.tensor([0, 0, 0, 0, 1, 1, 1, 1])


def draw(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(
        *shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64
    )


# --- transforms -------------------------------------------------------------------


def test_par_is_bounded_and_blind_to_offsets() -> None:
    rewards, references = 20 * draw(6), 20 * draw(6, 3, seed=1)
    found = transforms.preference_as_reward(rewards, references, 1.0)
    assert ((found >= 0) & (found <= 1)).all()
    offset = draw(6, seed=2)
    moved = transforms.preference_as_reward(
        rewards + offset, references + offset[:, None], 1.0
    )
    assert torch.allclose(found, moved)
    equal = transforms.preference_as_reward(rewards, rewards[:, None], 1.0)
    assert torch.allclose(equal, torch.full_like(equal, 0.5))
    single = transforms.preference_as_reward(rewards, references[:, :1], 2.0)
    assert torch.allclose(single, torch.sigmoid(2 * (rewards - references[:, 0])))


def test_lsc_sums_to_the_product_of_win_chances() -> None:
    rewards, centres = draw(5, 3), draw(5, 3, seed=1)
    total = transforms.log_sigmoid_centred(rewards, centres).sum(1)
    assert torch.allclose(total.exp(), torch.sigmoid(rewards - centres).prod(1))
    at = torch.arange(-6.0, 7.0, 2.0, dtype=torch.float64).requires_grad_()
    value = transforms.log_sigmoid_centred(at, torch.ones(7, dtype=torch.float64))
    (slope,) = torch.autograd.grad(value.sum(), at)
    published = [0.999, 0.993, 0.953, 0.731, 0.269, 0.047, 0.007]
    assert slope.tolist() == pytest.approx(published, abs=6e-4)
    normal = 2 + 3 * draw(1, 20000, seed=2)
    fitted = transforms.reference_quantile(normal, 0.85)
    assert float(fitted) == pytest.approx(float(normal.quantile(0.85)), abs=0.1)
    with pytest.raises(ValueError, match="two reference rewards"):
        transforms.reference_quantile(normal[:, :1], 0.85)


def test_process_rewards_cannot_be_farmed_by_repeating_steps() -> None:
    steps = torch.tensor([0.4, 0.9, 0.2, 0.7])
    delta = transforms.delta_steps(steps)
    assert float(delta.sum()) == pytest.approx(float(steps[0]))
    repeated = torch.tensor([0.4, 0.9, 0.9, 0.9, 0.2, 0.7])
    assert float(transforms.delta_steps(repeated).sum()) == pytest.approx(0.4)
    clipped = transforms.clip_steps(steps, 0.5)
    assert clipped.tolist() == pytest.approx([-0.1, 0.0, -0.3, 0.0])
    more = transforms.clip_steps(repeated, 0.5).sum()
    assert float(more) <= float(clipped.sum()) + 1e-6


def test_win_rates_of_a_group_average_one_half() -> None:
    rewards = 3 * draw(8)
    found = transforms.win_rate(rewards, GROUPS)
    for group in (0, 1):
        here = group == GROUPS
        assert float(found[here].mean()) == pytest.approx(0.5)
        assert found[here].argsort().equal(rewards[here].argsort())
    alone = transforms.win_rate(rewards[:1], GROUPS[:1])
    assert alone.tolist() == [0.5]


# --- combining --------------------------------------------------------------------


def test_ensembles_of_one_or_of_equals_are_that_one() -> None:
    one, members = draw(6, 1), draw(6, 4, seed=1)
    for how in ("mean", "minimum", "mean_less_variance"):
        assert torch.equal(combine.ensemble(one, how, 1.0), one[:, 0])
        equal = combine.ensemble(one.expand(6, 3), how, 1.0)
        assert torch.allclose(equal, one[:, 0])
    worst = combine.ensemble(members, "minimum", 1.0)
    members[:, 2] = 1e6  # one member that was fooled gains nothing
    others = members[:, [0, 1, 3]].min(1).values
    fooled = combine.ensemble(members, "minimum", 1.0)
    assert torch.equal(fooled, others) and (fooled >= worst).all()
    pair = torch.tensor([[1.0, 3.0]])
    # The population variance, as the reward models' own ensembles have it.
    assert float(combine.ensemble(pair, "mean_less_variance", 0.5)) == 2.0 - 0.5 * 1.0


def test_gates_let_nothing_count_without_them() -> None:
    rewards = torch.tensor([[2.0, 1.0, 1.0], [2.0, 1.0, 0.0], [2.0, 1.0, 0.5]])
    assert combine.product(rewards, [2]).tolist() == [3.0, 0.0, 1.5]
    assert combine.product(rewards[:, 2:], [0]).tolist() == [1.0, 0.0, 0.5]


def test_normalising_first_gives_every_source_the_same_say() -> None:
    rewards = draw(8, 2)
    weights = torch.tensor([1.0, 1.0], dtype=torch.float64)

    def scores(table: Tensor) -> Tensor:
        scaled = combine.normalised_in_groups(table, GROUPS, 0.0)
        return combine.weighted(scaled, weights)

    loud = rewards * torch.tensor([1.0, 1000.0], dtype=torch.float64)
    assert torch.allclose(scores(rewards), scores(loud))
    summed = combine.weighted(rewards, weights)
    assert not torch.allclose(summed, combine.weighted(loud, weights))
    only = torch.tensor([1.0, 0.0], dtype=torch.float64)
    assert torch.equal(combine.weighted(rewards, only), rewards[:, 0])


def ascend(logits: Tensor, reward: Tensor, tie: Tensor, rate: float) -> Tensor:
    """Return logits after an exact policy-gradient step on E[reward] - KL(pi, tie)."""
    policy = torch.softmax(logits, -1)
    value = reward - (policy.log() - tie.log())
    return logits + rate * policy * (value - (policy * value).sum())


def test_worst_group_brings_opposed_groups_together() -> None:
    """Two groups want opposite answers; a compromise serves both best."""
    rewards = torch.tensor([[1.0, 0.0], [0.0, 1.0], [0.7, 0.7]], dtype=torch.float64)
    even = torch.full((3,), 1 / 3, dtype=torch.float64)
    tie = torch.tensor([0.6, 0.2, 0.2], dtype=torch.float64)
    rule = combine.WorstGroup(keep=0.0)
    logits = tie.log()
    beta = 0.2
    for step in range(3000):
        policy = torch.softmax(logits, -1)
        means = policy @ rewards
        # The rule sees mean rewards; here they are exact, as one row.
        chosen = rule(means[None, :])
        group = int((means - chosen).abs().argmin())
        assert rule.means == means.tolist()
        logits = ascend(logits, rewards[:, group] / beta, tie, 2 / (20 + step))
    means = torch.softmax(logits, -1) @ rewards
    assert abs(float(means[0] - means[1])) < 3e-4
    average = torch.softmax(
        tie.log() + rewards @ torch.full((2,), 0.5).double() / beta, 0
    )
    assert float(means.min()) > float((average @ rewards).min())
    assert even.sum() == pytest.approx(1)


def test_worst_group_follows_running_means_and_one_group_is_itself() -> None:
    rewards = draw(5, 1)
    assert torch.equal(combine.WorstGroup(0.9)(rewards), rewards[:, 0])
    rule = combine.WorstGroup(0.9, means=[0.0, -1.0])
    table = torch.tensor([[-5.0, 3.0]])
    assert rule(table).tolist() == [3.0]  # 0.9 * -1 + 0.3 = -0.6 < -0.5
    assert rule.means == pytest.approx([-0.5, -0.6])


def test_constrained_bandit_meets_its_threshold() -> None:
    """A cost is lifted to its threshold of -0.4 and no further."""
    cost = torch.tensor([0.0, 0.5, 1.0], dtype=torch.float64)
    tie = torch.tensor([0.1, 0.2, 0.7], dtype=torch.float64)
    dual = combine.Constrained([-0.4], equality=False, rate=5.0)
    for _ in range(1500):
        # The KL-regularised optimum under the multiplier of the moment.
        weight = dual.multipliers()[0] / max(dual.tie(), 1e-9)
        policy = torch.softmax(tie.log() - weight * cost, -1)
        dual.observe(-(policy @ cost).reshape(1, 1))
    assert float(policy @ cost) == pytest.approx(0.4, abs=1e-3)
    above = combine.Constrained([0.0], equality=False, rate=0.1)
    above.observe(torch.tensor([[1.0], [3.0]]))
    below = combine.Constrained([0.0], equality=True, rate=0.1)
    below.observe(torch.tensor([[-1.0]]))
    assert float(above.raw) < 0 < float(below.raw)
    assert above.tie() == pytest.approx(1 - float(above.multipliers()))


# --- baselines and normalisers ----------------------------------------------------


def grpo(values: Tensor, groups: Tensor) -> Tensor:
    return baselines.by_group(against("group", values, groups), values, groups)


def test_group_advantages_are_blind_to_shift_and_scale(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    values = draw(8)
    found = grpo(values, GROUPS)
    for group in (0, 1):
        here = group == GROUPS
        part = values[here]
        expected = (part - part.mean()) / (part.std() + 1e-4)
        assert torch.allclose(found[here], expected)
        assert abs(float(found[here].sum())) < 1e-12
    monkeypatch.setattr(baselines, "EPSILON", 0.0)
    moved = values * (3.0 - 2.0 * GROUPS) + 5.0 * GROUPS
    assert torch.allclose(grpo(values, GROUPS), grpo(moved, GROUPS))
    alike = torch.ones(8, dtype=torch.float64)
    monkeypatch.undo()
    assert not grpo(alike, GROUPS).any()


def test_leave_one_out_is_a_scaled_group_mean() -> None:
    values = draw(8)
    found = against("leave_one_out", values, GROUPS)
    assert torch.allclose(found, 4 / 3 * against("group", values, GROUPS))
    assert float(found[0]) == pytest.approx(float(values[0] - values[1:4].mean()))
    with pytest.raises(ValueError, match="at least two"):
        against("leave_one_out", values[:1], GROUPS[:1])


def test_skew_table_of_differences_is_grpo() -> None:
    values = draw(8)
    found = baselines.by_skew(values, GROUPS)
    for group in (0, 1):
        here = group == GROUPS
        part = values[here]
        assert torch.allclose(found[here], (part - part.mean()) / part.std(), atol=1e-6)


def test_beta_weights_have_both_limits() -> None:
    rates = torch.linspace(0.1, 0.9, 9, dtype=torch.float64)
    one = torch.ones((), dtype=torch.float64)
    assert torch.allclose(
        baselines.inverse_density(rates, one, one), torch.ones_like(rates)
    )
    half = baselines.inverse_density(rates, 1.5 * one, 1.5 * one)
    ratio = half * (rates * (1 - rates)).sqrt()
    assert torch.allclose(ratio, ratio[0].expand(9))
    # From the batch: rates .25 and .75 have mean .5 and variance .125, so both
    # parameters are 1 + (.25 / .125 - 1) * .5 / 3 = 7 / 6.
    rewards = torch.tensor([1, 0, 0, 0, 1, 1, 1, 0], dtype=torch.float64)
    found = baselines.beta_weights(rewards, GROUPS)
    density = torch.distributions.Beta(7 / 6 * one, 7 / 6 * one)
    expected = (-density.log_prob(torch.tensor(0.25, dtype=torch.float64))).exp()
    assert torch.allclose(found, expected.expand(8))


def test_p3o_gradient_is_the_policy_gradient() -> None:
    """Over all pairs that a policy may draw, in expectation, offsets included."""
    logits, rewards = draw(4).requires_grad_(), draw(4, seed=1)
    logprobs = torch.log_softmax(logits, -1)
    policy = logprobs.exp().detach()
    exact = (torch.softmax(logits, -1) * rewards).sum()
    (wanted,) = torch.autograd.grad(exact, logits)
    total = torch.zeros(4, dtype=torch.float64)
    pair = torch.tensor([0, 0])
    for a, b in itertools.product(range(4), repeat=2):
        values = rewards[[a, b]] + 7.0  # an offset of the prompt's rewards
        advantages = against("partner", values, pair)
        drawn = torch.log_softmax(logits, -1)[[a, b]]
        loss = clipped_surrogate(
            drawn - drawn.detach(), advantages, low=0.2, high=0.2
        ).sum()
        (gradient,) = torch.autograd.grad(loss, logits)
        total -= policy[a] * policy[b] * gradient
    assert torch.allclose(total, wanted, atol=1e-12)
    with pytest.raises(ValueError, match="exactly two"):
        against("partner", draw(8), GROUPS)


# --- selection --------------------------------------------------------------------


def test_filters_keep_what_they_say() -> None:
    scores = draw(8)
    best = [int(scores[:4].argmax()), 4 + int(scores[4:].argmax())]
    worst = [int(scores[:4].argmin()), 4 + int(scores[4:].argmin())]

    def kept(how: Select, seed: str = "0/0") -> list[int]:
        weights = select.filtered(scores, GROUPS, how, seed=seed)
        return weights.nonzero()[:, 0].tolist()

    assert kept("best") == sorted(best)
    assert kept("best_worst") == sorted(best + worst)
    others = set()
    for step in range(40):
        now = kept("best_random", f"0/{step}")
        assert len(now) == 4 and set(best) <= set(now)
        others |= set(now) - set(best)
    assert others == set(range(8)) - set(best)
    assert kept("best_random") == kept("best_random")
    weights = select.filtered(scores, GROUPS, "resample", seed="")
    assert float(weights[best[0]] / weights[worst[0]]) == pytest.approx(4.0)
    assert float(weights[:4].mean()) == pytest.approx(1.0)
    scores[4:] = 0.3
    assert select.informative(scores, GROUPS).tolist() == [1.0] * 4 + [0.0] * 4


def test_only_flagged_groups_are_scaled() -> None:
    right = torch.tensor([1.0, 0, 0, 1, 1, 0, 0, 1])
    lengths = torch.tensor([9, 2, 3, 8, 2, 9, 9, 3])  # right is longer; shorter
    found = select.temporarily_uninformative(
        right, lengths, GROUPS, success=0.5, weight=0.1
    )
    assert found.tolist() == pytest.approx([1.0] * 4 + [0.1] * 4)
    unmoved = select.temporarily_uninformative(
        torch.ones(8), lengths, GROUPS, success=0.5, weight=0.1
    )
    assert unmoved.tolist() == [1.0] * 8


@pytest.mark.parametrize("seed", range(5))
def test_spread_subset_is_what_a_search_finds(seed: int) -> None:
    advantages = draw(9, seed=seed)
    found = select.most_spread(advantages, 4).nonzero()[:, 0].tolist()
    searched = max(
        itertools.combinations(range(9), 4),
        key=lambda part: float(advantages[list(part)].var(unbiased=False)),
    )
    assert found == list(searched)
    assert select.most_spread(advantages, 99).all()


def test_telling_tokens_have_the_largest_product() -> None:
    advantages, entropy = draw(2, 6), draw(2, 6, seed=1).abs()
    mask = torch.tensor([[True] * 6, [True] * 3 + [False] * 3])
    found = select.telling_tokens(advantages, entropy, mask, 0.5)
    product = advantages.abs() * entropy
    assert found.sum(1).tolist() == [3, 2]
    for row, length in ((0, 6), (1, 3)):
        floor = product[row][found[row]].min()
        left_out = mask[row] & ~found[row]
        assert (product[row][left_out] <= floor).all()
        assert not found[row, length:].any()
    assert select.telling_tokens(advantages, entropy, mask, 1.0).equal(mask)


def test_rejection_sampling_follows_the_tilted_reference() -> None:
    rewards = [0.0, 0.5, 1.0, 2.0]
    beta = 0.7
    counts = torch.zeros(4)
    for seed in range(4000):
        # One candidate of each kind is a uniform reference; first acceptances count.
        counts[select.accepted(rewards, beta, 4, seed=seed)[0]] += 1
    assert counts.argsort().tolist() == [0, 1, 2, 3]
    # One pass over many candidates: the law is reference * exp(R / beta).
    many = [rewards[i % 4] for i in range(40000)]
    taken = select.accepted(many, beta, 10000, seed=0)
    shares = torch.bincount(torch.tensor(taken) % 4, minlength=4) / len(taken)
    law = torch.softmax(torch.tensor(rewards) / beta, -1)
    assert torch.allclose(shares, law.to(shares), atol=0.02)
    assert select.accepted(rewards, 1e-6, 2, seed=0) == [3, 2]


def test_raft_is_fine_tuning_on_the_best() -> None:
    """Kept samples earn the expected maximum, and the loss is their likelihood."""
    policy = torch.tensor([0.5, 0.3, 0.2])
    rewards = torch.tensor([0.0, 1.0, 2.0])
    exact = sum(
        math.prod(float(policy[i]) for i in drawn)
        * max(float(rewards[i]) for i in drawn)
        for drawn in itertools.product(range(3), repeat=4)
    )
    draws = torch.multinomial(
        policy.expand(4000, 3), 4, True, generator=torch.Generator().manual_seed(0)
    )
    scores = rewards[draws].flatten()
    groups = torch.arange(4000).repeat_interleave(4)
    kept = scores.reshape(-1, 4).max(1).values
    few = select.filtered(scores[:400], groups[:400], "best", seed="")
    assert torch.equal(scores[:400][few > 0], kept[:100])
    assert float(kept.mean()) == pytest.approx(exact, abs=0.03)
    assert against("unit", scores, groups).eq(1).all()


# --- games, spans, safety ---------------------------------------------------------


def test_self_play_of_a_cycle_averages_to_uniform() -> None:
    """Rock, paper, scissors under win rates: the average of the iterates is fair."""
    beats = torch.tensor(
        [[0.5, 1.0, 0.0], [0.0, 0.5, 1.0], [1.0, 0.0, 0.5]], dtype=torch.float64
    )
    table, logits, total = beats.tolist(), [0.1, 0.0, -0.1], [0.0] * 3
    steps = 200_000
    for _ in range(steps):
        weights = [math.exp(x - logits[0]) for x in logits]
        policy = [x / sum(weights) for x in weights]
        for i, row in enumerate(table):
            total[i] += policy[i] / steps
            logits[i] += 0.01 * sum(a * b for a, b in zip(row, policy, strict=True))
    assert total == pytest.approx([1 / 3] * 3, abs=3e-4)
    # The estimate in a group is what its members' table says.
    found = transforms.mean_over_others(beats, torch.zeros(3), alone=0.5)
    assert torch.allclose(found, torch.full((3,), 0.5).double())


def test_span_rewards_stand_at_their_ends_and_add_up() -> None:
    parts = [
        spans.Span(0, 2, "relevance", -0.3),
        spans.Span(0, 5, "facts", 0.5),
        spans.Span(0, 5, "relevance", 0.3),
        spans.Span(1, 0, "facts", -0.5),
    ]
    found = spans.placed(parts, {}, 2, 6)
    assert found[0].tolist() == pytest.approx([0, 0, -0.3, 0, 0, 0.8])
    assert float(found.sum()) == pytest.approx(sum(part.reward for part in parts))
    silent = spans.placed(parts, {"facts": 0.0}, 2, 6)
    assert silent[0].tolist() == pytest.approx([0, 0, -0.3, 0, 0, 0.3])
    with pytest.raises(ValueError, match="inside 1 x 6"):
        spans.placed(parts, {}, 1, 6)


def test_unsafe_policy_passes_as_rarely_as_promised() -> None:
    """A thousand policies whose cost is exactly at the threshold."""
    normal = draw(1000, 20, seed=3)
    passed = sum(safety_test(row, 0.0, delta=0.1).passed for row in normal.tolist())
    assert passed / 1000 == pytest.approx(0.1, abs=0.03)
    bounded = (draw(300, 50, seed=4) > 0).double()
    for bound in ("hoeffding", "bernstein"):
        share = sum(
            safety_test(row, 0.5, bound=bound, limits=(0, 1)).passed
            for row in bounded.tolist()
        )
        assert share / 300 <= 0.1
    safe = [0.0] * 500
    assert safety_test(safe, 0.05, bound="bernstein", limits=(0, 1)).passed
    hoeffding = safety_test(safe, 0.05, bound="hoeffding", limits=(0, 1))
    bernstein = safety_test(safe, 0.05, bound="bernstein", limits=(0, 1))
    assert bernstein.bound < hoeffding.bound


def test_safety_test_refuses_what_proves_nothing() -> None:
    with pytest.raises(ValueError, match="at least two"):
        safety_test([0.0], 1.0)
    with pytest.raises(ValueError, match="limits"):
        safety_test([0.0, 0.1], 1.0, bound="hoeffding")
    with pytest.raises(ValueError, match="outside"):
        safety_test([0.0, 2.0], 1.0, bound="hoeffding", limits=(0, 1))
