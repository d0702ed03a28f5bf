"""Candidates with what a strategy needs: an ensemble of heads, differences of features.

The features are the reward model's own, left by its scoring run; the heads are learned
on the pairs it was trained on. numpy; import this module late.
"""

import random
from collections.abc import Mapping, Sequence
from dataclasses import replace
from uuid import UUID

import numpy as np
import pyarrow.parquet as pq

from training.models import Snapshot
from training.services import artifacts
from training.services.curation_heads import Floats, ensemble, fit, projection
from training.services.round_strategies import (
    RANKINGS,
    RIDGE,
    WIDTH,
    Order,
    Pool,
    above_prompt,
)
from training.services.selection import STRATEGIES, Candidate

LEARNED_PAIRS = 1000
"""Heads learn from at most so many pairs; a seeded choice of them."""
LearnedPair = tuple[UUID, UUID, float, str]


def learned_pairs(snapshot: Snapshot, *, seed: int) -> list[LearnedPair]:
    """Return pairs a reward model learned from: (chosen, rejected, label, group)."""
    table = pq.read_table(
        artifacts.snapshot_dir(snapshot.pk) / "train.parquet",
        columns=["chosen_id", "rejected_id", "soft_label", "group"],
    )
    rows = [
        (UUID(row["chosen_id"]), UUID(row["rejected_id"]), label, row["group"])
        for row in table.to_pylist()
        if (label := float(row["soft_label"])) != 0.5
    ]
    if len(rows) > LEARNED_PAIRS:
        rows = random.Random(seed).sample(rows, LEARNED_PAIRS)
    return rows


def rank(
    strategy: str,
    candidates: Sequence[Candidate],
    features: Mapping[UUID, Sequence[float]],
    learned: Sequence[LearnedPair],
    *,
    members: int,
    seed: int,
    wanted: int | None = None,
) -> list[Candidate]:
    """Return candidates as a strategy ranks them, the most wanted first.

    Args:
        features: of every completion of both kinds of pairs; empty for strategies
            that need none.
        members: heads of the ensemble.
        wanted: how many of the first matter to greedy strategies; all where None.
    """
    if not candidates:
        return []
    draw = np.random.default_rng(seed)
    if STRATEGIES[strategy].features:
        pool = make_pool(candidates, features, learned, members=members, seed=seed)
        pool = replace(pool, wanted=wanted)
    else:
        pool = _without_features(candidates)
    return [candidates[place] for place in RANKINGS[strategy](pool, draw)]


def _without_features(candidates: Sequence[Candidate]) -> Pool:
    odds = np.array([c.first_score - c.second_score for c in candidates])
    nothing = np.zeros((1, len(candidates)))
    return Pool(
        odds, _prompts(candidates), nothing, nothing, nothing.T, np.zeros((0, 1))
    )


def make_pool(
    candidates: Sequence[Candidate],
    features: Mapping[UUID, Sequence[float]],
    learned: Sequence[LearnedPair],
    *,
    members: int,
    seed: int,
) -> Pool:
    """Return the pool: one projection for all, heads by Bayesian bootstrap."""
    first = _stack(features, [c.first for c in candidates])
    second = _stack(features, [c.second for c in candidates])
    known = [pair for pair in learned if pair[0] in features and pair[1] in features]
    past = _stack(features, [pair[0] for pair in known], width=first.shape[1])
    past = past - _stack(features, [pair[1] for pair in known], width=first.shape[1])
    narrow = projection(np.concatenate([first - second, past]), WIDTH)
    labels = np.array([pair[2] for pair in known])
    groups = np.unique([pair[3] for pair in known], return_inverse=True)[1]
    heads = ensemble(
        narrow(past),
        labels,
        members=members,
        ridge=RIDGE,
        seed=seed,
        groups=groups.astype(np.int64),
    )
    prompts = _prompts(candidates)
    number = {pk: place for place, pk in enumerate(features)}
    sides = above_prompt(heads @ narrow(first).T, heads @ narrow(second).T, prompts)
    return Pool(
        odds=np.array([c.first_score - c.second_score for c in candidates]),
        prompts=prompts,
        first=sides[0],
        second=sides[1],
        gaps=narrow(first - second),
        learned=narrow(past),
        head=fit(narrow(past), labels, ridge=RIDGE),
        sides=_numbered(number, [(c.first, c.second) for c in candidates]),
        learned_sides=_numbered(number, [(pair[0], pair[1]) for pair in known]),
    )


def _numbered(number: Mapping[UUID, int], pairs: Sequence[tuple[UUID, UUID]]) -> Order:
    places = [(number[first], number[second]) for first, second in pairs]
    return np.array(places, dtype=np.int64).reshape(-1, 2)


def _prompts(candidates: Sequence[Candidate]) -> "np.typing.NDArray[np.int64]":
    return np.array([each.prompt for each in candidates], dtype=np.int64)


def _stack(
    features: Mapping[UUID, Sequence[float]], ids: Sequence[UUID], *, width: int = 0
) -> Floats:
    if not ids:
        return np.zeros((0, width))
    return np.array([features[pk] for pk in ids], dtype=np.float64)
