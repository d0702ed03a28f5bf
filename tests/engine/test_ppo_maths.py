"""Each published detail of PPO on tensors small enough to check by hand or by loop."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from training.engine.ppo import gae as flow
from training.engine.ppo import shaping
from training.engine.ppo.actor_critic import Outputs
from training.engine.ppo.experience import Experience, Sequences
from training.engine.ppo.kl import (
    ESTIMATORS,
    Estimator,
    KLController,
    kl_estimate,
    kl_loss,
)
from training.engine.ppo.learner import (
    RatioLevel,
    Totals,
    UpdateSettings,
    losses,
    minibatches,
)
from training.engine.ppo.losses import (
    REDUCTIONS,
    Reduction,
    clipped_surrogate,
    clipped_value_loss,
    reduce,
)
from training.engine.ppo.masked import masked_mean, masked_variance, whiten

LENGTHS = torch.tensor([3, 1, 5])
TOKENS = flow.positions(LENGTHS, 5)


def drawn(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(
        *shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64
    )


# --- credit: rewards, GAE ---------------------------------------------------------


@pytest.mark.parametrize(("discount", "trace"), [(1.0, 0.95), (0.9, 0.5), (0.99, 1.0)])
def test_gae_is_the_discounted_sum_of_one_step_errors(
    discount: float, trace: float
) -> None:
    rewards, values = drawn(3, 5), drawn(3, 5, seed=1)
    advantages, returns = flow.gae(
        rewards, values, TOKENS, discount=discount, trace=trace
    )
    for row, length in enumerate(LENGTHS.tolist()):
        for t in range(5):
            expected = 0.0
            for k in range(t, length):
                after = float(values[row, k + 1]) if k + 1 < length else 0.0
                error = float(rewards[row, k]) + discount * after
                error -= float(values[row, k])
                expected += (discount * trace) ** (k - t) * error
            assert float(advantages[row, t]) == pytest.approx(expected, abs=1e-12)
    assert torch.allclose(returns, advantages + values * TOKENS)


def test_gae_without_trace_is_the_one_step_error_and_with_all_of_it_the_return() -> (
    None
):
    rewards, values = drawn(1, 4), drawn(1, 4, seed=1)
    everywhere = torch.ones(1, 4, dtype=torch.bool)
    following = torch.cat([values[:, 1:], torch.zeros(1, 1)], 1)
    short, _ = flow.gae(rewards, values, everywhere, discount=1.0, trace=0.0)
    assert torch.allclose(short, rewards + following - values)
    whole, returns = flow.gae(rewards, values, everywhere, discount=1.0, trace=1.0)
    to_come = rewards.flip(1).cumsum(1).flip(1)
    assert torch.allclose(whole, to_come - values)
    assert torch.allclose(returns, to_come)


def test_credit_passes_over_places_that_are_not_the_policys() -> None:
    """Words that somebody else put between two turns leave credit unchanged."""
    rewards, values = drawn(1, 3), drawn(1, 3, seed=1)
    packed, _ = flow.gae(
        rewards, values, torch.ones(1, 3, dtype=torch.bool), discount=0.9, trace=0.8
    )
    mask = torch.tensor([[True, False, False, True, True]])
    spread_rewards, spread_values = drawn(1, 5, seed=2), drawn(1, 5, seed=3)
    spread_rewards[mask], spread_values[mask] = rewards[0], values[0]
    spread, _ = flow.gae(spread_rewards, spread_values, mask, discount=0.9, trace=0.8)
    assert torch.allclose(spread[mask], packed[0])
    assert not spread[~mask].any()


@pytest.mark.parametrize(
    ("place", "where"), [("last", [2, 0, 4]), ("after_end", [3, 1, 4])]
)
def test_score_stands_at_the_end_and_the_penalty_on_every_token(
    place: flow.ScorePlace, where: list[int]
) -> None:
    penalties = drawn(3, 5) * TOKENS
    scores = torch.tensor([1.0, 2.0, 3.0], dtype=torch.float64)
    added = flow.token_rewards(scores, penalties, LENGTHS, place) - penalties
    expected = torch.zeros(3, 5, dtype=torch.float64)
    for row, column in enumerate(where):
        expected[row, column] = scores[row]
    assert torch.allclose(added, expected)
    # The state behind the end counts where there is one, and only if it is used.
    states = flow.state_mask(LENGTHS, 5, place)
    assert states.sum(1).tolist() == ([4, 2, 5] if place == "after_end" else [3, 1, 5])


# --- whitening --------------------------------------------------------------------


def test_whitening_centres_advantages_but_keeps_the_mean_of_rewards() -> None:
    values = drawn(3, 5) * 3 + 2
    kept = values[TOKENS]
    centred = whiten(values, TOKENS)
    assert torch.allclose(centred[TOKENS], (kept - kept.mean()) / kept.std())
    assert not centred[~TOKENS].any()
    scaled = whiten(values, TOKENS, shift_mean=False)[TOKENS]
    assert float(scaled.mean()) == pytest.approx(float(kept.mean()))
    assert float(scaled.std()) == pytest.approx(1.0)
    assert float(masked_mean(values, TOKENS)) == pytest.approx(float(kept.mean()))
    assert float(masked_variance(values, TOKENS)) == pytest.approx(float(kept.var()))


def test_variance_of_one_place_is_refused() -> None:
    with pytest.raises(ValueError, match="at least two positions"):
        masked_variance(torch.ones(1, 2), torch.tensor([[True, False]]))


# --- the tie to the reference -----------------------------------------------------


def test_estimators_agree_with_the_divergence_they_estimate() -> None:
    """Over all tokens k1 and k3 average to KL(p||q) exactly; k2 to second order."""
    p = torch.softmax(drawn(7), -1)
    q = torch.softmax(p.log() + 0.01 * drawn(7, seed=1), -1)
    exact = float((p * (p / q).log()).sum())
    for name in ESTIMATORS:
        mean = float((p * kl_estimate(p.log(), q.log(), name)).sum())
        assert mean == pytest.approx(exact, rel=1e-9 if name != "k2" else 0.05)
    for name in ("k2", "k3"):
        assert (kl_estimate(p.log(), q.log(), name) >= 0).all()


@pytest.mark.parametrize("estimator", ["k2", "k3"])
def test_kl_in_the_loss_has_the_gradient_of_the_divergence(
    estimator: Estimator,
) -> None:
    logits = drawn(6).requires_grad_()
    reference = torch.log_softmax(drawn(6, seed=1), -1)
    logprobs = torch.log_softmax(logits, -1)
    drawn_from = logprobs.exp().detach()
    loss = (drawn_from * kl_loss(logprobs, reference, estimator)).sum()
    (found,) = torch.autograd.grad(loss, logits)
    exact = (
        torch.log_softmax(logits, -1).exp()
        * (torch.log_softmax(logits, -1) - reference)
    ).sum()
    (expected,) = torch.autograd.grad(exact, logits)
    assert torch.allclose(found, expected, atol=1e-12)
    value = (drawn_from * kl_estimate(logprobs, reference, estimator)).sum()
    assert loss.item() == pytest.approx(value.item())


@pytest.mark.parametrize("estimator", ["k2", "k3"])
def test_penalty_in_later_passes_is_that_of_the_policy_as_it_has_become(
    estimator: Estimator,
) -> None:
    """Tokens of an older policy, every one as often as that policy draws it."""
    old, reference = (torch.log_softmax(drawn(6, seed=s), 0) for s in (1, 2))
    logits = drawn(6, seed=3).requires_grad_()
    now = torch.log_softmax(logits, 0)
    count = len(old)

    def column(values: Tensor) -> Tensor:
        return values[:, None]

    experience = Experience(
        sequences=Sequences(
            torch.zeros(count, 2, dtype=torch.long),
            torch.ones(count, 2, dtype=torch.long),
            torch.ones(count, dtype=torch.long),
            torch.ones(count, dtype=torch.long),
            1,
        ),
        old_logprobs=column(old),
        reference_logprobs=column(reference),
        advantages=torch.zeros(count, 1, dtype=torch.float64),
        states=torch.ones(count, 1, dtype=torch.bool),
        # Each arm stands once, so its share of the draws is its weight.
        weights=column(count * old.exp()),
    )
    outputs = Outputs(column(now), torch.zeros(count, 1), None)
    settings = UpdateSettings(kl_coef=1.0, kl_estimator=estimator)
    loss, _ = losses(outputs, experience, settings, Totals.of(experience))
    (found,) = torch.autograd.grad(loss, logits, retain_graph=True)
    exact = (now.exp() * (now - reference)).sum()
    (wanted,) = torch.autograd.grad(exact, logits, retain_graph=True)
    assert torch.allclose(found, wanted, atol=1e-12)
    # TRL differentiates the ratio times k3, with the same result.
    theirs = (old.exp() * (now - old).exp() * kl_estimate(now, reference, "k3")).sum()
    (slope,) = torch.autograd.grad(theirs, logits)
    assert torch.allclose(found, slope, atol=1e-12)


def test_differentiating_k1_would_do_nothing_so_it_is_refused() -> None:
    logits = drawn(6).requires_grad_()
    logprobs = torch.log_softmax(logits, -1)
    k1 = kl_estimate(logprobs, torch.zeros(6, dtype=torch.float64), "k1")
    (gradient,) = torch.autograd.grad((logprobs.exp().detach() * k1).sum(), logits)
    assert gradient.abs().max() < 1e-12
    with pytest.raises(ValueError, match="k2 or k3"):
        kl_loss(logprobs, logprobs.detach(), "k1")


def test_adaptive_coefficient_follows_the_published_rule() -> None:
    steered = KLController(0.2, target=6.0, horizon=1000)
    steered.observe(6.6, 100)  # 10% above
    assert steered.value == pytest.approx(0.2 * (1 + 0.1 * 0.1))
    steered.value = 0.2
    steered.observe(60.0, 100)  # far above: no more than a fifth
    assert steered.value == pytest.approx(0.2 * (1 + 0.2 * 0.1))
    steered.value = 0.2
    steered.observe(0.0, 100)
    assert steered.value == pytest.approx(0.2 * (1 - 0.2 * 0.1))
    short = KLController(0.2, target=6.0, horizon=10)
    for kl in (0.0, 60.0, 0.0):
        short.observe(kl, 100)
    assert short.value == pytest.approx(0.2 * 0.8 * 1.2 * 0.8)
    fixed = KLController(0.2)
    fixed.observe(60.0, 1000)
    assert fixed.value == 0.2


# --- losses -----------------------------------------------------------------------


def test_surrogate_at_ratio_one_is_minus_the_advantage() -> None:
    advantages = drawn(3, 5)
    loss = clipped_surrogate(torch.zeros(3, 5), advantages, low=0.2, high=0.2)
    assert torch.allclose(loss, -advantages)


@pytest.mark.parametrize(
    ("ratio", "advantage", "loss", "moves"),
    [
        (1.1, 1.0, -1.1, True),
        (1.5, 1.0, -1.28, False),  # good and risen enough: clipped at 1 + high
        (0.5, 1.0, -0.5, True),  # good but fallen: pushed back up
        (0.5, -1.0, 0.8, False),  # bad and fallen enough: clipped at 1 - low
        (1.5, -1.0, 1.5, True),  # bad but risen: pushed down
        (9.0, -1.0, 3.0, False),  # bad and risen far: the dual clip ends it
    ],
)
def test_surrogate_by_hand(
    ratio: float, advantage: float, loss: float, moves: bool
) -> None:
    log_ratio = torch.tensor([[math.log(ratio)]], requires_grad=True)
    found = clipped_surrogate(
        log_ratio, torch.tensor([[advantage]]), low=0.2, high=0.28, dual=3.0
    )
    assert float(found.detach()) == pytest.approx(loss)
    (gradient,) = torch.autograd.grad(found.sum(), log_ratio)
    assert bool(gradient.abs().sum() > 1e-6) == moves


def test_value_loss_is_half_the_larger_error() -> None:
    values = torch.tensor([[1.0, 1.0, 1.0]])
    old = torch.tensor([[0.0, 0.9, 2.0]])
    returns = torch.tensor([[2.0, 2.0, 0.0]])
    found = clipped_value_loss(values, old, returns, clip=0.2)
    # Kept values: 0.2, 1.0 and 1.8; errors of them: 1.8^2, 1^2 and 1.8^2.
    assert found.tolist()[0] == pytest.approx([1.62, 0.5, 1.62])
    free = clipped_value_loss(values, old, returns, clip=None)
    assert free.tolist()[0] == pytest.approx([0.5, 0.5, 0.5])


def test_reductions_by_hand() -> None:
    values = torch.arange(15.0).reshape(3, 5)
    sums = [0 + 1 + 2, 5, 10 + 11 + 12 + 13 + 14]
    expected = {
        "token_mean": sum(sums) / 9,
        "sequence_mean": (sums[0] / 3 + sums[1] + sums[2] / 5) / 3,
        "sequence_sum": sum(sums) / 3,
        "constant": sum(sums) / 3 / 5,
    }
    for how in REDUCTIONS:
        total = torch.tensor(9.0 if how == "token_mean" else 3.0)
        found = reduce(values, TOKENS, how, total=total, longest=5)
        assert float(found) == pytest.approx(expected[how])


def batch(seed: int = 0) -> tuple[Outputs, Experience]:
    """Return random outputs and experience of three completions."""
    tokens = Sequences(
        torch.zeros(3, 9, dtype=torch.long),
        torch.ones(3, 9, dtype=torch.long),
        torch.tensor([4, 4, 4]),
        LENGTHS,
        5,
    )
    logprobs = (-drawn(3, 5, seed=seed).abs() * TOKENS).requires_grad_()
    values = drawn(3, 5, seed=seed + 1).requires_grad_()
    old = logprobs.detach() + 0.1 * drawn(3, 5, seed=seed + 2) * TOKENS
    return Outputs(logprobs, drawn(3, 5, seed=seed + 3).abs() * TOKENS, values), (
        Experience(
            sequences=tokens,
            old_logprobs=old,
            reference_logprobs=old + 0.2 * drawn(3, 5, seed=seed + 4) * TOKENS,
            advantages=drawn(3, 5, seed=seed + 5) * TOKENS,
            states=flow.state_mask(LENGTHS, 5, "after_end"),
            weights=torch.ones(3, 5, dtype=torch.float64),
            old_values=values.detach() + 0.3,
            returns=drawn(3, 5, seed=seed + 6),
        )
    )


@pytest.mark.parametrize("reduction", REDUCTIONS)
def test_parts_of_a_step_add_up_to_the_step(reduction: Reduction) -> None:
    """Accumulated gradients equal those of the whole minibatch at once."""
    outputs, whole = batch()
    settings = UpdateSettings(
        reduction=reduction,
        longest=5,
        kl_coef=0.3,
        entropy_coef=0.01,
    )
    assert outputs.values is not None
    learned = (outputs.logprobs, outputs.values)
    totals = Totals.of(whole)
    loss, stats = losses(outputs, whole, settings, totals)
    expected = torch.autograd.grad(loss, learned)
    summed = [torch.zeros_like(x) for x in learned]
    told = 0.0
    for rows in (torch.tensor([1]), torch.tensor([0, 2])):
        part = Outputs(
            outputs.logprobs[rows], outputs.entropy[rows], outputs.values[rows]
        )
        share, numbers = losses(part, whole.select(rows), settings, totals)
        told += float(numbers["loss"])
        for kept, gradient in zip(
            summed, torch.autograd.grad(share, learned), strict=True
        ):
            kept += gradient
    assert told == pytest.approx(float(stats["loss"]))
    for found, gradient in zip(summed, expected, strict=True):
        assert torch.allclose(found, gradient, atol=1e-12)


def test_padding_and_its_contents_change_nothing() -> None:
    outputs, whole = batch()
    loss, _ = losses(outputs, whole, UpdateSettings(), Totals.of(whole))
    states = whole.states
    assert outputs.values is not None and whole.old_values is not None
    noisy = Outputs(
        torch.where(TOKENS, outputs.logprobs, 7.0),
        outputs.entropy,
        torch.where(states, outputs.values, 7.0),
    )
    again, _ = losses(noisy, whole, UpdateSettings(), Totals.of(whole))
    assert float(again) == pytest.approx(float(loss))


def test_sequence_ratios_are_products_and_per_token_means() -> None:
    outputs, whole = batch()
    change = ((outputs.logprobs - whole.old_logprobs) * TOKENS).sum(1)
    even = torch.ones_like(whole.advantages) * TOKENS
    levels: tuple[tuple[RatioLevel, Tensor], ...] = (
        ("sequence", change),
        ("sequence_mean", change / LENGTHS),
    )
    for ratio, exponent in levels:
        settings = UpdateSettings(
            ratio=ratio,
            clip_low=1.0,
            clip_high=100.0,
            value_coef=0.0,
            reduction="sequence_mean",
        )
        part = Experience(**{**vars(whole), "advantages": even})
        loss, _ = losses(outputs, part, settings, Totals.of(part))
        assert float(loss.detach()) == pytest.approx(-float(exponent.exp().mean()))


def test_every_pass_has_an_order_of_its_own_that_the_seed_decides() -> None:
    first = torch.cat(list(minibatches(32, 8, (0, 0, 0))))
    assert sorted(first.tolist()) == list(range(32))
    assert first.tolist() == torch.cat(list(minibatches(32, 8, (0, 0, 0)))).tolist()
    for other in ((0, 0, 1), (0, 1, 0), (1, 0, 0)):
        assert first.tolist() != torch.cat(list(minibatches(32, 8, other))).tolist()


# --- scores -----------------------------------------------------------------------


def test_completion_that_never_ended_is_worth_less() -> None:
    scores, ended = torch.tensor([2.0, -3.0]), torch.tensor([True, False])
    assert shaping.penalise_missing_end(scores, ended, 1.0, "subtract").tolist() == [
        2.0,
        -4.0,
    ]
    assert shaping.penalise_missing_end(scores, ended, 1.0, "replace").tolist() == [
        2.0,
        -1.0,
    ]
    assert shaping.penalise_missing_end(scores, ended, None, "replace").equal(scores)


def test_length_costs_only_beyond_what_is_free() -> None:
    found = shaping.length_penalty(torch.tensor([10, 20, 25]), free=20, per_token=0.1)
    assert found.tolist() == pytest.approx([0.0, 0.0, 0.5])


def test_scores_are_moved_to_the_reference() -> None:
    seen = [1.0, 2.0, 6.0]
    cases: tuple[tuple[shaping.ScaleKind, list[float]], ...] = (
        ("none", [1.0, 2.0, 6.0]),
        ("reference", [-2.0, -1.0, 3.0]),
        ("reference_scaled", [-2 / 7**0.5, -1 / 7**0.5, 3 / 7**0.5]),
    )
    for kind, expected in cases:
        scale = shaping.ScoreScale(kind)
        scale.measure(seen)
        assert scale(torch.tensor(seen)).tolist() == pytest.approx(expected)
    assert shaping.clip_scores(torch.tensor([-9.0, 1.0]), 2.0).tolist() == [-2.0, 1.0]
