"""A reward model's report: accuracy, baselines, calibration, each with an interval."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any, Literal

from training.engine.data import Pair
from training.engine.evaluate import baselines
from training.engine.evaluate.metrics import (
    Interval,
    bootstrap_mean,
    bootstrap_over_items,
    expected_calibration_error,
    pair_credit,
    pair_loss,
    reliability,
)

Unit = Literal["texts", "groups"]

TEXTS_REPEAT = 2.0
"""From this many rows a text on, resampling draws texts instead of prompt groups."""


def resampling_unit(pairs: Sequence[Pair]) -> Unit:
    """Return what intervals resample: texts where each meets many others."""
    sides = [side for pair in pairs for side in (pair.chosen, pair.rejected)]
    texts = {baselines.text_of(side) for side in sides}
    return "texts" if len(sides) / len(texts) >= TEXTS_REPEAT else "groups"


def interval(
    values: Sequence[float], pairs: Sequence[Pair], *, resamples: int, seed: int
) -> Interval:
    """Return the mean of one number a pair, with the interval that suits the data."""
    if resampling_unit(pairs) == "groups":
        return bootstrap_mean(
            values, [pair.group for pair in pairs], resamples=resamples, seed=seed
        )
    items = [
        (baselines.text_of(pair.chosen), baselines.text_of(pair.rejected))
        for pair in pairs
    ]
    return bootstrap_over_items(values, items, resamples=resamples, seed=seed)


def reward_report(
    gaps: Sequence[float],
    pairs: Sequence[Pair],
    train: Sequence[Pair],
    *,
    with_baselines: bool,
    resamples: int,
    seed: int,
) -> dict[str, Any]:
    """Return everything there is to say about a reward model on test pairs.

    Args:
        gaps: the model's score differences, chosen minus rejected, one a pair.
        pairs: the decided test pairs.
        train: the pairs that trained baselines learn from; may be empty.
    """
    credit = pair_credit(gaps)

    def estimate(values: Sequence[float]) -> Interval:
        return interval(values, pairs, resamples=resamples, seed=seed)

    report: dict[str, Any] = {
        "pairs": len(pairs),
        "resampled": resampling_unit(pairs),
        "accuracy": estimate(credit.tolist()).as_dict(),
        "loss": pair_loss(gaps),
        "ece": expected_calibration_error(gaps),
        "reliability": [asdict(row) for row in reliability(gaps)],
        "baselines": {},
    }
    if not with_baselines:
        return report
    rivals: dict[str, list[float] | None] = {
        "longer": baselines.longer_wins(pairs),
        "tfidf": baselines.tfidf_logistic(train, pairs, seed=seed) if train else None,
    }
    for name, rival in rivals.items():
        if rival is None:
            continue
        theirs = pair_credit(rival)
        difference = estimate((credit - theirs).tolist())
        report["baselines"][name] = {
            "accuracy": estimate(theirs.tolist()).as_dict(),
            "difference": difference.as_dict(),
            "beaten": difference.low > 0,
        }
    return report


def flat_reward_metrics(report: dict[str, Any]) -> dict[str, Any]:
    """Return the report's headline numbers under flat names."""
    metrics = {
        "pairs": report["pairs"],
        "accuracy": report["accuracy"]["value"],
        "accuracy/low": report["accuracy"]["low"],
        "accuracy/high": report["accuracy"]["high"],
        "loss": report["loss"],
        "ece": report["ece"],
    }
    for name, rival in report["baselines"].items():
        metrics[f"baseline/{name}"] = rival["accuracy"]["value"]
        for key in ("value", "low", "high"):
            metrics[f"over_{name}/{key}"] = rival["difference"][key]
    return metrics
