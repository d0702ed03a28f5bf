"""Whole populations of comparisons over arms: the losses' optima in closed form."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from tests.engine.identities.support import (
    arms,
    draw,
    every_pair,
    gradient,
    losses,
    minimise,
    tilted,
)

K, BETA = 5, 0.5
REWARD, OTHER = draw(K, seed=1), draw(K, seed=2)
REFERENCE = torch.log_softmax(draw(K, seed=3), 0)
PAIRS = every_pair(K)
FIRST, SECOND = torch.tensor(PAIRS).T


def preferred(reward: Tensor) -> Tensor:
    """Return the probability that each ordered pair's first arm is preferred."""
    return torch.sigmoid(reward[FIRST] - reward[SECOND])


def population(
    name: str,
    weights: Tensor,
    columns: dict[str, Tensor] | None = None,
    **given: object,
) -> Tensor:
    """Return the policy that minimises a loss over all ordered pairs, weighted."""
    frozen = {"reference": REFERENCE}

    def loss(policy: Tensor) -> Tensor:
        batch = arms(policy, PAIRS, frozen=frozen, columns=columns)
        return (weights * losses(name, batch, **given)).sum()

    return minimise(loss, K)


def test_dpo_population_optimum() -> None:
    found = population("dpo", preferred(REWARD), beta=BETA)
    wanted = tilted(REFERENCE, REWARD, BETA)
    assert (found.exp() - wanted.exp()).abs().max() < 1e-10


def test_modpo_population_optimum() -> None:
    weight = 0.4
    gaps = (OTHER[FIRST] - OTHER[SECOND])[:, None]
    found = population(
        "modpo",
        preferred(REWARD),
        beta=BETA,
        other_weights=f"{weight}",
        columns={"margins": gaps},
    )
    wanted = tilted(REFERENCE, (1 - weight) * REWARD + weight * OTHER, BETA)
    assert (found.exp() - wanted.exp()).abs().max() < 1e-9
    # A weight of 1 for the labelled objective is DPO.
    batch = arms(
        REFERENCE + 0.3 * draw(K, seed=4),
        PAIRS,
        frozen={"reference": REFERENCE},
        columns={"margins": gaps},
    )
    alone = losses("modpo", batch, beta=BETA, other_weights="0")
    assert torch.equal(alone, losses("dpo", batch, beta=BETA))


def test_dno_population_optimum() -> None:
    values = torch.rand(K, generator=torch.Generator().manual_seed(5)).double()
    columns = {"values": torch.stack([values[FIRST], values[SECOND]], 1)}
    # Any sampling distribution that reaches every pair.
    sampling = draw(len(PAIRS), seed=6).exp()
    found = population("dno", sampling, beta=BETA, columns=columns)
    wanted = tilted(REFERENCE, values, BETA)
    assert (found.exp() - wanted.exp()).abs().max() < 1e-10


def test_copg_reaches_the_optimum_off_policy() -> None:
    columns = {"values": torch.stack([REWARD[FIRST], REWARD[SECOND]], 1)}
    sampling = draw(len(PAIRS), seed=7).exp()
    found = population("copg", sampling, beta=BETA, columns=columns)
    wanted = tilted(REFERENCE, REWARD, BETA)
    assert (found.exp() - wanted.exp()).abs().max() < 1e-10


def test_rdpo_learns_through_flips_where_dpo_does_not() -> None:
    e = 0.3
    flipped = (1 - e) * preferred(REWARD) + e * (1 - preferred(REWARD))
    wanted = tilted(REFERENCE, REWARD, BETA).exp()
    robust = population("rdpo", flipped, beta=BETA, label_smoothing=e).exp()
    plain = population("dpo", flipped, beta=BETA).exp()
    assert (robust - wanted).abs().max() < 1e-9
    assert (plain - wanted).abs().max() > 0.05


CYCLE = torch.tensor(
    [[0.5, 0.9, 0.2], [0.1, 0.5, 0.8], [0.8, 0.2, 0.5]], dtype=torch.float64
)
"""A beats B beats C beats A: no reward explains it."""


