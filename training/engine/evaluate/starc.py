"""How far apart two rewards are, whatever leaves their best policies alone.

Rewards are brought to a canonical form that shaping does not change, divided by their
norm, and compared; half the distance lies in [0, 1]. 0: every policy is ranked alike;
1: one is the other turned round.

The definition is from memory and was checked by its invariances alone.

Source: Skalse et al. 2024, STARC: A General Framework for Quantifying Differences
Between Reward Functions, definitions 1 to 3.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from training.engine.evaluate.metrics import Floats, Numbers

FLAT = 1e-12
"""A canonical reward with a norm below this, relative to the reward, says nothing."""


def canonical_bandit(rewards: Numbers, prompts: Sequence[str]) -> Floats:
    """Return rewards less the mean of their prompt.

    With one step there is no shaping but a number added to all answers to a prompt.

    Args:
        rewards: of completions, shape (N,).
        prompts: the prompt of each; all models must see the same sample.
    """
    values = np.asarray(rewards, dtype=np.float64)
    _, place = np.unique(np.asarray(prompts), return_inverse=True)
    mean = np.bincount(place, weights=values) / np.bincount(place)
    return _settled(values - mean[place], values)


def canonical(rewards: Floats, transitions: Floats, discount: float) -> Floats:
    """Return E_s'[R(s,a,s') + discount V(s') - V(s)], V of the uniform policy, (S, A).

    Potential shaping moves V by the potential, which cancels; moving reward among
    next states leaves the expectation.

    Args:
        rewards, transitions: shape (S, A, S'). discount: below 1.
    """
    mean = (transitions * rewards).sum(-1)  # (S, A)
    walk = transitions.mean(1)  # (S, S') under the uniform policy
    value = np.linalg.solve(np.eye(len(walk)) - discount * walk, mean.mean(1))
    return _settled(mean + discount * transitions @ value - value[:, None], mean)


def distance(one: Floats, other: Floats) -> float:
    """Return half the distance of two canonical rewards of norm 1, in [0, 1].

    A reward that tells nothing apart has no direction: it is 1/2 away from every one
    that does, and 0 from another such.
    """
    first, second = _unit(one), _unit(other)
    return float(np.linalg.norm(first - second) / 2)


def _settled(canonical_reward: Floats, rewards: Floats) -> Floats:
    """Return the canonical reward; zero where it is but rounding of the reward."""
    if np.linalg.norm(canonical_reward) <= FLAT * np.linalg.norm(rewards):
        return np.zeros_like(canonical_reward)
    return np.asarray(canonical_reward, dtype=np.float64)


def _unit(canonical_reward: Floats) -> Floats:
    norm = float(np.linalg.norm(canonical_reward))
    if norm == 0:
        return canonical_reward
    return np.asarray(canonical_reward / norm, dtype=np.float64)


def bandit_distance(one: Numbers, other: Numbers, prompts: Sequence[str]) -> float:
    """Return the distance of two reward models' scores of the same completions."""
    return distance(canonical_bandit(one, prompts), canonical_bandit(other, prompts))
