"""Losses of reward models: each by its identity, its closed form or a search."""

from __future__ import annotations

import math
from itertools import permutations

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from tests.engine.identities.support import draw, gradient
from training.engine.objectives.bradley_terry import bradley_terry_loss
from training.engine.rewards import (
    list_losses,
    mixtures,
    pair_losses,
    value_losses,
)

GAP = 3 * draw(9, seed=1)
ONES, HALF = torch.ones(9).double(), torch.full((9,), 0.5).double()
CLEAN = bradley_terry_loss(GAP, torch.zeros_like(GAP))


@pytest.mark.parametrize("flips", [0.1, 0.25, 0.4])
def test_robust_loss_is_clean_on_average(flips: float) -> None:
    as_said = pair_losses.robust_loss(GAP, ONES, flips)
    turned = pair_losses.robust_loss(GAP, 1 - ONES, flips)
    # A clean pair is seen as it is with chance 1 - e, and turned with chance e.
    assert torch.allclose((1 - flips) * as_said + flips * turned, CLEAN, atol=1e-12)
    assert torch.allclose(pair_losses.robust_loss(GAP, ONES, 0.0), CLEAN)
    assert not torch.allclose(as_said, pair_losses.smoothed_loss(GAP, ONES, flips))
    with pytest.raises(ValueError, match=r"0\.5"):
        pair_losses.robust_loss(GAP, ONES, 0.5)


@pytest.mark.parametrize(("label", "smoothing"), [(1.0, 0.2), (0.7, 0.0), (0.5, 0.1)])
def test_smoothed_loss_is_least_at_its_label(label: float, smoothing: float) -> None:
    share = (1 - smoothing) * label + smoothing * (1 - label)
    gap = torch.tensor(math.log(share / (1 - share)), dtype=torch.float64)
    gap.requires_grad_()
    target = torch.tensor(label, dtype=torch.float64)
    loss = pair_losses.smoothed_loss(gap, target, smoothing)
    assert gradient(loss, gap).abs() < 1e-12
    assert torch.allclose(pair_losses.smoothed_loss(GAP, ONES, 0.0), CLEAN)


@pytest.mark.parametrize(
    "law", [pair_losses.rao_kupper_log_probs, pair_losses.davidson_log_probs]
)
def test_tie_laws_are_probabilities(law: object) -> None:
    assert callable(law)
    width = torch.tensor(0.7, dtype=torch.float64)
    found = law(GAP, width)
    assert torch.allclose(found.exp().sum(-1), ONES, atol=1e-12)
    swapped = law(-GAP, width)
    assert torch.allclose(found, swapped[:, [1, 0, 2]], atol=1e-12)
    # Ties are likeliest between equals.
    assert law(torch.zeros(1).double(), width)[0, 2] > found[:, 2].max()
    narrow = law(GAP, torch.tensor(1e-9, dtype=torch.float64))
    assert torch.allclose(narrow[:, 0], -CLEAN, atol=1e-6)
    if law is pair_losses.davidson_log_probs:
        assert torch.allclose(found[:, 0] - found[:, 1], GAP)
    loss = pair_losses.tie_loss(found, HALF)
    assert torch.equal(loss, -found[:, 2])
    assert torch.allclose(pair_losses.tie_loss(found, ONES), -found[:, 0])


def test_anchors_put_zero_between_right_and_wrong() -> None:
    chosen, rejected = draw(9, seed=2), draw(9, seed=3)
    plain = pair_losses.sign_anchored_loss(chosen, rejected, ONES, 0.0)
    assert torch.allclose(plain, bradley_terry_loss(chosen, rejected))
    # All scores above zero: only anchors can pull the wrong ones below it.
    scores = torch.tensor([5.0, 4.0], dtype=torch.float64)
    for _ in range(200):
        leaf = scores.clone().requires_grad_()
        loss = pair_losses.sign_anchored_loss(leaf[:1], leaf[1:], ONES[:1], 1.0)
        scores = scores - gradient(loss.sum(), leaf)
    assert scores[0] > 0 > scores[1]
    turned = pair_losses.sign_anchored_loss(chosen, rejected, 0 * ONES, 1.0)
    assert torch.allclose(
        turned, pair_losses.sign_anchored_loss(rejected, chosen, ONES, 1.0)
    )


def test_cost_signs_part_safe_from_unsafe() -> None:
    costs = torch.tensor([3.0, 2.0], dtype=torch.float64)
    for _ in range(200):
        leaf = costs.clone().requires_grad_()
        loss = pair_losses.cost_loss(leaf[:1], leaf[1:], ONES[:1], -ONES[:1])
        costs = costs - gradient(loss.sum(), leaf)
    assert costs[0] > 0 > costs[1]
    zero = torch.zeros(1).double()
    found = pair_losses.cost_loss(zero, zero, ONES[:1], -ONES[:1])
    assert float(found) == pytest.approx(3 * math.log(2))


