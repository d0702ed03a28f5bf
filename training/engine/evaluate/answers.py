"""What a policy's answers say of it, beside its reference's to the same prompts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from training.engine.evaluate import best_of_n
from training.engine.evaluate.frontier import vectors_report
from training.engine.evaluate.metrics import (
    Floats,
    bootstrap_mean,
    pair_credit,
    probability,
)
from training.engine.evaluate.tripwires import tripwires
from training.engine.evaluate.win_rate import length_controlled

FEWEST = 2
"""Samples of each prompt from which on a best-of-n curve is drawn."""


@dataclass(frozen=True)
class Answers:
    """Completions of one model and what was measured of them; aligned lists.

    Attributes:
        scores: by the judging reward model; empty without one.
        gold: by a second, better one; empty without one.
        components: by attribute, where the judge has several, (N, K).
    """

    prompt_ids: Sequence[str]
    texts: Sequence[str]
    scores: Sequence[float] = ()
    gold: Sequence[float] = ()
    components: Floats | None = None
    names: Sequence[str] = ()

    def by_prompt(self, values: Sequence[float]) -> dict[str, list[float]]:
        """Return numbers of each prompt's samples, in their order."""
        found: dict[str, list[float]] = {}
        for prompt, value in zip(self.prompt_ids, values, strict=True):
            found.setdefault(prompt, []).append(value)
        return found


def answers_report(
    policy: Answers,
    reference: Answers,
    gaps: Sequence[float],
    *,
    kl: float | None,
    resamples: int,
    seed: int,
) -> dict[str, Any]:
    """Return win rates, best-of-n, the frontier, attributes and alarms.

    Args:
        gaps: the judge's log-odds for the policy's answers; empty without a judge.
            Judges of pairs are asked in both orders before.
        kl: of the policy from the reference, where it was measured.
    """
    report: dict[str, Any] = {
        "tripwires": tripwires(
            policy.texts,
            reference.texts,
            policy.prompt_ids,
            resamples=resamples,
            seed=seed,
        )
    }
    if not gaps:
        return report
    report["win"] = win_rate(policy, reference, gaps, resamples=resamples, seed=seed)
    curves = {
        name: curve_of(answers, resamples=resamples, seed=seed)
        for name, answers in (("policy", policy), ("reference", reference))
    }
    if curves["reference"]:
        report["best_of_n"] = curves
        report["frontier"] = frontier_of(policy, curves["reference"], kl)
    if policy.components is not None and reference.components is not None:
        sides = {
            name: [
                np.array([answers.components[i] for i in places])
                for places in _places(answers.prompt_ids)
            ]
            for name, answers in (("policy", policy), ("reference", reference))
            if answers.components is not None
        }
        report["attributes"] = vectors_report(sides, policy.names)
    return report


def _places(prompt_ids: Sequence[str]) -> list[list[int]]:
    found: dict[str, list[int]] = {}
    for place, prompt in enumerate(prompt_ids):
        found.setdefault(prompt, []).append(place)
    return list(found.values())


def win_rate(
    policy: Answers,
    reference: Answers,
    gaps: Sequence[float],
    *,
    resamples: int,
    seed: int,
) -> dict[str, Any]:
    """Return how often the policy's answer is preferred, raw and at equal length.

    Equal scores count half. Samples of one prompt are resampled together.
    """
    groups = policy.prompt_ids
    rate = bootstrap_mean(
        pair_credit(gaps).tolist(),
        groups,
        shares=True,
        resamples=resamples,
        seed=seed,
    )
    gains = [a - b for a, b in zip(policy.scores, reference.scores, strict=True)]
    gain = bootstrap_mean(gains, groups, resamples=resamples, seed=seed)
    ours, theirs = ([len(t) for t in side.texts] for side in (policy, reference))
    return {
        "comparisons": len(gaps),
        "win_rate": rate.as_dict(),
        "length_controlled": length_controlled(
            probability(gaps), ours, theirs, groups, seed=seed
        ),
        "reward_gain": gain.as_dict(),
    }


def curve_of(answers: Answers, *, resamples: int, seed: int) -> list[dict[str, Any]]:
    """Return the best-of-n curve by the judge, scored by gold if there is any.

    Returns:
        Nothing where a prompt has too few samples.
    """
    proxy = answers.by_prompt(answers.scores)
    if min(len(scores) for scores in proxy.values()) < FEWEST:
        return []
    gold = answers.by_prompt(answers.gold or answers.scores)
    return best_of_n.report(
        list(proxy.values()),
        [gold[prompt] for prompt in proxy],
        list(proxy),
        resamples=resamples,
        seed=seed,
    )


def frontier_of(
    policy: Answers, curve: Sequence[dict[str, Any]], kl: float | None
) -> dict[str, Any]:
    """Return the policy's place beside best-of-n from its reference.

    Best-of-n spends log n - (n-1)/n nats; what it earns there is what a policy of the
    same divergence has to beat.

    Source: Gao et al. 2023, Scaling Laws for Reward Model Overoptimization, section 3.
    """
    score = float(np.mean(policy.gold or policy.scores))
    points = [
        {"n": row["n"], "kl": row["kl"], "score": row["score"]["value"]}
        for row in curve
    ]
    found: dict[str, Any] = {"best_of_n": points, "policy": {"kl": kl, "score": score}}
    if kl is not None and 0 <= kl <= points[-1]["kl"]:
        same = float(
            np.interp(kl, [p["kl"] for p in points], [p["score"] for p in points])
        )
        found["best_of_n_at_the_same_kl"] = same
    return found
