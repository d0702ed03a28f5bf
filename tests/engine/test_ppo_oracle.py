"""PPO written a second time, in plain loops over plain numbers, and compared.

The second version shares nothing with the engine: no masks, no tensors of several rows,
one completion and one token at a time, as the published algorithm is told.
"""

from __future__ import annotations

import itertools
import math
import random
from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import Tensor

from training.engine.online.rollout import Rollout
from training.engine.online.scored import Scored
from training.engine.online.state import LoopState
from training.engine.online.weighing import (
    CriticSettings,
    Shaping,
    shape,
    with_critic,
)
from training.engine.ppo.actor_critic import Outputs
from training.engine.ppo.experience import Sequences
from training.engine.ppo.kl import KLController
from training.engine.ppo.learner import Totals, UpdateSettings, losses
from training.engine.ppo.shaping import ScoreScale
from training.engine.sampling import Prompt

LENGTHS = [3, 1, 6, 2, 6]
"""Tokens: one completion is an end token alone, two were cut off at the limit."""

ENDED = [True, True, False, True, False]
WIDTH = 6
KL = 0.3
Rows = list[list[float]]


def numbers(seed: int, *, low: float = -2.0, high: float = 2.0) -> Rows:
    """Return one number a token, as many as a completion has."""
    draw = random.Random(seed)
    return [[draw.uniform(low, high) for _ in range(n)] for n in LENGTHS]


def table(rows: Rows, fill: float = 0.0) -> Tensor:
    """Return rows side by side in float64, what is behind them filled."""
    return torch.tensor(
        [[*row, *[fill] * (WIDTH - len(row))] for row in rows], dtype=torch.float64
    )


OLD, REFERENCE = numbers(1, high=-0.1), numbers(2, high=-0.1)
VALUES = [
    [*row, extra] for row, extra in zip(numbers(3), (0.4, -0.9, 0, 1.3, 0), strict=True)
]
SCORES = [1.5, -0.5, 2.5, 0.25, -3.0]


def scored(kl_coef: float = KL) -> Scored:
    """Return five completions of three prompts, with what models said of them."""
    count = len(LENGTHS)
    batch = Sequences(
        torch.zeros(count, 10, dtype=torch.long),
        torch.ones(count, 10, dtype=torch.long),
        torch.full((count,), 4),
        torch.tensor(LENGTHS),
        WIDTH,
    )
    values = torch.full((count, WIDTH), 77.0, dtype=torch.float64)
    for row, found in enumerate(VALUES):
        kept = found[:WIDTH]
        values[row, : len(kept)] = torch.tensor(kept, dtype=torch.float64)
    return Scored(
        rollouts=[
            Rollout(Prompt(str(i), []), 0, [1], [2] * n, ended, "")
            for i, (n, ended) in enumerate(zip(LENGTHS, ENDED, strict=True))
        ],
        sequences=batch,
        rewards=torch.tensor(SCORES, dtype=torch.float64)[:, None],
        groups=torch.tensor([0, 0, 1, 1, 2]),
        ended=torch.tensor(ENDED),
        old_logprobs=table(OLD),
        reference_logprobs=table(REFERENCE),
        entropy=table(numbers(4, low=0.0)),
        values=values,
        weights=torch.ones(count, WIDTH, dtype=torch.float64),
        kl_coef=kl_coef,
        state=LoopState(0, KLController(kl_coef), ScoreScale()),
    )


def estimate(new: float, reference: float, how: str) -> float:
    """Return an estimate of one token's divergence."""
    log_ratio = reference - new
    if how == "k1":
        return -log_ratio
    if how == "k2":
        return 0.5 * log_ratio**2
    return math.exp(log_ratio) - 1 - log_ratio