def plain_list(scores: Tensor, order: list[int]) -> Tensor:
    """Return the negative log-likelihood of one whole order, item by item."""
    total = torch.zeros((), dtype=scores.dtype)
    for place, item in enumerate(order):
        total = total - scores[item] + torch.logsumexp(scores[order[place:]], 0)
    return total


def test_plackett_luce_of_two_is_bradley_terry() -> None:
    scores = draw(4, 2, seed=4)
    values = torch.tensor([[1.0, 0.0], [0.0, 1.0], [3.0, 2.0], [5.0, 9.0]]).double()
    there = torch.ones(4, 2, dtype=torch.bool)
    found = list_losses.plackett_luce_loss(scores, values, there)
    gap = (scores[:, 0] - scores[:, 1]) * torch.tensor([1, -1, 1, -1])
    assert torch.allclose(found, -F.logsigmoid(gap))
    five, order = draw(1, 5, seed=5), [3, 0, 4, 1, 2]
    ranks = torch.empty(1, 5).double()
    ranks[0, order] = torch.arange(5.0, 0.0, -1.0).double()
    whole = torch.ones(1, 5, dtype=torch.bool)
    found = list_losses.plackett_luce_loss(five, ranks, whole)
    assert torch.allclose(found[0], plain_list(five[0], order))
    moved = list_losses.plackett_luce_loss(five + 7, ranks, whole)
    assert torch.allclose(found, moved)


def test_ties_in_lists() -> None:
    whole = torch.ones(1, 4, dtype=torch.bool)
    values = torch.tensor([[2.0, 2.0, 1.0, 0.0]]).double()
    even = torch.tensor([[0.3, 0.3, -0.2, 1.0]]).double()
    found = list_losses.plackett_luce_loss(even, values, whole)
    # At equal scores of tied items Efron's stages are any one order's.
    assert torch.allclose(found[0], plain_list(even[0], [0, 1, 2, 3]))
    orders = [plain_list(even[0], [*o, 2, 3]) for o in permutations([0, 1])]
    exact = -torch.logsumexp(-torch.stack(orders), 0)
    assert torch.allclose(found[0] - math.log(2), exact)
    # Nobody ranked the last two: only the first stages were seen.
    partial = torch.tensor([[2.0, 1.0, math.nan, math.nan]]).double()
    scores = draw(1, 4, seed=6)
    found = list_losses.plackett_luce_loss(scores, partial, whole)
    first = torch.logsumexp(scores[0], 0) - scores[0, 0]
    second = torch.logsumexp(scores[0, 1:], 0) - scores[0, 1]
    assert torch.allclose(found[0], first + second)
    # Padding is no item, whatever stands there.
    wide = torch.cat([scores, torch.full((1, 1), 1e9).double()], 1)
    more = torch.cat([partial, torch.full((1, 1), math.nan).double()], 1)
    present = torch.tensor([[True] * 4 + [False]])
    assert torch.allclose(list_losses.plackett_luce_loss(wide, more, present), found)


def test_lambda_loss_weighs_pairs() -> None:
    scores = torch.tensor([[0.4, -0.1]]).double()
    there = torch.ones(1, 2, dtype=torch.bool)
    values = torch.tensor([[1.0, 0.0]]).double()
    found = list_losses.lambda_loss(scores, values, there)
    weight = abs(1 / math.log(2) - 1 / math.log(3))
    assert float(found) == pytest.approx(weight * math.log1p(math.exp(-0.5)))
    unranked = torch.tensor([[1.0, math.nan]]).double()
    assert float(list_losses.lambda_loss(scores, unranked, there)) == 0


def test_regression_recovers_attributes() -> None:
    features, truth = draw(400, 6, seed=7), draw(3, 6, seed=8)
    values = features @ truth.T
    values[::3, 1] = math.nan  # a third of one attribute was never rated
    found, alphas = value_losses.best_ridge(
        (features[:300], values[:300]), (features[300:], values[300:])
    )
    assert torch.allclose(found, truth, atol=1e-5)
    assert alphas == [1e-4] * 3
    whole = value_losses.ridge(features, features @ truth.T, 0.0)
    assert torch.allclose(whole, truth, atol=1e-10)


