"""Small worlds with known answers, to the precision with which they are known."""

from __future__ import annotations

import math
import random
from collections.abc import Iterator

import pytest
import torch
from torch import Tensor

from tests.engine.identities.support import arms, draw, every_pair, losses, minimise
from training.engine.online import select
from training.engine.online.safety import safety_test
from training.engine.ppo.kl import kl_estimate
from training.engine.ppo.losses import clipped_surrogate

CYCLE = torch.tensor(
    [[0.5, 0.9, 0.2], [0.1, 0.5, 0.8], [0.8, 0.2, 0.5]], dtype=torch.float64
)


@pytest.mark.parametrize("reward", [-1.3, 0.0, 0.4, 1.9])
def test_rejection_accepts_by_the_exponential_of_what_is_missing(
    reward: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A draw just below exp((R - max R) / beta) accepts, one just above does not."""
    beta, top = 0.7, 2.0
    law = math.exp((reward - top) / beta)

    def order(number: float) -> list[int]:
        told: Iterator[float] = iter([number, 0.5, 0.5])

        class Told:
            def __init__(self, seed: int) -> None:
                self.random = lambda: next(told)

        monkeypatch.setattr(random, "Random", Told)
        return select.accepted([reward, top], beta, 2, seed=0)

    # What is refused is left alone, and the best of what is left is always accepted.
    assert order(law * (1 - 1e-12)) == [0, 1]
    assert order(law * (1 + 1e-12)) == [1, 0]


def test_self_rewarding_ppo_sharpens_what_demonstrations_changed() -> None:
    """Reward log(sft / base), tie beta to sft: sft (sft / base)^(1 / beta)."""
    beta, arms_ = 1.5, 5
    sft = torch.log_softmax(draw(arms_, seed=1), 0)
    base = torch.log_softmax(draw(arms_, seed=2), 0)
    logits = sft.clone().requires_grad_(True)
    optimizer = torch.optim.Adam([logits], lr=0.03)
    for _ in range(1500):
        now = torch.log_softmax(logits, 0)
        old = now.detach()
        rewards = sft - base - beta * kl_estimate(old, sft, "k1")
        # Every arm as often as the policy draws it: an expectation, not a sample.
        centre = (old.exp() * rewards).sum()
        surrogate = clipped_surrogate(now - old, rewards - centre, low=0.2, high=0.2)
        optimizer.zero_grad()
        (old.exp() * surrogate).sum().backward()
        optimizer.step()
    wanted = torch.softmax(sft + (sft - base) / beta, 0)
    found = torch.softmax(logits.detach(), 0)
    assert (found - wanted).abs().max() < 1e-4


def test_iterates_of_inpo_reach_the_regularised_equilibrium() -> None:
    """pi = ref exp(P pi / (eta ratio)) / Z of a cycle, by 25 exact rounds."""
    eta, ratio = 2.0, 0.7
    reference = torch.log_softmax(draw(3, seed=8), 0)
    pairs = every_pair(3)
    one, two = torch.tensor(pairs).T
    policy = torch.log_softmax(draw(3, seed=9), 0)
    for _ in range(25):
        previous = policy
        sampled = (previous[one] + previous[two]).exp() * CYCLE[one, two]

        def loss(
            found: Tensor, previous: Tensor = previous, sampled: Tensor = sampled
        ) -> Tensor:
            frozen = {"reference": reference, "previous": previous}
            batch = arms(found, pairs, frozen=frozen)
            each = losses("inpo", batch, eta=eta, reference_ratio=ratio)
            return (sampled * each).sum()

        policy = minimise(loss, 3)
    answer = reference + CYCLE @ policy.exp() / (eta * ratio)
    assert (answer.softmax(0) - policy.exp()).abs().max() < 1e-12


@pytest.mark.parametrize(
    ("shape", "published"), [("normal", 0.097), ("right", 0.116), ("left", 0.083)]
)
def test_students_bound_errs_as_published_where_costs_are_skewed(
    shape: str, published: float
) -> None:
    """How often 200 costs whose mean is at the threshold pass at delta = 0.1."""
    generator = torch.Generator().manual_seed(0)
    size = (4000, 200)
    costs = torch.randn(*size, generator=generator, dtype=torch.float64)
    if shape != "normal":
        uniform = torch.rand(*size, generator=generator, dtype=torch.float64)
        costs = -torch.log1p(-uniform) - 1
    if shape == "left":
        costs = -costs
    passed = sum(safety_test(row, 0.0, delta=0.1).passed for row in costs.tolist())
    assert passed / 4000 == pytest.approx(published, abs=0.011)
