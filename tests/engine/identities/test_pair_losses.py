"""Pair losses: limits, minimisers and gradients worked out by hand."""

from __future__ import annotations

import math

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from tests.engine.identities.support import (
    arms,
    at_reference,
    draw,
    gradient,
    losses,
    params,
    settings,
)
from training.engine.objectives.algebra import objective
from training.engine.objectives.batch import Batch
from training.engine.objectives.pairs import strength_beta, updated_label
from training.engine.registry.algebra import Objective

GAPS = torch.linspace(-6, 6, 25, dtype=torch.float64)


def at_gaps(gaps: Tensor, **columns: Tensor) -> Batch:
    """Return pairs whose log-ratios differ by the given gaps."""
    count = len(gaps)
    policy = torch.cat([gaps / 2, -gaps / 2])
    members = [[i, count + i] for i in range(count)]
    frozen = {"reference": torch.zeros(2 * count, dtype=torch.float64)}
    return arms(policy, members, frozen=frozen, columns=columns)


def random_pairs(lengths: list[int] | None = None) -> tuple[Tensor, Tensor, list[int]]:
    return draw(8, seed=1) - 5, draw(8, seed=2) - 5, lengths or [3, 5, 2, 7, 4, 4, 6, 1]


PAIRS = [[0, 1], [2, 3], [4, 5], [6, 7]]


def test_rdpo_is_unbiased_under_flips() -> None:
    for e in (0.1, 0.4):
        right = losses("rdpo", at_gaps(GAPS), label_smoothing=e)
        wrong = losses("rdpo", at_gaps(-GAPS), label_smoothing=e)
        clean = losses("dpo", at_gaps(GAPS))
        assert ((1 - e) * right + e * wrong - clean).abs().max() < 1e-14
    none = losses("rdpo", at_gaps(GAPS), label_smoothing=0)
    assert torch.equal(none, losses("dpo", at_gaps(GAPS)))


@pytest.mark.parametrize("p", [0.5, 0.6, 0.75, 0.95])
def test_soft_label_minimiser_is_its_logit(p: float) -> None:
    best = math.log(p / (1 - p))
    grid = best + torch.linspace(-1, 1, 201, dtype=torch.float64)
    label = torch.full_like(grid, p)
    soft = losses("soft-dpo", at_gaps(grid, soft_label=label), beta=1.0)
    smoothed = (
        losses("cdpo", at_gaps(grid), beta=1.0, label_smoothing=1 - p)
        if (p > 0.501)
        else soft
    )
    assert soft.argmin() == 100
    assert torch.allclose(soft, smoothed, atol=1e-12)
    gap = torch.tensor([best], dtype=torch.float64).requires_grad_(True)
    found = losses("soft-dpo", at_gaps(gap, soft_label=label[:1]), beta=1.0)
    assert gradient(found.sum(), gap).abs() < 1e-12


def test_soft_labels_of_one_are_dpo() -> None:
    batch = at_gaps(GAPS, soft_label=torch.ones_like(GAPS))
    assert torch.equal(losses("soft-dpo", batch), losses("dpo", batch))


def test_exo_vanishes_at_its_label() -> None:
    e = 0.05
    gap = torch.tensor([math.log((1 - e) / e)], dtype=torch.float64)
    found = losses("exo", at_gaps(gap), beta=1.0, label_smoothing=e)
    assert found.abs().max() < 1e-7
    assert losses("exo", at_gaps(gap + 1), beta=1.0, label_smoothing=e).min() > 1e-3


def test_ipo_sum_and_mean_forms_agree_at_equal_lengths() -> None:
    policy, reference, _ = random_pairs()
    batch = arms(policy, PAIRS, frozen={"reference": reference}, lengths=[4] * 8)
    mean = losses("ipo-mean", batch, beta=0.4)
    assert torch.allclose(mean, losses("ipo", batch, beta=0.4 / 4) / 16, atol=1e-12)
    _, _, lengths = random_pairs()
    uneven = arms(policy, PAIRS, frozen={"reference": reference}, lengths=lengths)
    assert not torch.allclose(
        losses("ipo-mean", uneven, beta=0.4), losses("ipo", uneven, beta=0.1) / 16
    )


def test_ln_dpo_is_dpo_over_the_length() -> None:
    policy, reference, lengths = random_pairs()
    even = arms(policy, PAIRS, frozen={"reference": reference}, lengths=[4] * 8)
    found = losses("ln-dpo", even, beta=2.0)
    assert torch.allclose(found, losses("dpo", even, beta=0.5), atol=1e-12)
    # Tokens that keep the ratio per token keep the loss, at any length.
    uneven = arms(policy, PAIRS, frozen={"reference": reference}, lengths=lengths)
    factor = torch.tensor(lengths)
    longer = arms(
        policy * 2, PAIRS, frozen={"reference": reference * 2}, lengths=[*2 * factor]
    )
    assert torch.allclose(losses("ln-dpo", uneven), losses("ln-dpo", longer))