def test_squared_error_fixes_the_level() -> None:
    found, values = draw(5, 3, seed=9), draw(5, 3, seed=10)
    values[0, 1:] = math.nan
    loss = value_losses.masked_squared_error(found, values)
    assert float(loss[0]) == pytest.approx(float((found[0, 0] - values[0, 0]) ** 2))
    moved = value_losses.masked_squared_error(found + 1, values)
    assert not torch.allclose(loss, moved)
    # Pairs of one prompt do not see such a move.
    assert torch.allclose(CLEAN, bradley_terry_loss(GAP + 1, torch.ones(9).double()))
    leaf = found.clone().requires_grad_()
    slope = gradient(value_losses.masked_squared_error(leaf, values).sum(), leaf)
    assert not slope[0, 1:].any() and slope.isfinite().all()


def test_prior_shift_recovers_the_base_rate() -> None:
    generator = torch.Generator().manual_seed(0)
    base, trained = 0.02, 0.1
    # Fitted to upsampled rows, a constant score is the log-odds of their rate.
    labels = torch.rand(200_000, generator=generator).double() < trained
    rate = float(labels.double().mean())
    score = torch.tensor([math.log(rate / (1 - rate))]).double().requires_grad_()
    loss = value_losses.unary_loss(score.expand(len(labels)), labels.double()).mean()
    assert gradient(loss, score).abs() < 1e-8
    shifted = torch.sigmoid(score + value_losses.prior_shift(base, trained))
    assert shifted.item() == pytest.approx(base, abs=1e-3)
    assert value_losses.prior_shift(0.3, 0.3) == 0
    with pytest.raises(ValueError, match="strictly"):
        value_losses.prior_shift(0.0, 0.1)


def test_token_loss_ignores_what_nobody_judged() -> None:
    logits = draw(2, 5, 2, seed=11)
    labels = torch.tensor([[0, -100, 1, -100, -100], [-100] * 5])
    found = value_losses.token_loss(logits, labels)
    wanted = F.cross_entropy(logits[0, [0, 2]], labels[0, [0, 2]])
    assert torch.allclose(found[0], wanted) and found[1] == 0


def test_mixture_of_one_is_bradley_terry() -> None:
    one = mixtures.mixture_loss(GAP[:, None], torch.zeros(9, 1).double(), 0.5)
    assert torch.allclose(one, CLEAN)
    gaps = draw(9, 3, seed=12)
    even = torch.full((9, 3), -math.log(3)).double()
    found = mixtures.mixture_loss(gaps, even, 0.0)
    assert torch.allclose(found, -torch.sigmoid(gaps).mean(-1).log())
    # The second term is least for an even router.
    assert torch.allclose(
        mixtures.mixture_loss(gaps, even, 0.5) - found,
        torch.full((9,), -0.5 * math.log(3)).double(),
    )


def test_router_target_is_the_closed_form() -> None:
    log_weights = torch.log_softmax(draw(1, 4, seed=13), -1)
    losses, tau = draw(1, 4, seed=14).abs(), 0.3
    found = mixtures.routed_target(log_weights, losses, tau)

    def cost(weights: Tensor) -> Tensor:
        divergence = (weights * (weights.log() - log_weights)).sum(-1)
        return (weights * losses).sum(-1) + tau * divergence

    logits = torch.zeros(1, 4, dtype=torch.float64)
    for _ in range(3000):
        leaf = logits.clone().requires_grad_()
        logits = logits - 2 * gradient(cost(torch.softmax(leaf, -1)).sum(), leaf)
    assert torch.allclose(torch.softmax(logits, -1), found, atol=2e-8)


def test_least_norm_combination_serves_every_domain() -> None:
    slopes = draw(5, 12, seed=15)
    weights = mixtures.least_norm_weights(slopes, 20_000)
    assert float(weights.sum()) == pytest.approx(1) and (weights >= 0).all()
    combined = weights @ slopes
    norm = float(combined @ combined)
    assert float((slopes @ combined).min()) >= norm - 1e-3 * norm
    alone = mixtures.least_norm_weights(slopes[:1])
    assert alone.tolist() == [1.0]
    against = torch.stack([slopes[0], -slopes[0]])
    assert mixtures.least_norm_weights(against).tolist() == pytest.approx([0.5, 0.5])


def test_latent_of_nobody_is_the_prior() -> None:
    zero = torch.zeros(2, 4).double()
    assert mixtures.gaussian_kl(zero, zero).tolist() == [0.0, 0.0]
    mean, log_variance = draw(2, 4, seed=16), draw(2, 4, seed=17)
    one = torch.distributions.Normal(mean, torch.exp(0.5 * log_variance))
    other = torch.distributions.Normal(zero, torch.ones_like(zero))
    wanted = torch.distributions.kl_divergence(one, other).sum(-1)
    assert torch.allclose(mixtures.gaussian_kl(mean, log_variance), wanted)
