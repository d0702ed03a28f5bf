"""What a plan is made from and what it says: items, a budget, what is known, decisions.

An item carries indicators (statistics in bins, tags) and signals (numbers of models and
judges). None of them knows what a person said about the item (invariant 7).
"""

import hashlib
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from workers.routing.prediction import Prediction

Route = Literal["human", "ai", "both", "skip"]
Floats = npt.NDArray[np.floating[Any]]
Places = npt.NDArray[np.integer[Any]]
Bools = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Item:
    """One pair that somebody has to answer.

    Attributes:
        indicators: the features it carries, such as `rouge=low` or `subject=law`.
        signals: what models say of it. `margin`: the log-odds, by an ensemble of
            small heads, that the first is better; `spread`: their standard deviation
            over the ensemble; `reward`: the log-odds of a reward model that is in use,
            where there is one; `votes`: the ensemble's share for the first; `judge`:
            the judge's probability for the first, both orders averaged; `flip`: how
            far the two orders disagree, 0 to 1; `novelty`: distance to what was asked
            before.
        human_cost: what a person's answer costs.
        ai_cost: what the judge's answer costs; 0 where it is there already.
    """

    id: Hashable
    indicators: frozenset[str] = frozenset()
    signals: Mapping[str, float] = field(default_factory=dict)
    human_cost: float = 1.0
    ai_cost: float = 0.0

    def __post_init__(self) -> None:
        if not (self.human_cost >= 0 and self.ai_cost >= 0):
            raise ValueError(
                f"Expected costs of at least 0 for item {self.id!r}, found "
                f"{self.human_cost} and {self.ai_cost}."
            )


@dataclass(frozen=True)
class Budget:
    """What may be spent, and the share that people get whatever a policy says.

    Attributes:
        spend: an upper bound in the items' unit of cost; None is no bound.
        floor: the share of all items that people get at random, so that the judge's
            bias can always be estimated. 0 is for baselines in studies.
    """

    spend: float | None = None
    floor: float = 0.05

    def __post_init__(self) -> None:
        if self.spend is not None and not self.spend >= 0:
            raise ValueError(f"Expected a budget of at least 0, found {self.spend}.")
        if not 0 <= self.floor <= 1:
            raise ValueError(f"Expected a floor from 0 to 1, found {self.floor}.")


@dataclass(frozen=True)
class State:
    """What is known when the plan is made.

    Attributes:
        prediction: the performance-prediction model, if one has been fitted.
        quotas: people's share of the items with an indicator; "*" stands for all.
        threshold: escalation leaves alone what the judge is at least this sure of.
        demands: indicators that take an item to people however sure the judge is.
        conflicts: items whose judge and person disagree: they get a second person.
        optimism: how many standard deviations a doubt is stretched by.
    """

    prediction: "Prediction | None" = None
    quotas: Mapping[str, float] = field(default_factory=dict)
    threshold: float = 0.9
    demands: frozenset[str] = frozenset()
    conflicts: frozenset[Hashable] = frozenset()
    optimism: float = 1.0


@dataclass(frozen=True)
class Decision:
    """Who answers an item.

    Attributes:
        score: how much the policy wants a person to see it; higher is more.
        people: how many people are asked.
        floor: True where the exploration floor drew it.
    """

    route: Route
    score: float
    reason: str
    people: int = 0
    floor: bool = False


def chance(seed: int, purpose: str, id: Hashable) -> float:
    """Return an item's own number in [0, 1): the same wherever it stands in a list."""
    text = f"{seed}:{purpose}:{id}".encode()
    return int.from_bytes(hashlib.blake2b(text, digest_size=7).digest()) / 2**56


class Table:
    """Items as columns.

    Attributes:
        chance: one number an item, for random choices and for ties.
        seed: for draws that are not one an item.
    """

    def __init__(self, items: Sequence[Item], seed: int) -> None:
        self.items = items
        self.seed = seed
        self.chance = np.array([chance(seed, "order", item.id) for item in items])
        self.human_cost = np.array([item.human_cost for item in items], dtype=float)
        self.ai_cost = np.array([item.ai_cost for item in items], dtype=float)

    def __len__(self) -> int:
        return len(self.items)

    def signal(self, name: str) -> Floats:
        """Return a signal, NaN where an item lacks it."""
        values = [item.signals.get(name, np.nan) for item in self.items]
        return np.array(values, dtype=float)

    def matrix(self, features: Sequence[str]) -> Floats:
        """Return which item carries which feature, shape (items, features), 0 or 1."""
        place = {name: column for column, name in enumerate(features)}
        found = np.zeros((len(self.items), len(features)))
        for row, item in enumerate(self.items):
            for name in item.indicators:
                if name in place:
                    found[row, place[name]] = 1
        return found

    def best_first(self, scores: Floats) -> list[int]:
        """Return places by falling score; ties fall by each item's own chance."""
        return [int(i) for i in np.lexsort((self.chance, -scores))]