def test_strength_beta_grows_within_its_bounds() -> None:
    margins = torch.tensor([0.0, 1.0, 2.0, 50.0, -3.0], dtype=torch.float64)
    found = strength_beta(margins, 0.1, 0.5, 0.5)
    assert found[1].item() == pytest.approx(0.1197, abs=5e-5)
    assert found[0] == found[4] == 0.1
    assert found[3].item() == pytest.approx(0.15)
    gap = torch.zeros(5, dtype=torch.float64, requires_grad=True)
    total = losses("mm-dpo", at_gaps(gap, margin=margins)).sum()
    assert torch.allclose(gradient(total, gap), -found / 2, atol=1e-12)
    plain = losses("mm-dpo", at_gaps(GAPS[:5], margin=margins), strength_weight=0)
    assert torch.allclose(plain, losses("dpo", at_gaps(GAPS[:5])), atol=1e-14)


def test_constrained_margin_is_stationary_on_two_arms() -> None:
    beta, gamma, share = 0.5, 0.01, 0.3
    pi = torch.tensor([share, 1 - share], dtype=torch.float64)
    batch = arms(pi.log(), [[0, 1]], frozen={"reference": pi.log()})
    z = objective(
        Objective(margin="reference_probability"), batch, {"beta": beta, "gamma": gamma}
    ).z
    assert z is not None
    # Policy and reference agree, so the gap of rewards is minus the margin.
    gap = float(z)
    p = torch.tensor(share, dtype=torch.float64, requires_grad=True)
    divergence = p * (p / share).log() + (1 - p) * ((1 - p) / (1 - share)).log()
    value = p * gap - beta * divergence + gamma * (p.log() - (1 - p).log())
    assert gradient(value, p).abs() < 1e-12
    same = losses("constrained-po", batch, beta=beta, gamma=0)
    assert torch.equal(same, losses("dpo", batch, beta=beta))


def test_flex_sides_scale_their_gradients() -> None:
    policy, reference, _ = random_pairs()
    leaf = at_reference(policy)
    batch = arms(leaf, PAIRS, frozen={"reference": reference})
    loss = losses("flex-dpo", batch, beta_chosen=0.3, beta_rejected=0.1).sum()
    found = gradient(loss, leaf)
    assert torch.allclose(found[0::2], -3 * found[1::2], atol=1e-12)
    equal = losses("flex-dpo", batch, beta_chosen=0.1, beta_rejected=0.1)
    assert torch.allclose(equal, losses("dpo", batch), atol=1e-12)


def test_weighted_reference_between_dpo_and_none() -> None:
    policy, reference, _ = random_pairs()
    batch = arms(policy, PAIRS, frozen={"reference": reference})
    full = losses("dpo-g", batch, reference_weight=1.0)
    assert torch.equal(full, losses("dpo", batch))
    none = losses("dpo-g", batch, reference_weight=0.0)
    gap = policy[0::2] - policy[1::2]
    assert torch.allclose(none, -F.logsigmoid(0.1 * gap), atol=1e-12)
    # The threshold of ranking: where the policy is indifferent.
    even = arms(torch.zeros(8).double(), PAIRS, frozen={"reference": reference})
    difficulty = reference[1::2] - reference[0::2]
    wanted = -F.logsigmoid(0.1 * difficulty)
    assert torch.allclose(losses("dpo-g", even, reference_weight=1.0), wanted)


def test_dynamic_labels_drift_to_the_policys_belief() -> None:
    z = torch.tensor([2.0, -1.0, 0.3], dtype=torch.float64)
    state = torch.ones(3, dtype=torch.float64)
    distances = []
    for _ in range(80):
        state = updated_label(state, z, 0.1)
        distances.append((state - torch.sigmoid(z)).abs().max().item())
    assert distances == sorted(distances, reverse=True)
    assert distances[-1] < 1e-3
    policy = draw(6, seed=3).requires_grad_(True)
    pairs = [[0, 1], [2, 3], [4, 5]]
    batch = arms(policy, pairs, lengths=[2] * 6, columns={"label_state": state})
    found = objective(settings("power-dl"), batch, params("power-dl"))
    assert found.z is not None
    believed = {"label_state": torch.sigmoid(found.z)}
    settled = arms(policy, pairs, lengths=[2] * 6, columns=believed)
    total = losses("power-dl", settled).sum()
    assert gradient(total, policy).abs().max() < 1e-12
    certain = arms(policy, pairs, lengths=[2] * 6, columns={"label_state": state**0})
    assert torch.allclose(losses("power-dl", certain), losses("power", certain))


