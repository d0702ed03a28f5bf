"""A reward model's report: accuracy by tag, baselines, calibration, with intervals."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any, Literal

from training.engine.data import Pair
from training.engine.evaluate import baselines
from training.engine.evaluate.calibration import calibration
from training.engine.evaluate.groups import by_tag
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
    values: Sequence[float],
    pairs: Sequence[Pair],
    *,
    shares: bool = True,
    resamples: int,
    seed: int,
) -> Interval:
    """Return the mean of one number a pair, with the interval that suits the data.

    Args:
        shares: the numbers are credits between 0 and 1; false: differences of them.
    """
    options: dict[str, Any] = {"shares": shares, "resamples": resamples, "seed": seed}
    if resampling_unit(pairs) == "groups":
        return bootstrap_mean(values, [pair.group for pair in pairs], **options)
    return bootstrap_over_items(values, items_of(pairs, "texts"), **options)


def items_of(pairs: Sequence[Pair], unit: Unit) -> list[tuple[str, ...]]:
    """Return what is drawn when a pair is: its group, or the texts it compares."""
    if unit == "groups":
        return [(pair.group,) for pair in pairs]
    return [
        (baselines.text_of(pair.chosen), baselines.text_of(pair.rejected))
        for pair in pairs
    ]


def reward_report(
    gaps: Sequence[float],
    pairs: Sequence[Pair],
    train: Sequence[Pair],
    *,
    with_baselines: bool,
    resamples: int,
    seed: int,
    tags: Sequence[str] = (),
) -> dict[str, Any]:
    """Return everything there is to say about a reward model on test pairs.

    Args:
        gaps: the model's score differences, chosen minus rejected, one a pair.
        pairs: the decided test pairs.
        train: the pairs that trained baselines learn from; may be empty.
        tags: columns of the pairs' ``extra`` by whose values accuracy is told apart.
    """
    credit = pair_credit(gaps)
    unit = resampling_unit(pairs)

    def estimate(
        values: Sequence[float], of: Sequence[Pair] = pairs, *, shares: bool = True
    ) -> Interval:
        return interval(values, of, shares=shares, resamples=resamples, seed=seed)

    report: dict[str, Any] = {
        "pairs": len(pairs),
        "resampled": unit,
        "accuracy": estimate(credit.tolist()).as_dict(),
        "loss": pair_loss(gaps),
        "ece": expected_calibration_error(gaps),
        "reliability": [asdict(row) for row in reliability(gaps)],
        "calibration": calibration(gaps, [pair.group for pair in pairs], seed=seed),
        "by_tag": by_tag(
            credit.tolist(),
            pairs,
            tags,
            estimate=estimate,
            items=items_of(pairs, unit),
            resamples=resamples,
            seed=seed,
        ),
        "baselines": {},
    }
    if not with_baselines:
        return report
    for name, rival in baselines.all_of(train, pairs, seed=seed).items():
        theirs = pair_credit(rival)
        difference = estimate((credit - theirs).tolist(), shares=False)
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
        "ece/by_chance": report["calibration"]["ece_by_chance"],
        "temperature": report["calibration"]["temperature"],
    }
    for column, found in report["by_tag"].items():
        if found["worst"] is not None:
            for key in ("value", "low", "high"):
                metrics[f"worst_{column}/{key}"] = found["worst"]["accuracy"][key]
    for name, rival in report["baselines"].items():
        metrics[f"baseline/{name}"] = rival["accuracy"]["value"]
        for key in ("value", "low", "high"):
            metrics[f"over_{name}/{key}"] = rival["difference"][key]
    return metrics
