"""Every row of the advantage pipeline against plain loops, ties and lone ones too."""

from __future__ import annotations

import itertools
import math
import statistics
from typing import Any

import pytest
import torch
from torch import Tensor

from training.engine import registry
from training.engine.errors import FixableError
from training.engine.online import baselines, select
from training.engine.online.pipeline import Pipeline, PipelineSettings
from training.engine.online.rollout import Rollout
from training.engine.online.scored import Scored
from training.engine.online.state import LoopState
from training.engine.ppo.experience import Sequences
from training.engine.ppo.kl import KLController
from training.engine.ppo.shaping import ScoreScale
from training.engine.registry.online_rows import OnlineRow
from training.engine.sampling import Prompt

GROUPS = [0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2]
TIED = [0.7, 0.7, 0.1, 0.7, 0.3, 0.3, 0.3, 0.3, 0.0, 1.0, 1.0, 0.25]
"""Ties at the top, a group of equals, and one without either."""
WIDTH = 3
KL = 0.5


def scored(rewards: list[list[float]], groups: list[int], seed: int = 0) -> Scored:
    """Return completions of three tokens each; every third ends at two."""
    count = len(groups)
    draw = torch.Generator().manual_seed(seed)
    lengths = torch.tensor([2 + (i % 3 > 0) for i in range(count)])
    there = torch.arange(WIDTH)[None, :] < lengths[:, None]

    def logprobs() -> Tensor:
        found = -torch.rand(count, WIDTH, generator=draw, dtype=torch.float64)
        return found * there

    return Scored(
        rollouts=[Rollout(Prompt(str(g), []), g, [1], [2], True, "") for g in groups],
        sequences=Sequences(
            torch.zeros(count, 5, dtype=torch.long),
            torch.ones(count, 5, dtype=torch.long),
            torch.full((count,), 2),
            lengths,
            WIDTH,
        ),
        rewards=torch.tensor(rewards, dtype=torch.float64),
        groups=torch.tensor(groups),
        ended=torch.ones(count, dtype=torch.bool),
        old_logprobs=logprobs(),
        reference_logprobs=logprobs(),
        entropy=logprobs().abs(),
        values=None,
        weights=torch.ones(count, WIDTH, dtype=torch.float64),
        kl_coef=KL,
        state=LoopState(0, KLController(KL), ScoreScale()),
    )


def row_of(name: str) -> OnlineRow:
    row = registry.get(name).settings
    assert isinstance(row, OnlineRow)
    return row


def advantages(name: str, one: Scored, **numbers: Any) -> list[float]:
    """Return a method's advantages of completions, before any is left out."""
    settings = PipelineSettings(weights=(1.0,) * one.rewards.shape[1], **numbers)
    pipeline = Pipeline(row_of(name), settings)
    found: list[float] = pipeline.group_advantages(pipeline.scores(one), one).tolist()
    return found


def by_group(values: list[float], groups: list[int]) -> list[list[float]]:
    """Return for each completion the values of its group, itself among them."""
    return [[v for v, h in zip(values, groups, strict=True) if h == g] for g in groups]


def penalised(one: Scored, values: list[float]) -> list[float]:
    gaps = (one.old_logprobs - one.reference_logprobs).sum(1).tolist()
    return [v - KL * gap for v, gap in zip(values, gaps, strict=True)]


def test_group_relative_advantages_are_those_of_plain_loops() -> None:
    one = scored([[r] for r in TIED], GROUPS)
    mates = by_group(TIED, GROUPS)
    plain = [r - statistics.fmean(m) for r, m in zip(TIED, mates, strict=True)]
    assert advantages("dr-grpo", one) == pytest.approx(plain, abs=1e-12)
    scaled = [
        a / (statistics.stdev(m) + 1e-4) for a, m in zip(plain, mates, strict=True)
    ]
    for name in ("grpo", "dapo", "gspo", "adora", "d3s"):
        assert advantages(name, one) == pytest.approx(scaled, abs=1e-9), name
    # A table of differences is GRPO but for what keeps it finite.
    assert advantages("grpo-pairwise", one) == pytest.approx(scaled, rel=1e-3)
    for values in (plain, scaled):
        assert sum(values) == pytest.approx(0, abs=1e-9)


def test_leave_one_out_and_partners_are_those_of_plain_loops() -> None:
    one = scored([[r] for r in TIED], GROUPS)
    values = penalised(one, TIED)
    mates = by_group(values, GROUPS)
    wanted = [v - (sum(m) - v) / 3 for v, m in zip(values, mates, strict=True)]
    assert advantages("rloo", one) == pytest.approx(wanted)
    pairs = [0, 0, 1, 1, 2, 2]
    two = scored([[r] for r in TIED[:6]], pairs)
    values = penalised(two, TIED[:6])
    wanted = [(values[i] - values[i ^ 1]) / 2 for i in range(6)]
    assert advantages("p3o", two) == pytest.approx(wanted)


