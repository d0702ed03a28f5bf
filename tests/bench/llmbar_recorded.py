"""Recorded judges of llmbar: how often they flip, and what their votes are worth.

Each judge was asked with two prompts in both orders, so it has up to four votes on a
pair; the panel is all of them. The share of votes for the first side, with half a vote
for each ahead, is taken as a probability and compared with the people's label: accuracy
and expected calibration error, as it is and after a temperature that was fitted on
other pairs (five folds, drawn anew for each seed). Intervals are 95 % bootstraps of
pairs. The error of few pairs in ten bins lies above 0 even for a judge that is right as
often as it says; how much is printed beside it, by labels drawn as the fitted
probabilities say.

    make bench-llmbar-recorded [ARGS="--seeds 5"]
"""

import argparse
import gzip
import json
from collections import defaultdict
from pathlib import Path
from typing import Any

import numpy as np

from annotation.quality.judges import BINS, fit_temperature
from tests.bench.study import data_file
from training.services.curation_heads import Floats, sigmoid

FOLDS = 5
BOOTSTRAPS = 1000
PANEL = "all, as a panel"
Votes = dict[str, dict[int, list[float]]]


def read(path: Path) -> tuple[Votes, Floats, dict[str, list[list[float]]]]:
    """Return votes by judge and pair, people's labels, and each prompt's two orders."""
    votes: Votes = defaultdict(lambda: defaultdict(list))
    orders: dict[str, list[list[float]]] = defaultdict(list)
    truth = []
    with gzip.open(path, "rt", encoding="utf-8") as lines:
        rows: list[dict[str, Any]] = [json.loads(line) for line in lines]
    for place, row in enumerate(rows):
        truth.append(1.0 if row["gold"] == "a" else 0.0)
        asked: dict[str, list[float]] = defaultdict(list)
        for label in row["labels"]:
            if label["kind"] != "ai" or label["choice"] not in ("a", "b"):
                continue
            vote = 1.0 if label["choice"] == "a" else 0.0
            judge = str(label["annotator"]).partition("/")[0]
            votes[judge][place].append(vote)
            votes[PANEL][place].append(vote)
            asked[str(label["annotator"])].append(vote)
        for name, said in asked.items():
            if len(said) == 2:
                orders[name].append(said)
    return votes, np.array(truth), orders


def calibration_error(said: Floats, truth: Floats) -> float:
    """Return the expected calibration error in equal bins of confidence.

    Source: Naeini et al. 2015, over max(p, 1 - p) from 1/2 to 1.
    """
    sure = np.maximum(said, 1 - said)
    place = np.minimum(((sure - 0.5) * 2 * BINS).astype(int), BINS - 1)
    apart = sure - ((said > 0.5) == (truth > 0.5))
    return float(np.abs(np.bincount(place, apart, BINS)).sum() / len(said))


def cooled(said: Floats, truth: Floats, seed: int) -> tuple[Floats, list[float]]:
    """Return probabilities after a temperature of other folds, and the temperatures."""
    fold = np.random.default_rng(seed).permutation(len(said)) % FOLDS
    odds, found, fitted = np.log(said / (1 - said)), np.empty(len(said)), []
    for out in range(FOLDS):
        kept = fold != out
        pairs = zip(said[kept].tolist(), (truth[kept] > 0.5).tolist(), strict=True)
        fitted.append(fit_temperature(list(pairs)))
        found[fold == out] = sigmoid(odds[fold == out] / fitted[-1])
    return found, fitted


def told(values: Floats) -> str:
    low, high = np.quantile(values[1:], [0.025, 0.975])
    return f"{values[0]:.3f} [{low:.3f}, {high:.3f}]"


def study(name: str, votes: dict[int, list[float]], people: Floats, seeds: int) -> str:
    """Return a judge's line; the first of each row of figures is of the pairs."""
    places = sorted(votes)
    count = len(places)
    said = np.array([(sum(votes[p]) + 0.5) / (len(votes[p]) + 1) for p in places])
    truth = people[places]
    by_seed = [cooled(said, truth, seed) for seed in range(seeds)]
    after = np.array([each for each, _ in by_seed])
    draw = np.random.default_rng(0)
    rows = [np.arange(count), *draw.integers(count, size=(BOOTSTRAPS, count))]
    decided = said != 0.5
    right = np.where(decided, (said > 0.5) == (truth > 0.5), np.nan)
    before = np.array([calibration_error(said[r], truth[r]) for r in rows])
    fitted = np.array(
        [np.mean([calibration_error(s[r], truth[r]) for s in after]) for r in rows]
    )
    luck = [
        calibration_error(after[0], (draw.random(count) < after[0]).astype(float))
        for _ in range(BOOTSTRAPS)
    ]
    heat = [each for _, fits in by_seed for each in fits]
    gain = before - fitted
    return (
        f"{name}: {count} pairs, right where decided "
        f"{told(np.array([np.nanmean(right[r]) for r in rows]))} on {decided.sum()}; "
        f"ECE {told(before)}, after temperature {told(fitted)} (by luck alone "
        f"{np.mean(luck):.3f}), lower by {told(gain)}; temperature "
        f"{np.mean(heat):.2f} ({min(heat):.2f} to {max(heat):.2f})"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=5)
    given = parser.parse_args()
    votes, people, orders = read(data_file("llmbar/pairs.jsonl.gz"))
    for name, asked in sorted(orders.items()):
        both = np.array(asked)
        flips = (both[:, 0] != both[:, 1]).astype(float)
        draw = np.random.default_rng(0).integers(len(flips), size=(10000, len(flips)))
        share = np.concatenate([[flips.mean()], flips[draw].mean(axis=1)])
        print(f"{name}: flips with the order {told(share)} of {len(flips)}")
    for name in sorted(votes):
        print(study(name, votes[name], people, given.seeds))


if __name__ == "__main__":
    main()
