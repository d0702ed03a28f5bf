"""Reliability: what labels say together when some annotators err more than others.

Each annotator is believed as far as the others' labels bear them out, with no gold
label anywhere. Source: Dawid and Skene 1979, Maximum Likelihood Estimation of Observer
Error-Rates Using the EM Algorithm, with each annotator's table of errors drawn to the
pooled one, and the two sides of a pair mirrored: which side is first is our own order.
"""

from array import array
from collections.abc import Iterable
from dataclasses import dataclass
from hashlib import blake2b

import numpy as np
import numpy.typing as npt

from annotation.projections.pair_rows import PairRow

FIRST, SECOND, TIE = range(3)
MIRROR = [SECOND, FIRST, TIE]
PULL = 3.0  # labels' worth of the pooled table in each row of an annotator's
ROUNDS = 200
CLOSE = 1e-5
TINY = 1e-12
MODEL = "model"

Array = npt.NDArray[np.float64]
Belief = tuple[float, float, float]


def dawid_skene(
    items: npt.NDArray[np.int64],
    voters: npt.NDArray[np.int64],
    opinions: npt.NDArray[np.int64],
    pull: float = PULL,
    weights: Array | None = None,
) -> tuple[Array, Array]:
    """Return what is probably true of each item, and each voter's table of errors.

    Errors are learned from items that two or more have voted on. Of an item with one
    voter the truth is what that voter is believed to be right about, so it bears out
    any table; many of them would hold each round where the last one stood.

    Args:
        items, voters, opinions: one entry a vote, [votes]; items and voters count from
            0 without gaps, opinions are FIRST, SECOND or TIE.
        pull: votes' worth of the pooled table that each row of a voter's table holds.
        weights: how much each vote counts, [votes]; None: one each.

    Returns:
        Probabilities [items, 3], and tables [voters, 3, 3] of saying k when j is true;
        rows sum to 1.
    """
    count, people = int(items.max()) + 1, int(voters.max()) + 1
    worth = np.ones(len(items)) if weights is None else weights
    true = np.zeros((count, 3))
    np.add.at(true, (items, opinions), worth)
    true /= true.sum(1, keepdims=True)
    met = _met_by_two(items, voters, count)
    shared = items[met], voters[met], opinions[met], worth[met]
    for _ in range(ROUNDS):
        tables = _tables(true, *shared, people, pull)
        share = true.mean(0)
        share = (share + share[MIRROR]) / 2
        log = np.tile(np.log(np.maximum(share, TINY)), (count, 1))
        said = np.log(np.maximum(tables[voters, :, opinions], TINY))
        np.add.at(log, items, worth[:, None] * said)
        found = np.exp(log - log.max(1, keepdims=True))
        found /= found.sum(1, keepdims=True)
        moved = float(np.abs(found - true).max())
        true = found
        if moved < CLOSE:
            break
    return true, _tables(true, *shared, people, pull)


def _met_by_two(
    items: npt.NDArray[np.int64], voters: npt.NDArray[np.int64], count: int
) -> npt.NDArray[np.bool_]:
    """Return which votes are on items of two voters or more; all, where none is."""
    first = np.full(count, -1)
    first[items] = voters
    two = np.zeros(count, dtype=bool)
    two[items[voters != first[items]]] = True
    return two[items] if two.any() else np.ones(len(items), dtype=bool)


def _tables(
    true: Array,
    items: npt.NDArray[np.int64],
    voters: npt.NDArray[np.int64],
    opinions: npt.NDArray[np.int64],
    worth: Array,
    people: int,
    pull: float,
) -> Array:
    """Return each voter's table of errors, mirrored and drawn to the pooled one."""
    tables = np.zeros((people, 3, 3))
    for opinion in range(3):
        of_it = opinions == opinion
        held = worth[of_it, None] * true[items[of_it]]
        np.add.at(tables[:, :, opinion], voters[of_it], held)
    tables += tables[:, MIRROR][:, :, MIRROR]
    # A tie is its own mirror image, and its votes are no more than they were.
    tables[:, TIE] /= 2
    pooled = tables.sum(0)
    pooled /= np.maximum(pooled.sum(1, keepdims=True), TINY)
    tables += pull * pooled
    return np.asarray(tables / np.maximum(tables.sum(2, keepdims=True), TINY))


@dataclass(frozen=True)
class Reliability:
    """What the labels of many pairs say together.

    beliefs: of each pair, the probabilities that the completion of the lower id is
        better, that the other is, and that neither is.
    voters: each annotator's probability of saying what is believed of a decided pair.
    """

    beliefs: dict[bytes, int]
    probabilities: Array
    voters: dict[str, float]

    def toward(self, row: PairRow, first: str) -> Belief:
        """Return the belief about a row's pair, `first` being one of its two ids."""
        low, high, tie = self.probabilities[self.beliefs[_key(row)]]
        mine = first == min(row.chosen_id, row.rejected_id)
        ahead, behind = (low, high) if mine else (high, low)
        return float(ahead), float(behind), float(tie)


def reliability(rows: Iterable[PairRow]) -> Reliability:
    """Weigh the labels of all rows against each other; one pass, no text is kept.

    A model's answers in several presentations are one vote between them.
    """
    pairs: dict[bytes, int] = {}
    people: dict[str, int] = {}
    models: set[int] = set()
    votes = tuple(array("q") for _ in range(3))
    for row in rows:
        votes[0].append(pairs.setdefault(_key(row), len(pairs)))
        votes[1].append(people.setdefault(row.annotator, len(people)))
        votes[2].append(_opinion(row))
        if row.annotator_kind == MODEL:
            models.add(people[row.annotator])
    if not pairs:
        return Reliability(pairs, np.zeros((0, 3)), {})
    items, voters, opinions = (np.asarray(votes[place]) for place in range(3))
    _, place, times = np.unique(
        items * len(people) + voters, return_inverse=True, return_counts=True
    )
    repeated = np.isin(voters, list(models))
    weights = np.where(repeated, 1 / times[place], 1.0)
    probabilities, tables = dawid_skene(items, voters, opinions, weights=weights)
    right = (tables[:, FIRST, FIRST] + tables[:, SECOND, SECOND]) / 2
    return Reliability(
        pairs, probabilities, {name: float(right[at]) for name, at in people.items()}
    )


def _opinion(row: PairRow) -> int:
    if row.is_tie:
        return TIE
    chosen_is_low = row.chosen_id < row.rejected_id
    return FIRST if chosen_is_low == (row.soft_label > 0.5) else SECOND


def _key(row: PairRow) -> bytes:
    low, high = sorted((row.chosen_id, row.rejected_id))
    named = "\n".join((row.task, row.criterion or "", low, high))
    return blake2b(named.encode(), digest_size=16).digest()