def expected(scores: list[float], told: CriticSettings) -> tuple[Rows, Rows]:
    """Return advantages of tokens and returns of states."""
    rewards: Rows = []
    for row, length in enumerate(LENGTHS):
        own = [0.0] * length
        if told.kl_place == "reward":
            own = [
                -KL * estimate(OLD[row][t], REFERENCE[row][t], told.kl_estimator)
                for t in range(length)
            ]
        if told.score_place == "after_end" and length < WIDTH:
            own.append(0.0)
        own[-1] += scores[row]
        rewards.append(own)
    if told.whiten_rewards:
        every = list(itertools.chain(*rewards))
        mean = sum(every) / len(every)
        variance = sum((x - mean) ** 2 for x in every) / (len(every) - 1)
        rewards = [
            [(x - mean) / math.sqrt(variance + 1e-8) + mean for x in row]
            for row in rewards
        ]
    advantages: Rows = []
    returns: Rows = []
    for row, own in enumerate(rewards):
        found = []
        for t in range(len(own)):
            total = 0.0
            for later in range(t, len(own)):
                following = VALUES[row][later + 1] if later + 1 < len(own) else 0.0
                error = own[later] + told.discount * following - VALUES[row][later]
                total += (told.discount * told.trace) ** (later - t) * error
            found.append(total)
        advantages.append(found)
        returns.append([a + v for a, v in zip(found, VALUES[row], strict=False)])
    advantages = [row[:n] for row, n in zip(advantages, LENGTHS, strict=True)]
    if told.whiten_advantages:
        every = list(itertools.chain(*advantages))
        mean = sum(every) / len(every)
        variance = sum((x - mean) ** 2 for x in every) / (len(every) - 1)
        advantages = [
            [(x - mean) / math.sqrt(variance + 1e-8) for x in row] for row in advantages
        ]
    return advantages, returns


@pytest.mark.parametrize("seed", range(24))
def test_advantages_and_returns_are_those_of_plain_loops(seed: int) -> None:
    draw = random.Random(seed)
    told = CriticSettings(
        kl_place=draw.choice(["reward", "reward", "loss"]),
        kl_estimator=draw.choice(["k1", "k2", "k3"]),
        discount=draw.choice([1.0, 0.97]),
        trace=draw.choice([0.0, 0.95, 1.0]),
        score_place=draw.choice(["last", "after_end"]),
        whiten_rewards=draw.random() < 0.5,
        whiten_advantages=draw.random() < 0.5,
    )
    found = with_critic(scored(), torch.tensor(SCORES, dtype=torch.float64), told)
    advantages, returns = expected(SCORES, told)
    assert torch.allclose(found.advantages, table(advantages), atol=1e-10)
    assert found.returns is not None
    for row, own in enumerate(returns):
        assert found.returns[row, : len(own)].tolist() == pytest.approx(own)
        # What is behind is no state: nothing is learned of it.
        assert found.states[row].tolist() == [t < len(own) for t in range(WIDTH)]


def test_scores_are_shaped_in_the_published_order() -> None:
    """Scaled, clipped, then punished: the penalty is in the units of a score."""
    one = scored()
    one.state.scale = ScoreScale("reference_scaled", 3, 0.5, 8.0)  # sd 2
    told = Shaping(clip=1.0, missing_end=0.7, length_free=2, length_penalty=0.01)
    found = shape(torch.tensor(SCORES, dtype=torch.float64), one, told)
    wanted = []
    for score, length, ended in zip(SCORES, LENGTHS, ENDED, strict=True):
        value = min(max((score - 0.5) / 2, -1.0), 1.0) - (0 if ended else 0.7)
        wanted.append(value - 0.01 * max(length - 2, 0))
    assert found.tolist() == pytest.approx(wanted)
    told = replace(told, missing_end_how="replace", length_penalty=0.0)
    found = shape(torch.tensor(SCORES, dtype=torch.float64), one, told)
    assert [found[2].item(), found[4].item()] == pytest.approx([-0.7, -0.7])