def test_win_rates_count_the_others_alone() -> None:
    one = scored([[r] for r in TIED], GROUPS)
    rates = []
    for i, g in enumerate(GROUPS):
        others = [j for j, h in enumerate(GROUPS) if h == g and j != i]
        rates.append(
            statistics.fmean(1 / (1 + math.exp(TIED[j] - TIED[i])) for j in others)
        )
    values = penalised(one, rates)
    mates = by_group(values, GROUPS)
    wanted = [v - (sum(m) - v) / 3 for v, m in zip(values, mates, strict=True)]
    assert advantages("self-play", one) == pytest.approx(wanted)


def test_every_source_is_normalised_before_the_sum_and_the_batch_after() -> None:
    other = [5.0, 9.0, 7.0, 7.0, 3.0, 3.0, 3.0, 3.0, 8.0, 1.0, 1.0, 2.0]
    one = scored([list(pair) for pair in zip(TIED, other, strict=True)], GROUPS)
    total = [0.0] * 12
    for values in (TIED, other):
        for i, mates in enumerate(by_group(values, GROUPS)):
            spread = statistics.stdev(mates) + 1e-4
            total[i] += (values[i] - statistics.fmean(mates)) / spread
    spread = statistics.stdev(total) + 1e-4
    centre = statistics.fmean(total)
    assert centre == pytest.approx(0, abs=1e-12)
    wanted = [t / spread for t in total]
    assert advantages("gdpo", one) == pytest.approx(wanted, abs=1e-9)


def test_beta_normalisation_is_that_of_plain_loops() -> None:
    rewards = [1, 1, 0, 1, 0, 0, 0, 0, 0, 1, 0, 1]
    one = scored([[float(r)] for r in rewards], GROUPS)
    rates = [0.75, 0.0, 0.5]
    m, v = statistics.fmean(rates), statistics.variance(rates)
    a = max(1 + (m * (1 - m) / v - 1) * m / 3, 1.0)
    b = max(1 + (m * (1 - m) / v - 1) * (1 - m) / 3, 1.0)
    wanted = []
    for reward, g in zip(rewards, GROUPS, strict=True):
        p = min(max(rates[g], 1e-6), 1 - 1e-6)
        log = (a - 1) * math.log(p) + (b - 1) * math.log(1 - p)
        log += math.lgamma(a + b) - math.lgamma(a) - math.lgamma(b)
        wanted.append((reward - rates[g]) * min(math.exp(-log), 1e6))
    assert advantages("beta-normalised-po", one) == pytest.approx(wanted, abs=1e-9)


@pytest.mark.parametrize("kind", [torch.float32, torch.float64])
@pytest.mark.parametrize("right", [1, 2, 3])
def test_equal_success_rates_leave_advantages_as_they_are(
    kind: torch.dtype, right: int
) -> None:
    """No spread, nothing to fit: a density fitted to it would weigh by a million."""
    group = [1.0] * right + [0.0] * (4 - right)
    rewards = torch.tensor(group * 3, dtype=kind)
    found = baselines.beta_weights(rewards, torch.tensor(GROUPS))
    assert found.tolist() == [1.0] * 12


def test_rewards_that_are_no_shares_have_no_beta_density() -> None:
    one = scored([[3 * r] for r in TIED], GROUPS)
    with pytest.raises(FixableError, match="Success rates"):
        advantages("beta-normalised-po", one)


@pytest.mark.parametrize(
    ("value", "count"), [*itertools.product((0.1, 0.3, 0.7, -1.37, 2.3), (3, 5, 6, 7))]
)
def test_rounding_makes_no_differences_between_equals(value: float, count: int) -> None:
    """A sum of seven times 0.3 is not seven times 0.3, and yet nothing is learned."""
    rewards = torch.full((count,), value)
    groups = torch.zeros(count, dtype=torch.long)
    assert baselines.group_mean(rewards, groups).equal(rewards)
    assert baselines.leave_one_out(rewards, groups).equal(rewards)
    assert not baselines.group_deviation(rewards, groups).any()
    assert not select.informative(rewards, groups).any()


@pytest.mark.parametrize(
    "name", ["grpo", "dr-grpo", "dapo", "grpo-pairwise", "raft", "superhf"]
)
def test_one_alone_and_groups_of_equals_teach_nothing_and_break_nothing(
    name: str,
) -> None:
    one = scored([[0.3], [0.3], [0.3], [-2.0]], [0, 0, 0, 1])
    pipeline = Pipeline(row_of(name), PipelineSettings(weights=(1.0,)))
    experience = pipeline(one)
    assert torch.isfinite(experience.advantages).all()
    if row_of(name).baseline == "group":
        assert not experience.advantages.any()
