"""Fitting the performance prediction: candidate mixes, proxies, accuracies, a trial."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from workers.routing.pilots import Pilot, fitted
from workers.routing.prediction import Prediction
from workers.routing.trying import trial

# A feature that hardly anything or hardly nothing carries cannot be learned about.
RARE = 0.01
MOST_FEATURES = 48
"""The quadratic form has a coefficient for each two of them; the most even are kept."""


def learn_prediction(
    features: Sequence[str],
    pilot: Pilot,
    *,
    mixes: int,
    rng: np.random.Generator,
    penalty: float = 1.0,
) -> Prediction:
    """Return the prediction learned from a pilot, and tried out on halves of it.

    Raises:
        ValueError: where no feature is carried by some items and not by others.
    """
    common = pilot.carried.mean(axis=0)
    kept = (common >= RARE) & (common <= 1 - RARE)
    if not kept.any():
        raise ValueError("Expected a feature that some items carry and others do not.")
    if kept.sum() > MOST_FEATURES:
        even = np.where(kept, common * (1 - common), -1)
        kept = np.zeros_like(kept)
        kept[np.argsort(-even, kind="stable")[:MOST_FEATURES]] = True
    names = [name for name, keep in zip(features, kept, strict=True) if keep]
    pilot = replace(pilot, carried=pilot.carried[:, kept])
    found = fitted(names, pilot, mixes, rng, penalty)
    found.trial = trial(names, pilot, mixes, rng, penalty)
    return found


__all__ = ["Pilot", "learn_prediction"]