def policy_loss(
    new: Rows, advantages: Rows, told: UpdateSettings, weights: Rows
) -> float:
    """Return the policy's loss, with its penalty, of a whole step."""
    sums, penalties = [], []
    for row, length in enumerate(LENGTHS):
        change = [new[row][t] - OLD[row][t] for t in range(length)]
        if told.ratio != "token":
            whole = sum(change) / (length if told.ratio == "sequence_mean" else 1)
            change = [whole] * length
        own, ties = [], []
        for t in range(length):
            ratio, a = math.exp(change[t]), advantages[row][t]
            kept = min(max(ratio, 1 - told.clip_low), 1 + told.clip_high)
            loss = -min(ratio * a, kept * a)
            if told.dual_clip is not None and a < 0:
                loss = min(loss, -told.dual_clip * a)
            if told.surrogate == "likelihood":
                loss = -a * new[row][t]
            own.append(weights[row][t] * loss)
            how = told.kl_estimator
            ties.append(
                weights[row][t]
                * math.exp(new[row][t] - OLD[row][t])
                * estimate(new[row][t], REFERENCE[row][t], how)
            )
        sums.append(own)
        penalties.append(ties)

    def reduced(rows: Rows) -> float:
        if told.reduction == "token_mean":
            return sum(map(sum, rows)) / sum(LENGTHS)
        each = [sum(row) for row in rows]
        if told.reduction == "sequence_mean":
            each = [total / n for total, n in zip(each, LENGTHS, strict=True)]
        if told.reduction == "constant":
            each = [total / told.longest for total in each]
        return sum(each) / len(each)

    return reduced(sums) + told.kl_coef * reduced(penalties)


CASES: list[dict[str, Any]] = [
    {},
    {"reduction": "sequence_mean", "ratio": "sequence_mean", "clip_high": 0.05},
    {"reduction": "sequence_sum", "ratio": "sequence"},
    {"reduction": "constant", "longest": 9, "dual_clip": 1.5},
    {"kl_coef": 0.4, "kl_estimator": "k2"},
    {"kl_coef": 0.4, "kl_estimator": "k3", "reduction": "sequence_mean"},
    {"surrogate": "likelihood", "reduction": "sequence_mean"},
]


@pytest.mark.parametrize("case", CASES, ids=[str(n) for n in range(len(CASES))])
@pytest.mark.parametrize("value_clip", [None, 0.2])
def test_losses_are_those_of_plain_loops(
    case: dict[str, Any], value_clip: float | None
) -> None:
    told = UpdateSettings(value_clip=value_clip, value_coef=0.3, **case)
    one = scored()
    weights = numbers(8, low=0.2, high=1.5)
    one.weights = table(weights, 1.0)
    settings = CriticSettings(score_place="after_end")
    experience = with_critic(one, torch.tensor(SCORES, dtype=torch.float64), settings)
    advantages, returns = expected(SCORES, settings)
    draw = random.Random(5)
    new = [[x + draw.uniform(-0.4, 0.4) for x in row] for row in OLD]
    values = [[v + draw.uniform(-0.6, 0.6) for v in row] for row in VALUES]
    outputs = Outputs(
        table(new, 5.0).requires_grad_(),
        one.entropy,
        torch.stack([table([row[:WIDTH]] * 5, 9.0)[i] for i, row in enumerate(values)]),
    )
    loss, _ = losses(outputs, experience, told, Totals.of(experience))
    errors = []
    for row, own in enumerate(returns):
        for t, wanted in enumerate(own):
            v, old = values[row][t], VALUES[row][t]
            worst = (v - wanted) ** 2
            if value_clip is not None:
                kept = old + min(max(v - old, -value_clip), value_clip)
                worst = max(worst, (kept - wanted) ** 2)
            errors.append(worst / 2)
    total = policy_loss(new, advantages, told, weights)
    total += 0.3 * sum(errors) / len(errors)
    assert float(loss.detach()) == pytest.approx(total, rel=1e-6)
    if case.get("kl_coef"):
        return  # its gradient is not that of its value; see the test of the estimators
    (slope,) = torch.autograd.grad(loss, outputs.logprobs)
    for row, t in ((0, 1), (2, 5), (4, 0), (1, 0)):
        ends = []
        for step in (1e-6, -1e-6):
            moved = [list(r) for r in new]
            moved[row][t] += step
            ends.append(policy_loss(moved, advantages, told, weights))
        assert float(slope[row, t]) == pytest.approx(
            (ends[0] - ends[1]) / 2e-6, abs=1e-6
        )
    behind = slope[1, LENGTHS[1] :]
    assert behind.tolist() == [0.0] * len(behind)
