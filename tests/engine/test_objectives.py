"""Losses answer to identities and to numbers worked by hand."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from training.engine.objectives.bradley_terry import (
    bradley_terry_loss,
    bradley_terry_probability,
    centring_penalty,
    soft_bradley_terry_loss,
)
from training.engine.objectives.dpo import dpo_loss, implicit_reward

finite = st.floats(min_value=-20, max_value=20)


def row(*values: float) -> torch.Tensor:
    return torch.tensor(values, dtype=torch.float64)


def test_bradley_terry_is_ln_2_at_equal_scores() -> None:
    loss = bradley_terry_loss(row(3.0, -1.0), row(3.0, -1.0))
    assert torch.allclose(loss, row(math.log(2), math.log(2)))


def test_bradley_terry_by_hand() -> None:
    # log(1 + e^-2) and log(1 + e^1)
    loss = bradley_terry_loss(row(2.0, 0.0), row(0.0, 1.0))
    assert torch.allclose(loss, row(0.126928011, 1.313261688))


def test_margin_by_hand() -> None:
    # the gap of 2 against a margin of 3: log(1 + e^1)
    loss = bradley_terry_loss(row(2.0), row(0.0), row(3.0))
    assert torch.allclose(loss, row(1.313261688))


@given(finite, finite)
def test_swapping_the_pair_changes_the_loss_by_the_gap(a: float, b: float) -> None:
    change = bradley_terry_loss(row(b), row(a)) - bradley_terry_loss(row(a), row(b))
    assert change.item() == pytest.approx(a - b, abs=1e-9)


@given(finite, finite)
def test_probabilities_of_both_orders_add_up_to_one(a: float, b: float) -> None:
    total = bradley_terry_probability(row(a), row(b)) + bradley_terry_probability(
        row(b), row(a)
    )
    assert total.item() == pytest.approx(1.0, abs=1e-12)


@given(finite, finite, finite)
def test_only_differences_of_scores_matter(a: float, b: float, shift: float) -> None:
    moved = bradley_terry_loss(row(a + shift), row(b + shift))
    assert moved.item() == pytest.approx(
        bradley_terry_loss(row(a), row(b)).item(), abs=1e-9
    )


@given(finite, finite, finite)
def test_whole_labels_give_the_plain_loss(a: float, b: float, margin: float) -> None:
    one, plain = (
        soft_bradley_terry_loss(row(a), row(b), row(1.0), row(margin)),
        bradley_terry_loss(row(a), row(b), row(margin)),
    )
    assert torch.allclose(one, plain)


def test_soft_label_by_hand() -> None:
    # gap 1, label 0.8: 0.8 log(1 + e^-1) + 0.2 log(1 + e^1)
    loss = soft_bradley_terry_loss(row(1.0), row(0.0), row(0.8))
    assert torch.allclose(loss, row(0.8 * 0.313261688 + 0.2 * 1.313261688))


@given(st.floats(min_value=0.05, max_value=0.95))
def test_soft_loss_is_least_at_the_label(label: float) -> None:
    gap = row(math.log(label / (1 - label))).requires_grad_()
    soft_bradley_terry_loss(gap, row(0.0), row(label)).sum().backward()
    assert gap.grad is not None
    assert gap.grad.item() == pytest.approx(0.0, abs=1e-9)


def test_tie_pulls_scores_together() -> None:
    gap = row(2.0).requires_grad_()
    soft_bradley_terry_loss(gap, row(0.0), row(0.5)).sum().backward()
    assert gap.grad is not None
    assert gap.grad.item() > 0


def test_centring_penalty_by_hand() -> None:
    penalty = centring_penalty(row(2.0, 1.0), row(1.0, -1.0))
    assert torch.allclose(penalty, row(9.0, 0.0))


def test_gradient_raises_the_chosen_and_lowers_the_rejected_score() -> None:
    chosen, rejected = row(0.3).requires_grad_(), row(0.1).requires_grad_()
    bradley_terry_loss(chosen, rejected).sum().backward()
    assert chosen.grad is not None and rejected.grad is not None
    assert chosen.grad.item() == pytest.approx(-rejected.grad.item())
    assert chosen.grad.item() < 0


def test_shapes_that_differ_are_refused() -> None:
    with pytest.raises(ValueError, match="equal shapes"):
        bradley_terry_loss(row(1.0, 2.0), row(1.0))


def test_dpo_is_ln_2_while_policy_and_reference_agree() -> None:
    logprobs = (row(-3.0), row(-9.0))
    loss = dpo_loss(*logprobs, *logprobs, beta=0.1)
    assert loss.item() == pytest.approx(math.log(2))


def test_dpo_by_hand() -> None:
    # log-ratios 1 and -1, beta 0.5: margin 1, log(1 + e^-1)
    loss = dpo_loss(row(-4.0), row(-6.0), row(-5.0), row(-5.0), beta=0.5)
    assert loss.item() == pytest.approx(0.313261688)


@given(finite, finite, st.floats(min_value=0.01, max_value=5))
def test_dpo_equals_bradley_terry_on_implied_rewards(
    chosen: float, rejected: float, beta: float
) -> None:
    zero = row(0.0)
    direct = dpo_loss(row(chosen), row(rejected), zero, zero, beta=beta)
    implied = bradley_terry_loss(
        implicit_reward(row(chosen), zero, beta),
        implicit_reward(row(rejected), zero, beta),
    )
    assert torch.allclose(direct, implied)
