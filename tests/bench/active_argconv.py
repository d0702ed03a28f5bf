"""Does choosing what to ask beat asking at random? Replayed on real crowd labels.

Debates are left out in turn. Pairs of the others form a pool whose labels are hidden;
a strategy asks for one worker's label of a pair at a time, in batches, and a small
head on frozen MiniLM features learns from what it got. Its accuracy on the debate that
was left out, against the majority of that debate's workers, makes the curve. Printed
for each strategy: the mean accuracy over the curve (its area, divided by its length),
less that of random in the same debate and seed, with bootstrap intervals over debates
and the seeds within, and over seeds alone; and the labels it saves to reach what random
reaches, in the end and on average over its sizes.
"""

import argparse
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from tests.bench.frozen import Comparisons, embedded, read_rows
from tests.bench.study import data_file
from training.services.curation_heads import Floats, ensemble, fit, projection
from training.services.round_strategies import RANKINGS, RIDGE, WIDTH, Pool

START, BATCH, LABELS = 20, 20, 600
MEMBERS = 10
WITHOUT_ENSEMBLE = ("random", "errors", "variance", "uncertainty", "diversity")
# Optimism looks at completions of one prompt; a debate's pairs are of many.
STRATEGIES = [name for name in RANKINGS if name not in ("random", "optimism")]
DEVELOPED = 3
"""Of the debates in order of name, the first that settings were chosen on, with other
seeds: `--develop` leaves out these alone, so no choice saw a curve of the others."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--first-seed", type=int, default=100)
    parser.add_argument("--strategies", nargs="*", default=STRATEGIES)
    parser.add_argument("--labels", type=int, default=LABELS)
    parser.add_argument(
        "--sides",
        action="store_true",
        help="leave out a side of a debate, the corpus' own topics, not the debate",
    )
    parser.add_argument("--develop", action="store_true", help="first seed 0 as well")
    given = parser.parse_args()
    rows = read_rows(
        data_file("argconv/pairs_train.jsonl.gz"),
        data_file("argconv/pairs_test.jsonl.gz"),
    )
    data = embedded(rows)
    developed = DEVELOPED * (2 if given.sides else 1)
    if given.sides:
        sides = np.array([row["prompt"][0]["content"] for row in rows])
        data = replace(data, topics=sides)
    debates = sorted(set(data.topics.tolist()))
    places = range(developed if given.develop else len(debates))
    if given.develop:
        given.first_seed = 0
    seeds = range(given.first_seed, given.first_seed + given.seeds)
    print(f"{len(data.gaps)} pairs, {len(places)} topics, {given.seeds} seeds")
    curves = {
        name: np.array(
            [
                [
                    replay(name, data, debates, place, seed, given.labels)
                    for seed in seeds
                ]
                for place in places
            ]
        )
        for name in ("random", *given.strategies)
    }
    chance = curves["random"]
    print(f"random: area {chance.mean():.4f}, in the end {chance[..., -1].mean():.4f}")
    for name in given.strategies:
        gain = (curves[name] - chance).mean(axis=2)  # (debates, seeds)
        print(
            f"{name}: area {curves[name].mean():.4f}, minus random "
            f"{gain.mean():+.4f} {interval(gain)}, of these topics "
            f"{interval(gain, fixed=True)}; in the end "
            f"{curves[name][..., -1].mean():.4f}; labels saved "
            f"{saving(curves[name], chance)}; topics where it is above random: "
            f"{int((gain.mean(axis=1) > 0).sum())}, by topic "
            f"{' '.join(f'{each:+.3f}' for each in gain.mean(axis=1))}"
        )
        if given.sides:
            paired = gain.reshape(len(places) // 2, -1)
            print(f"  both sides of a debate resampled together: {interval(paired)}")
        if not given.develop:
            unseen = gain[developed:]
            saved = saving(curves[name][developed:], chance[developed:])
            print(
                f"  topics that no choice saw: {unseen.mean():+.4f} "
                f"{interval(unseen)}, of these {interval(unseen, fixed=True)}; labels "
                f"saved {saved}"
            )


def replay(
    name: str,
    data: Comparisons,
    debates: Sequence[str],
    place: int,
    seed: int,
    labels: int,
) -> Floats:
    """Return the accuracy on a debate after each batch of labels of the others."""
    # The same start and the same workers' votes whatever the strategy.
    draw = np.random.default_rng([seed, place])
    mine = data.topics == debates[place]
    pool = np.flatnonzero(~mine)
    test = np.flatnonzero(mine & (data.majority != 0.5))
    narrow = projection(data.gaps[pool], WIDTH)
    z, held = narrow(data.gaps[pool]), narrow(data.gaps[test])
    texts, sides = narrow(data.features), data.sides[pool]
    prompts = data.prompts[pool]
    votes = data.votes[pool]
    said = (draw.random(len(pool)) < votes[:, 0] / votes.sum(axis=1)).astype(float)
    asked = [int(pair) for pair in draw.choice(len(pool), START, replace=False)]
    curve = []
    while True:
        head = fit(z[asked], said[asked], ridge=RIDGE)
        right = (held @ head > 0) == (data.majority[test] > 0.5)
        curve.append(float(right.mean()))
        if len(asked) >= labels:
            return np.array(curve)
        rest = np.setdiff1d(np.arange(len(pool)), asked)
        scores = np.zeros((1, len(texts)))
        if name not in WITHOUT_ENSEMBLE:
            heads = ensemble(
                z[asked], said[asked], members=MEMBERS, ridge=RIDGE, seed=seed
            )
            scores = heads @ texts.T
        order = RANKINGS[name](
            Pool(
                odds=z[rest] @ head,
                prompts=prompts[rest],
                first=scores[:, sides[rest, 0]],
                second=scores[:, sides[rest, 1]],
                gaps=z[rest],
                learned=z[asked],
                wanted=BATCH,
                head=head,
                sides=sides[rest],
                learned_sides=sides[asked],
            ),
            draw,
        )
        asked += [int(pair) for pair in rest[order[:BATCH]]]


def saving(curves: Floats, chance: Floats, *, resamples: int = 2000) -> str:
    """Return the share of labels saved to reach what random reaches, with intervals.

    Of the last level of random's curve, and the mean over all its sizes, on curves
    averaged over debates and seeds and made to rise; a level that is never reached
    counts as reached at the end. Resamples debates.
    """
    debates = len(curves)
    draw = np.random.default_rng(0)
    found = []
    for number in range(resamples + 1):
        pick = np.arange(debates)
        if number:
            pick = np.asarray(draw.integers(debates, size=debates))
        saved = _saved(curves[pick].mean(axis=(0, 1)), chance[pick].mean(axis=(0, 1)))
        found.append((saved[-1], saved.mean()))
    low, high = np.quantile(found[1:], [0.025, 0.975], axis=0)
    last, mean = (
        f"{share:.0%} [{least:.0%}, {most:.0%}]"
        for share, least, most in zip(found[0], low, high, strict=True)
    )
    return f"{last} in the end, {mean} on average"


def _saved(curve: Floats, chance: Floats) -> Floats:
    """Return the share saved at each of random's S sizes but the first, (S - 1,)."""
    rising, targets = np.maximum.accumulate(curve), np.maximum.accumulate(chance)
    sizes = START + BATCH * np.arange(len(curve))
    last = len(curve) - 1
    here = np.minimum(np.searchsorted(rising, targets[1:]), last)
    there = np.searchsorted(targets, targets[1:])
    return np.asarray(1 - sizes[here] / sizes[there], dtype=np.float64)


def interval(gain: Floats, *, fixed: bool = False, resamples: int = 10000) -> str:
    """Return the 95 % bootstrap interval of a mean over (debates, seeds).

    Args:
        fixed: resample seeds alone, and so speak of these very debates; else debates
            too, and so of debates like them.
    """
    draw = np.random.default_rng(0)
    debates, seeds = gain.shape
    means = []
    for _ in range(resamples):
        rows = np.arange(debates)[:, None]
        if not fixed:
            rows = np.asarray(draw.integers(debates, size=(debates, 1)))
        columns = np.asarray(draw.integers(seeds, size=(debates, seeds)))
        means.append(gain[rows, columns].mean())
    low, high = np.quantile(means, [0.025, 0.975])
    return f"[{low:+.4f}, {high:+.4f}]"


if __name__ == "__main__":
    main()
