"""What a plan is decided from: pairs, features, signals, and a prediction if it can be.

Read from the record once for a plan; `decide` then answers at any share.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np

from annotation.errors import InvalidInput
from training.models.routing import RoutingPlan
from training.services import routing
from training.services.routing_settings import RoutingSettings, read_settings
from workers.routing.embedding import encoder
from workers.routing.items import (
    Bools,
    Budget,
    Decision,
    Floats,
    Item,
    State,
    chance,
)
from workers.routing.learning import Pilot, learn_prediction
from workers.routing.planning import plan
from workers.routing.policies import MissingPrediction
from workers.routing.prediction import Prediction
from workers.routing.record import (
    Pairs,
    features_of,
    items_for,
    read_pairs,
    vectors_of,
)
from workers.routing.signals import PENALTY, cross_fitted, fold_of, reduced
from workers.routing.statistics import Reference

LEAST_PILOT = 40
LEAST_TARGET = 30
LEAST_PROMPTS = 10
"""Prompt groups of either, since a trial parts them by prompt and leaves some out."""
MOST_LEARNED = 3000
"""Labelled pairs that a prediction is fitted on and aims at, at most; by chance."""
MOST_DOUBTED = 300
"""Where nothing is predicted, as many teach the ensemble."""
AIMED_FOLDS = 2
"""Of five folds, those that are aimed at where a project has no validation prompts."""


@dataclass(frozen=True)
class Scene:
    """Everything a plan is decided from.

    Attributes:
        items: what may still be routed; places: where they are among the pairs.
        gaps: what a proxy reads of all pairs.
    """

    pairs: Pairs
    places: list[int]
    items: list[Item]
    marks: list[frozenset[str]]
    gaps: Floats
    settings: RoutingSettings


def scene_of(row: RoutingPlan) -> Scene:
    """Read pairs, features and signals.

    Raises:
        InvalidInput: when no open task has two completions.
    """
    settings = read_settings(row.settings)
    pairs = read_pairs(row.project)
    open_ids = set(
        routing.open_tasks(row.project, row.round).values_list("pk", flat=True)
    )
    places = [n for n, task in enumerate(pairs.tasks) if task in open_ids]
    if not places:
        raise InvalidInput(
            "There is nothing to route.",
            expected="open tasks of two completions",
            found="none",
            fix="Routing compares pairs; route other tasks by their own page.",
        )
    # Lengths are ranked among all pairs of the project; only some need be read.
    reference = Reference.of(pairs.texts)
    pairs, places = worth_reading(pairs, places, settings)
    dense = vectors_of(pairs, encoder())
    marks = features_of(
        pairs,
        encoder(),
        dense,
        lambda doing: routing.tell(row, 0.4, doing),
        reference,
    )
    gaps = reduced(dense.gaps(pairs.texts))
    labels = np.where(np.isnan(pairs.human), pairs.judge, pairs.human)
    signals = cross_fitted(gaps, labels, pairs.groups, seed=settings.seed)
    items = items_for(
        pairs,
        places,
        marks,
        signals,
        human_cost=settings.human_cost * (settings.overlap or row.project.overlap),
        ai_cost=settings.ai_cost,
    )
    return Scene(pairs, places, items, marks, gaps, settings)


def worth_reading(
    pairs: Pairs, places: list[int], settings: RoutingSettings
) -> tuple[Pairs, list[int]]:
    """Return the pairs that a plan needs read by a model, and where its items are.

    All that may be routed, and of those with a label so many as it can learn from: few
    where no prediction can be fitted and they only teach the ensemble its doubts.
    """
    labelled = ~(np.isnan(pairs.human) & np.isnan(pairs.judge))
    both, aimed = pilot_and_target(pairs)
    predicts = both.sum() >= LEAST_PILOT and aimed.sum() >= LEAST_TARGET
    most = MOST_LEARNED if predicts else MOST_DOUBTED
    items = set(places)
    known = [n for n in np.flatnonzero(labelled).tolist() if n not in items]
    known.sort(key=lambda n: chance(settings.seed, "read", pairs.tasks[n]))
    kept = sorted([*places, *known[:most]])
    at = {place: n for n, place in enumerate(kept)}
    return pairs.at(kept), [at[place] for place in places]


def judged_by(pairs: Pairs) -> Floats:
    """Return what stands in for people: judges' answers, else a reward model's.

    A round's reward model was asked about a pair before anybody had answered it, so
    its opinion is an honest one even of pairs that it learned from later.
    """
    model = 0.5 * (1 + np.tanh(pairs.reward / 2))
    found: Floats = np.where(np.isnan(pairs.judge), model, pairs.judge)
    return found


def pilot_and_target(pairs: Pairs) -> tuple[Bools, Bools]:
    """Return which pairs are learned from, and which held-out labels are aimed at.

    Validation prompts are aimed at; where they have too few labels of people, two
    folds of the training prompts are. Test prompts are neither.
    """
    split = np.array(pairs.splits)
    people = ~np.isnan(pairs.human)
    both = people & ~np.isnan(judged_by(pairs)) & (split == "train")
    aimed = people & (split == "validation")
    if aimed.sum() < LEAST_TARGET:
        held = np.array([fold_of(group) < AIMED_FOLDS for group in pairs.groups])
        aimed = people & (split != "test") & held
        both &= ~held
    return both, aimed


def learned(scene: Scene) -> tuple[Prediction | None, str, int]:
    """Return the prediction, or why there is none, and how many prompts it aims at."""
    pairs = scene.pairs
    both, aimed = pilot_and_target(pairs)
    judge = judged_by(pairs)
    is_clear = aimed & (pairs.human != 0.5)
    clear = int(is_clear.sum())
    prompts = np.unique(np.array(pairs.groups), return_inverse=True)[1]
    asked, reached = (len(set(prompts[rows].tolist())) for rows in (both, is_clear))
    few = min(asked, reached) < LEAST_PROMPTS
    if both.sum() < LEAST_PILOT or clear < LEAST_TARGET or few:
        why = (
            f"expected {LEAST_PILOT} tasks that people and a judge both answered and "
            f"{LEAST_TARGET} held-out labels of people, each of {LEAST_PROMPTS} "
            f"prompts or more, found {int(both.sum())} and {clear}, of {asked} and "
            f"{reached} prompts"
        )
        return None, why, reached
    names, carried = carried_by(scene.marks)
    found = learn_prediction(
        names,
        Pilot(
            carried[both],
            scene.gaps[both],
            pairs.human[both],
            judge[both],
            scene.gaps[aimed],
            pairs.human[aimed],
            prompts[both],
            prompts[aimed],
        ),
        mixes=scene.settings.mixes,
        rng=np.random.default_rng([scene.settings.seed, 3]),
        penalty=PENALTY,
    )
    return found, "", reached


def carried_by(marks: list[frozenset[str]]) -> tuple[list[str], Floats]:
    """Return feature names and which pair carries which, shape (n, J)."""
    names = sorted(set().union(*marks))
    place = {name: column for column, name in enumerate(names)}
    found = np.zeros((len(marks), len(names)))
    for row, each in enumerate(marks):
        found[row, [place[name] for name in each]] = 1
    return names, found


def decide(
    scene: Scene, prediction: Prediction | None, share: float
) -> tuple[dict[Any, Decision], str]:
    """Return the plan at people's share, and what was done instead, if anything was."""
    settings = scene.settings
    state = State(
        prediction=prediction,
        quotas=settings.quotas,
        threshold=settings.threshold,
        demands=frozenset(settings.demands),
    )
    purse = Budget(budget_of(scene, share), settings.floor)
    policy, note = settings.policy, ""
    try:
        found = plan(scene.items, purse, state, policy=policy, seed=settings.seed)
    except MissingPrediction as refused:
        note = f"uncertainty instead of {policy}: {refused}"
        found = plan(
            scene.items, purse, state, policy="uncertainty", seed=settings.seed
        )
    return found, note


def budget_of(scene: Scene, share: float) -> float:
    """Return what a plan may cost at people's share."""
    spend, most = spend_at(scene, share), scene.settings.max_spend
    return spend if most is None else min(spend, most)


def spend_at(scene: Scene, share: float) -> float:
    """Return the money: people for a share of the tasks, a judge for all others.

    Never less than the floor takes, so that the slider's left end can be spent.
    """
    count = len(scene.items)
    people = int(np.ceil(max(share, scene.settings.floor) * count - 1e-9))
    # The dearest: which tasks people will get is not known yet.
    judge = sorted((item.ai_cost for item in scene.items), reverse=True)
    # People's answers cost the same at every task: those of all who are asked of one.
    return people * scene.items[0].human_cost + sum(judge[: count - people])
