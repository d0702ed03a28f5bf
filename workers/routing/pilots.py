"""A pilot: what people and a judge both answered, and the prediction fitted on it."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from workers.routing.items import Floats, Places
from workers.routing.mixes import draw_mixes, mixed_labels, vectors
from workers.routing.prediction import Prediction
from workers.routing.proxy import accuracies, fit


@dataclass(frozen=True)
class Pilot:
    """Items that people and a judge both answered, and people's held-out labels.

    Attributes:
        carried: which item carries which feature, shape (n, J).
        gaps: embeddings of the first minus the second, shape (n, d).
        human, ai: probability that the first is better, shape (n,).
        target_gaps, target: what the proxies are measured on; a label of 1/2 is not.
    """

    carried: Floats
    gaps: Floats
    human: Floats
    ai: Floats
    target_gaps: Floats
    target: Floats

    def __post_init__(self) -> None:
        if len(self.gaps) < 2 or (self.target != 0.5).sum() < 2:
            raise ValueError(
                "Expected items that people and a judge answered, and held-out labels "
                f"of people; found {len(self.gaps)} and "
                f"{int((self.target != 0.5).sum())}."
            )

    def part(self, items: Places, targets: Places) -> "Pilot":
        """Return the items and targets at these places."""
        return Pilot(
            self.carried[items],
            self.gaps[items],
            self.human[items],
            self.ai[items],
            self.target_gaps[targets],
            self.target[targets],
        )


def fitted(
    names: Sequence[str],
    pilot: Pilot,
    mixes: int,
    rng: np.random.Generator,
    penalty: float,
) -> Prediction:
    """Return the prediction of a pilot's candidate mixes, untried."""
    taken = draw_mixes(pilot.carried, mixes, rng=rng)
    heads = fit(pilot.gaps, mixed_labels(taken, pilot.human, pilot.ai), penalty=penalty)
    return Prediction(
        names,
        vectors(taken, pilot.carried),
        taken.mean(axis=1),
        accuracies(pilot.target_gaps, pilot.target, heads),
    )
