"""Which factors of an answer move verdicts, people's and a model's, and if alike.

Factors are differences between the two sides of a pair in {-1, 0, 1}: which side has
more of it. By default they are the looks that ``style`` counts; a file may bring its
own ratings.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from scipy.stats import spearmanr

from training.engine.data import Pair
from training.engine.evaluate import style
from training.engine.evaluate.baselines import text_of
from training.engine.evaluate.metrics import Floats, Interval, probability

PRIOR = 0.1
"""Scale of the Laplace prior on a factor's weight."""
CAUTION = (
    "Concordance follows PROFILE, whose formula is from memory and not verified; the "
    "weights are posterior means of a logistic regression with a Laplace prior of "
    f"scale {PRIOR:g}."
)
CHAINS, WARM_UP, DRAWS, LEAPS = 4, 300, 600, 12
FEWEST = 20
"""Pairs from which on factors are reported."""


def comparisons(pairs: Sequence[Pair]) -> tuple[list[str], Floats]:
    """Return names of looks and which side of each pair has more of them, (N, F).

    1: the chosen one; -1: the rejected one; 0: as many. Looks that never differ are
    left out.
    """
    rows = [
        [
            count(text_of(pair.chosen)) - count(text_of(pair.rejected))
            for count in style.FEATURES.values()
        ]
        for pair in pairs
    ]
    signs = np.sign(np.asarray(rows, dtype=np.float64))
    kept = (signs != 0).any(0)
    names = [name for name, keep in zip(style.FEATURES, kept, strict=True) if keep]
    return names, signs[:, kept]


def concordance(signs: Floats, verdicts: Floats) -> Floats:
    """Return (concordant - discordant) / (concordant + discordant + tied), (F,).

    Args:
        signs: which side has more of each factor, (N, F).
        verdicts: which side is preferred, 1, -1 or 0, (N,). Rows where a factor is on
            neither side say nothing of it and are not counted; undecided verdicts
            are ties.

    Source: Oh et al. 2024, PROFILE (formula from memory, not verified).
    """
    there = signs != 0
    agreed = (signs * verdicts[:, None] * there).sum(0)
    return np.asarray(agreed / np.maximum(there.sum(0), 1), dtype=np.float64)


def intervals(
    signs: Floats,
    verdicts: Floats,
    groups: Sequence[str],
    *,
    resamples: int,
    seed: int,
    level: float = 0.95,
) -> list[Interval]:
    """Return every factor's concordance with an interval from resampling groups.

    Pairs of one group (answers to one prompt) share what people made of them, so a
    group is drawn with all its pairs.

    Args:
        signs, verdicts: as for ``concordance``. groups: the group of each pair.
    """
    draw = np.random.default_rng(seed)
    names, place = np.unique(np.asarray(groups), return_inverse=True)
    size = len(names)
    counts = draw.multinomial(size, np.full(size, 1 / size), size=resamples)
    there, agreed = np.zeros((2, size, signs.shape[1]))
    np.add.at(there, place, signs != 0)
    np.add.at(agreed, place, signs * verdicts[:, None])
    found = (counts @ agreed) / np.maximum(counts @ there, 1)
    tail = (1 - level) / 2
    low, high = np.quantile(found, [tail, 1 - tail], axis=0)
    value = concordance(signs, verdicts)
    return [
        Interval(float(v), float(min(a, v)), float(max(b, v)), level)
        for v, a, b in zip(value, low, high, strict=True)
    ]