def test_self_labels_are_the_implied_rewards() -> None:
    reward = draw(8, seed=4)
    reference = draw(8, seed=5)
    frozen = {"reference": reference, "previous": reference + reward / 0.1}
    batch = arms(draw(8, seed=6), PAIRS, frozen=frozen)
    perfect = torch.sigmoid(reward[0::2] - reward[1::2])
    found = losses("spa", batch, doubtful_share=0.0)
    gap = batch.policy.sum(-1) - reference
    z = 0.1 * (gap[0::2] - gap[1::2])
    wanted = -(perfect * F.logsigmoid(z) + (1 - perfect) * F.logsigmoid(-z))
    assert torch.allclose(found, wanted, atol=1e-12)
    # Smoothing reaches the least confident pair alone.
    smoothed = losses("spa", batch, doubtful_share=0.25, label_smoothing=0.3)
    changed = (smoothed - found).abs() > 1e-9
    assert changed.sum() == 1
    assert changed[(perfect - 0.5).abs().argmin()]


def test_copg_is_ipo_at_quarters() -> None:
    policy, reference, _ = random_pairs()
    quarters = torch.tensor([[0.25, -0.25]] * 4, dtype=torch.float64)
    batch = arms(
        policy, PAIRS, frozen={"reference": reference}, columns={"values": quarters}
    )
    found = losses("copg", batch, beta=0.3)
    assert torch.allclose(found, losses("ipo", batch, beta=0.3) * 0.15, atol=1e-12)


def test_sppo_with_hard_labels_is_half_of_trls() -> None:
    policy, reference, _ = random_pairs()
    hard = torch.tensor([[1.0, 0.0]] * 4, dtype=torch.float64)
    batch = arms(
        policy, PAIRS, frozen={"reference": reference}, columns={"values": hard}
    )
    found = losses("sppo", batch, beta=0.2)
    assert torch.allclose(found, losses("sppo-hard", batch, beta=0.2) / 2, atol=1e-12)


def test_gpo_on_centred_win_rates_is_sppo() -> None:
    policy, reference, _ = random_pairs()
    rates = torch.sigmoid(draw(4, 2, seed=7))
    frozen = {"reference": reference}
    one = arms(policy, PAIRS, frozen=frozen, columns={"values": rates})
    two = arms(policy, PAIRS, frozen=frozen, columns={"values": rates - 0.5})
    assert torch.allclose(losses("sppo", one), losses("gpo", two), atol=1e-6)


def test_mnpo_of_one_iterate_is_inpo_per_token() -> None:
    policy, reference, _ = random_pairs()
    previous = draw(8, seed=8) - 5
    frozen = {"reference": reference, "previous": previous}
    four = arms(policy, PAIRS, frozen=frozen, lengths=[4] * 8)
    per_token = {name: value / 4 for name, value in frozen.items()}
    one = arms(policy / 4, PAIRS, frozen=per_token)
    found = losses("mnpo", four, eta=0.1)
    assert torch.allclose(found, losses("inpo", one, eta=0.1), atol=1e-12)
    # Without earlier iterates it is IPO with means.
    alone = losses("mnpo", four, eta=0.1, reference_ratio=1.0)
    assert torch.allclose(alone, losses("ipo-mean", four, beta=0.1), atol=1e-12)


def test_cpl_without_bias_is_trls_reference_free_loss() -> None:
    policy, _, lengths = random_pairs()
    batch = arms(policy, PAIRS, lengths=lengths)
    gap = policy[0::2] - policy[1::2]
    found = losses("cpl", batch, beta=0.3, rejected_bias=1.0)
    assert torch.allclose(found, -F.logsigmoid(0.3 * gap), atol=1e-12)
    # A bias breaks the invariance to a shift of both sides.
    shifted = arms(policy - 1, PAIRS, lengths=lengths)
    assert torch.allclose(losses("cpl", shifted, beta=0.3, rejected_bias=1.0), found)
    biased = losses("cpl", batch, beta=0.3, rejected_bias=0.5)
    assert not torch.allclose(
        losses("cpl", shifted, beta=0.3, rejected_bias=0.5), biased
    )
    first = arms(policy, PAIRS, lengths=[1] * 8)
    only = losses("cpl", first, beta=0.3, rejected_bias=1.0, discount=0.0)
    assert torch.allclose(only, found, atol=1e-12)
