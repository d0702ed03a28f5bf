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
        groups, target_groups: prompt groups by number, whose rows stand and fall
            together, shape (n,) and (targets,); None: each row is its own.
    """

    carried: Floats
    gaps: Floats
    human: Floats
    ai: Floats
    target_gaps: Floats
    target: Floats
    groups: Places | None = None
    target_groups: Places | None = None

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
            None if self.groups is None else self.groups[items],
            None if self.target_groups is None else self.target_groups[targets],
        )

    @property
    def item_ranks(self) -> Places:
        """Which prompt group each item is of, counted as they come, shape (n,)."""
        return _ranks(self.groups, len(self.gaps))

    @property
    def target_ranks(self) -> Places:
        """Which prompt group each target is of, counted as they come, (targets,)."""
        return _ranks(self.target_groups, len(self.target))

    def halves(self) -> tuple["Pilot", "Pilot"]:
        """Return two pilots that share no prompt group, every other group in each."""
        items, targets = self.item_ranks % 2, self.target_ranks % 2
        first, second = (
            self.part(np.flatnonzero(items == side), np.flatnonzero(targets == side))
            for side in (0, 1)
        )
        return first, second


def _ranks(groups: Places | None, size: int) -> Places:
    if groups is None:
        return np.arange(size)
    _, first, place = np.unique(groups, return_index=True, return_inverse=True)
    return np.asarray(np.argsort(np.argsort(first))[place])


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