def posterior_means(
    signs: Floats, verdicts: Floats, *, prior: float = PRIOR, seed: int = 0
) -> Floats:
    """Return the posterior means of a logistic regression's weights, (F,).

    No intercept, so that turning a pair round changes nothing: x and the label both
    change sign. Independent Laplace priors; Hamiltonian Monte Carlo, several chains.

    Args:
        signs: (N, F). verdicts: 1 or -1, (N,); rows with 0 are left out.

    Source: Li et al. 2024, Dissecting Human and LLM Preferences, section 3 (read in
    code: Laplace(0, 0.1), NUTS; the sampler here is plain HMC).
    """
    decided = verdicts != 0
    turned = signs[decided] * verdicts[decided, None]  # (N, F), label always 1
    # Equal rows are counted once: ternary rows repeat a lot.
    rows, counts = np.unique(turned, axis=0, return_counts=True)
    scale = 1 / np.sqrt((counts @ rows**2) / 4 + 1 / (2 * prior**2))

    def density(weights: Floats) -> tuple[Floats, Floats]:
        odds = weights @ rows.T  # (C, R)
        log = -np.logaddexp(0, -odds) @ counts - np.abs(weights).sum(1) / prior
        slope = (counts * probability(-odds)) @ rows - np.sign(weights) / prior
        return log, slope

    draw = np.random.default_rng(seed)
    size = rows.shape[1]
    place = draw.normal(size=(CHAINS, size)) * scale
    log, slope = density(place)
    step, total = 0.3, np.zeros((CHAINS, size))
    for number in range(WARM_UP + DRAWS):
        push = draw.normal(size=place.shape)
        new, grade = place, slope
        length = step * draw.uniform(0.8, 1.2)
        speed = push + length / 2 * grade * scale
        for leap in range(LEAPS):
            new = new + length * speed * scale
            new_log, grade = density(new)
            speed = speed + length * (0.5 if leap == LEAPS - 1 else 1.0) * grade * scale
        gain = new_log - log - (speed**2 - push**2).sum(1) / 2
        taken = np.log(draw.random(CHAINS)) < gain
        place = np.where(taken[:, None], new, place)
        log, slope = density(place)
        if number < WARM_UP:
            step *= 1.05 if taken.mean() > 0.7 else 0.93
        else:
            total += place
    return np.asarray(total.mean(0) / DRAWS, dtype=np.float64)


def chance_to_win(signs: Floats, verdicts: Floats) -> Floats:
    """Return how often the side with more of a factor is preferred, (F,).

    Ties of the verdict count half; NaN where no pair has the factor on one side.
    """
    there = signs != 0
    with np.errstate(invalid="ignore", divide="ignore"):
        share = ((1 + signs * verdicts[:, None]) / 2 * there).sum(0) / there.sum(0)
    return np.asarray(share, dtype=np.float64)


def factors_report(
    pairs: Sequence[Pair],
    gaps: Sequence[float],
    *,
    resamples: int,
    seed: int,
    named: Mapping[str, Floats] | None = None,
) -> dict[str, Any] | None:
    """Return how each factor goes with people's verdicts and with the model's.

    People prefer the chosen side of every pair; which side that is says nothing, so
    both are written as seen from the chosen one.

    Args:
        gaps: the model's, chosen minus rejected.
        named: factors by name, (N,) each, instead of the looks.

    Returns:
        None where there are too few pairs or no factor differs.
    """
    if named is None:
        names, signs = comparisons(pairs)
    else:
        names, signs = list(named), np.sign(np.column_stack(list(named.values())))
    if len(pairs) < FEWEST or not names:
        return None
    people = np.ones(len(pairs))
    model = np.sign(np.asarray(gaps, dtype=np.float64))
    sides = {"people": people, "model": model}
    groups = [pair.group or pair.row_id for pair in pairs]
    told = {
        name: intervals(signs, verdicts, groups, resamples=resamples, seed=seed)
        for name, verdicts in sides.items()
    }
    weights = {
        name: posterior_means(signs, verdicts, seed=seed)
        for name, verdicts in sides.items()
    }
    wins = {name: chance_to_win(signs, verdicts) for name, verdicts in sides.items()}
    rows: list[dict[str, Any]] = [
        {
            "factor": name,
            "people": told["people"][i].as_dict(),
            "model": told["model"][i].as_dict(),
            "people_weight": float(weights["people"][i]),
            "model_weight": float(weights["model"][i]),
            "people_chance": float(wins["people"][i]),
            "model_chance": float(wins["model"][i]),
        }
        for i, name in enumerate(names)
    ]
    rows.sort(key=lambda row: -abs(row["people"]["value"]))
    return {
        "rows": rows,
        "alignment": _correlation(
            spearmanr, *(concordance(signs, v) for v in sides.values())
        ),
        "similarity": _correlation(np.corrcoef, *weights.values()),
        "caution": CAUTION,
    }


def _correlation(how: Any, one: Floats, other: Floats) -> float:
    """Return a correlation; 0 where one side does not vary."""
    if len(one) < 2 or np.ptp(one) == 0 or np.ptp(other) == 0:
        return 0.0
    found = how(one, other)
    return float(found.statistic if how is spearmanr else found[0, 1])
