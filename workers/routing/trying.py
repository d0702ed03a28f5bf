"""A trial: what a prediction's choices are worth where it was not fitted.

Two things make a trial's gain uncertain: whose held-out labels it was measured on, and
which pilot items, with which labels of people and judge, the proxies learned from. Both
are in its standard error, the second by a jackknife over the items.
"""

from collections.abc import Mapping, Sequence

import numpy as np

from workers.routing.choosing import CHOOSERS
from workers.routing.items import Bools, Floats
from workers.routing.mixes import mixed_labels
from workers.routing.pilots import Pilot, fitted
from workers.routing.prediction import Gain, Prediction, Trial
from workers.routing.proxy import correctness, fit

RANDOM_MIXES = 8
TRIAL_SHARE = 0.25
"""People's share in the trial against random."""
LEFT_OUT = 10
"""Groups of pilot items, each of which the jackknife leaves out once."""


def trial(
    names: Sequence[str],
    pilot: Pilot,
    mixes: int,
    rng: np.random.Generator,
    penalty: float,
) -> Trial:
    """Fit on one half, let each form choose in the other, and measure it there.

    Cross-validation over mixes cannot tell luck of the pilot from what holds: all mixes
    share its items and targets. Neither is shared here, nor a prompt of theirs.
    """
    halves = pilot.halves()
    measured = []
    for half, other in (halves, halves[::-1]):
        model = fitted(names, other, mixes, rng, penalty)
        measured.append(_measured(half, _choices(model, half, rng), penalty))
    return Trial(
        people=gain(measured, "people", "ai"),
        over_ai={form: gain(measured, f"{form} free", "ai") for form in CHOOSERS},
        over_random={
            form: gain(measured, f"{form} bound", "random") for form in CHOOSERS
        },
        share=TRIAL_SHARE,
    )


def _choices(
    model: Prediction, half: Pilot, rng: np.random.Generator
) -> dict[str, list[Bools]]:
    """Return who is asked: nobody, all, some at random, and each form's choice.

    A form chooses twice: as many as it likes (free), and at most as many as are drawn
    at random (bound).
    """
    size = len(half.gaps)
    few = max(1, round(TRIAL_SHARE * size))
    nobody, luck = np.zeros(size, dtype=bool), rng.random(size)
    mixes = {"ai": [nobody], "people": [~nobody], "random": []}
    for _ in range(RANDOM_MIXES):
        drawn = nobody.copy()
        drawn[rng.permutation(size)[:few]] = True
        mixes["random"].append(drawn)
    for form, choose in CHOOSERS.items():
        for name, most in (("free", size), ("bound", few)):
            order, _ = choose(model, half.carried, nobody, luck, most=most, seed=0)
            taken = nobody.copy()
            taken[order[:most]] = True
            if name == "bound" and not taken.any():
                taken = mixes["random"][0]
            mixes[f"{form} {name}"] = [taken]
    return mixes


def _measured(
    half: Pilot, mixes: Mapping[str, Sequence[Bools]], penalty: float
) -> dict[str, Floats]:
    """Return how right each mix's proxy is on each prompt, (prompts, 1 + LEFT_OUT).

    The first column learned from all items, each other one without a part of them;
    items of one prompt are in one part, and targets of one prompt are one row, whose
    weight is their number: a mean over rows is one over targets.
    """
    rows = np.stack([each for group in mixes.values() for each in group])
    labels = mixed_labels(rows, half.human, half.ai)
    count = labels.shape[1]
    ranks = half.item_ranks
    group = ranks * LEFT_OUT // (ranks.max() + 1)
    kept = group[:, None] != np.arange(-1, LEFT_OUT)  # the first leaves out nobody
    heads = fit(
        half.gaps,
        np.tile(labels, (1, 1 + LEFT_OUT)),
        penalty=penalty,
        weights=np.repeat(kept, count, axis=1).astype(float),
    )
    clear = half.target != 0.5
    right = correctness(half.target_gaps[clear], half.target[clear], heads)
    _, prompt = np.unique(half.target_ranks[clear], return_inverse=True)
    hits = np.zeros((prompt.max() + 1, right.shape[1]))
    np.add.at(hits, prompt, right)
    hits = (hits * len(hits) / len(right)).reshape(-1, 1 + LEFT_OUT, count)
    found, start = {}, 0
    for name, taken in mixes.items():
        found[name] = hits[:, :, start : start + len(taken)].mean(axis=2)
        start += len(taken)
    return found


def gain(halves: Sequence[Mapping[str, Floats]], ours: str, theirs: str) -> Gain:
    """Return the mean difference over the halves' prompts, with its standard error.

    The error's square is the variance over prompts aimed at plus, half by half, the
    variance over items.

    Args:
        halves: how right each mix is, as `_measured` returns it.
    """
    apart = [half[ours] - half[theirs] for half in halves]
    whole = np.concatenate([each[:, 0] for each in apart])
    if len(whole) < 2:
        return Gain(float(whole.mean()), np.inf)
    square = whole.var(ddof=1) / len(whole)
    square += sum((len(e) / len(whole)) ** 2 * _over_items(e[:, 1:]) for e in apart)
    return Gain(float(whole.mean()), float(np.sqrt(square)))


def _over_items(left_out: Floats) -> float:
    """Return the variance of a mean over targets that comes of the items' luck.

    The grouped jackknife, (g - 1) / g times the sum of squares of what the mean is
    without each group, counts besides what single targets do by chance when a group is
    missing. The variance over targets has that already, so it is taken off: as if
    targets were independent, the mean of their own jackknife variances by their number.

    Args:
        left_out: a difference by target and group left out, (targets, groups).

    Source: Efron and Stein 1981, The Jackknife Estimate of Variance.
    """
    targets, groups = left_out.shape
    share = (groups - 1) / groups
    mean = left_out.mean(axis=0)
    whole = share * ((mean - mean.mean()) ** 2).sum()
    single = share * ((left_out - left_out.mean(axis=1, keepdims=True)) ** 2).sum(1)
    return float(max(0.0, whole - single.mean() / targets))