def test_inpo_minimiser_is_the_mirror_descent_step() -> None:
    eta, ratio = 2.0, 1 / 3
    first = torch.log_softmax(draw(3, seed=8), 0)
    previous = torch.log_softmax(draw(3, seed=9), 0)
    pairs = every_pair(3)
    one, two = torch.tensor(pairs).T
    sampled = (previous[one] + previous[two]).exp() * CYCLE[one, two]

    def loss(policy: Tensor) -> Tensor:
        frozen = {"reference": first, "previous": previous}
        batch = arms(policy, pairs, frozen=frozen)
        found = losses("inpo", batch, eta=eta, reference_ratio=ratio)
        return (sampled * found).sum()

    win = CYCLE @ previous.exp()
    wanted = torch.log_softmax(ratio * first + (1 - ratio) * previous + win / eta, 0)
    assert (minimise(loss, 3) - wanted).abs().max() < 1e-10


def test_first_round_of_inpo_is_ipo() -> None:
    batch = arms(
        draw(K, seed=10),
        PAIRS,
        frozen={"reference": REFERENCE, "previous": REFERENCE},
    )
    ours = losses("inpo", batch, eta=0.2)
    assert torch.allclose(ours, losses("ipo", batch, beta=0.2), atol=1e-9)


def test_extrapolated_reference_accelerates() -> None:
    alpha, beta = 0.3, BETA
    gained = {}
    for speed in (alpha, 0.0):
        older = previous = REFERENCE
        for _ in range(40):
            # One exact step of iterative DPO from the extrapolated reference.
            base = (1 + speed) * previous - speed * older
            older, previous = previous, tilted(base, 0.01 * REWARD, beta)
        exponent = (previous - REFERENCE) - (previous - REFERENCE)[0]
        gained[speed] = exponent[1] / (REWARD[1] - REWARD[0])
    assert gained[alpha] / gained[0.0] == pytest.approx(1.41, abs=0.005)
    # The preset's score is that of the extrapolated reference.
    frozen = {"previous": REFERENCE, "previous_2": draw(K, seed=11)}
    batch = arms(draw(K, seed=12), PAIRS, frozen=frozen)
    base = 1.3 * frozen["previous"] - 0.3 * frozen["previous_2"]
    plain = arms(draw(K, seed=12), PAIRS, frozen={"reference": base})
    found = losses("accelerated-po", batch, extrapolation=alpha)
    assert torch.allclose(found, losses("dpo", plain), atol=1e-12)


def test_power_is_stationary_at_its_optimum() -> None:
    lengths = [2, 5, 3, 7, 4]
    u = 1 / torch.tensor(lengths, dtype=torch.float64)
    policy = torch.log_softmax(draw(K, seed=13), 0)
    # R_i - R_j = beta (u_i log pi_i - u_j log pi_j + u_i - u_j)
    reward = BETA * (u * policy + u)
    leaf = policy.clone().requires_grad_(True)
    batch = arms(leaf, PAIRS, lengths=lengths)
    loss = (preferred(reward) * losses("power", batch, beta=BETA)).sum()
    assert gradient(loss, leaf).abs().max() < 1e-14
    # It is the optimum of expected reward plus beta times the weighted entropy.
    logits = policy.clone().requires_grad_(True)
    pi = torch.softmax(logits, 0)
    value = (pi * reward).sum() - BETA * (u * pi * pi.log()).sum()
    assert gradient(value, logits).abs().max() < 1e-14


def test_vpo_value_identity() -> None:
    calibration = torch.softmax(draw(K, seed=14), 0)
    reward = REWARD - (calibration * REWARD).sum()
    best = tilted(REFERENCE, reward, BETA)
    value = (best.exp() * (reward - BETA * (best - REFERENCE))).sum()
    identity = -BETA * (calibration * (best - REFERENCE)).sum()
    assert abs(value - identity) < 1e-14
