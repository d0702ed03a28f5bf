"""Putting several sources' rewards together into one score a completion."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from scipy.special import stdtrit
from torch import Tensor

from training.engine import processes
from training.engine.ppo.masked import masked_variance
from training.engine.registry.rewards_algebra import Aggregation
from training.engine.rewards.aggregation import combine as aggregate


def weighted(rewards: Tensor, weights: Tensor) -> Tensor:
    """Return the weighted sum of sources, (N,).

    Args:
        rewards: (N, K). weights: (K,).
    """
    return rewards @ weights.to(rewards)


def ensemble(rewards: Tensor, how: Aggregation, penalty: float) -> Tensor:
    """Return one score from an ensemble's members, (N,).

    Args:
        rewards: one column a member, (N, K).
        how: ``mean``; ``minimum``: the worst member (WCO); ``mean_less_variance``:
            mean less ``penalty`` times the members' population variance (UWO), as
            ensembles with one backbone have it too.

    Source: Coste et al. 2024, Reward Model Ensembles Help Mitigate Overoptimization.
    """
    return aggregate(how, rewards, penalty=penalty)


def product(rewards: Tensor, gated: Sequence[int]) -> Tensor:
    """Return the sum of sources, times those that are gates, (N,).

    A gate is a source in [0, 1], such as a verifier, without which nothing counts.

    Args:
        gated: the columns that are gates.
    """
    gates = [column for column in range(rewards.shape[1]) if column in set(gated)]
    free = [column for column in range(rewards.shape[1]) if column not in set(gated)]
    total = rewards[:, free].sum(1) if free else torch.ones_like(rewards[:, 0])
    return total * rewards[:, gates].prod(1)


def normalised_in_groups(rewards: Tensor, groups: Tensor, epsilon: float) -> Tensor:
    """Return every source centred and scaled within each prompt's group, (N, K).

    Adding them up then gives each source the same say, whatever its scale.

    Source: TRL's multi_objective_aggregation, normalize_then_sum (GDPO).
    """
    scaled = torch.zeros_like(rewards)
    for group in groups.unique():
        here = groups == group
        part = rewards[here]
        spread = part.std(0) if len(part) > 1 else torch.zeros_like(part[0])
        scaled[here] = (part - part.mean(0)) / (spread + epsilon)
    return scaled


class WorstGroup:
    """Follows the annotator group that fares worst: max-min over expected rewards.

    Each source is the reward model of one group. The lowest running mean decides
    whose reward is learned from.

    Source: Chakraborty et al. 2024, MaxMin-RLHF, algorithm 1 (form from memory).
    """

    def __init__(self, keep: float, means: Sequence[float] = ()) -> None:
        self.keep = keep
        self.means = list(means)

    def __call__(self, rewards: Tensor) -> Tensor:
        """Return the rewards of the worst-off group, (N,); updates the means."""
        now = _means(rewards)
        if self.means:
            pairs = zip(self.means, now, strict=True)
            self.means = [self.keep * old + (1 - self.keep) * new for old, new in pairs]
        else:
            self.means = now
        return rewards[:, self.means.index(min(self.means))]


class Constrained:
    """Weighs rewards by multipliers that lift each to its threshold and no further.

    A multiplier is sigmoid(raw) for ``at least`` and tanh(raw) for ``exactly``; raw
    moves down the gradient of sum f(raw) (mean reward - threshold), so a reward below
    its threshold gains weight and one above loses it.

    Args:
        thresholds: one a source.
        equality: ``exactly`` in place of ``at least``.
        rate: step size of raw.
        raw: where it stands.
        inflation: how many times the half-width of a one-sided Student interval is
            taken off a mean reward before it is compared with its threshold: the
            policy then learns to clear the threshold by what a test of as many
            completions would ask for.
        confidence: 1 - delta of that interval.

    Source: Moskovitz et al. 2024, Confronting Reward Model Overoptimization with
    Constrained RLHF, section 4; inflation: HC-RLHF (Reinforcement Learning from Human
    Feedback with High-Confidence Safety Constraints), from memory.
    """

    def __init__(
        self,
        thresholds: Sequence[float],
        *,
        equality: bool,
        rate: float,
        raw: Sequence[float] = (),
        inflation: float = 0.0,
        confidence: float = 0.9,
    ) -> None:
        self.inflation = inflation
        self.confidence = confidence
        self.thresholds = torch.tensor(list(thresholds), dtype=torch.float64)
        self.equality = equality
        self.rate = rate
        self.raw = torch.tensor(
            list(raw) or [0.0] * len(thresholds), dtype=torch.float64
        )

    def multipliers(self) -> Tensor:
        """Return the weight of each source's advantage, (K,)."""
        return torch.tanh(self.raw) if self.equality else torch.sigmoid(self.raw)

    def tie(self) -> float:
        """Return the weight that is left for the tie to the reference: K less all."""
        return float(len(self.raw) - self.multipliers().sum())

    def __call__(self, rewards: Tensor) -> Tensor:
        """Return the rewards mixed by the multipliers as they stand, (N,)."""
        return rewards @ self.multipliers().to(rewards)

    def observe(self, rewards: Tensor) -> None:
        """Move the multipliers by an update's mean rewards, (N, K)."""
        means = torch.tensor(_means(rewards), dtype=torch.float64)
        # Of all processes, as the means are, or their multipliers would part.
        count = _count(rewards)
        if self.inflation and count > 1:
            quantile = float(stdtrit(count - 1, self.confidence))
            every = torch.ones(len(rewards), dtype=torch.bool, device=rewards.device)
            square = [float(masked_variance(c, every)) for c in rewards.unbind(1)]
            spread = torch.tensor(square, dtype=torch.float64).div(count).sqrt()
            means = means - self.inflation * quantile * spread
        value = self.multipliers()
        slope = 1 - value**2 if self.equality else value * (1 - value)
        self.raw = self.raw - self.rate * slope * (means - self.thresholds)


def _means(rewards: Tensor) -> list[float]:
    total: list[float] = (processes.across(rewards.sum(0)) / _count(rewards)).tolist()
    return total


def _count(rewards: Tensor) -> int:
    rows = torch.tensor(float(len(rewards)), device=rewards.device)
    return int(processes.across(rows))
