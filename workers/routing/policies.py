"""The ten routing policies: each orders the items by how much a person is worth there.

A policy sees the items' columns, what is known, who has people already (the floor) and
how many more can be paid; `planning` spends the money. Names and order follow the
design's list.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np

from workers.routing.choosing import CHOOSERS, FORM_OF
from workers.routing.items import Bools, Floats, State, Table
from workers.routing.prediction import Prediction


@dataclass(frozen=True)
class Situation:
    """What a policy decides in.

    Attributes:
        floor: who has a person already.
        capacity: how many more people's answers the budget pays for, at most.
    """

    table: Table
    state: State
    floor: Bools
    capacity: int


@dataclass(frozen=True)
class Proposal:
    """What a policy asks for.

    Attributes:
        order: places of items for people, best first; those left out stay.
        scores: how much a person is worth at each item, shape (items,).
        words: why, for researchers; the score is put in for {score}.
        route: human replaces the judge's answer, both keeps it.
        rest: what becomes of the others.
        twice: places that get a second person.
    """

    order: list[int]
    scores: Floats
    words: str
    route: Literal["human", "both"] = "human"
    rest: Literal["ai", "skip"] = "ai"
    twice: frozenset[int] = frozenset()


Policy = Callable[[Situation], Proposal]


class MissingPrediction(ValueError):
    """A policy by performance prediction has no model that may route."""


def random(at: Situation) -> Proposal:
    """P0: everybody alike; what every other policy has to beat."""
    scores = 1 - at.table.chance
    return Proposal(at.table.best_first(scores), scores, "drawn at random")


def all_ai(at: Situation) -> Proposal:
    """P1: the judge answers, the floor apart."""
    return Proposal([], np.zeros(len(at.table)), "the judge answers everything")


def all_human(at: Situation) -> Proposal:
    """P1: people answer as long as there is money; then nobody does."""
    scores = np.ones(len(at.table))
    order = at.table.best_first(scores)
    return Proposal(order, scores, "people answer everything", rest="skip")


def quotas(at: Situation) -> Proposal:
    """P2: a fixed share of each indicator's items, highest quota first.

    An item with several takes its highest; within one, chance decides.
    """
    table = at.table
    wanted = np.full(len(table), at.state.quotas.get("*", 0.0))
    for name, share in at.state.quotas.items():
        if not 0 <= share <= 1:
            raise ValueError(f"Expected a quota from 0 to 1 for {name}, found {share}.")
        if name != "*":
            carries = table.matrix([name])[:, 0] > 0
            wanted = np.where(carries, np.maximum(wanted, share), wanted)
    order: list[int] = []
    for share in sorted(set(wanted.tolist()), reverse=True):
        group = [i for i in table.best_first(1 - table.chance) if wanted[i] == share]
        order += group[: int(np.ceil(share * len(group)))]
    return Proposal(order, wanted, "quota of its tags ({score:.0%})")


def uncertainty(at: Situation) -> Proposal:
    """P3: where the reward model's margin is small, else the judge's votes even.

    An item without either counts as wholly uncertain.
    """
    doubts = doubt(at.table)
    return Proposal(
        at.table.best_first(doubts), doubts, "uncertain: entropy {score:.2f} bits"
    )


def doubt(table: Table) -> Floats:
    """Return the entropy of the better side in bits, 1 where nothing is known."""
    margin, judge = table.signal("margin"), table.signal("judge")
    # The reward model that is in use knows more than the small heads.
    odds = np.where(np.isnan(table.signal("reward")), margin, table.signal("reward"))
    side = np.where(np.isnan(odds), judge, 0.5 * (1 + np.tanh(odds / 2)))
    return entropy(side)


def entropy(side: Floats) -> Floats:
    """Return the entropy in bits; an undefined probability counts as 1/2."""
    p = np.clip(np.nan_to_num(side, nan=0.5), 1e-12, 1 - 1e-12)
    bits: Floats = -(p * np.log2(p) + (1 - p) * np.log2(1 - p))
    return bits


def disagreement(at: Situation) -> Proposal:
    """P4: where judge and reward model differ, or the judge's two orders do."""
    table = at.table
    judge = table.signal("judge")
    models = [
        0.5 * (1 + np.tanh(table.signal(name) / 2)) for name in ("margin", "reward")
    ]
    gaps = [np.nan_to_num(np.abs(judge - model), nan=0.0) for model in models]
    apart = np.maximum(*gaps)
    flip = np.nan_to_num(table.signal("flip"), nan=0.0)
    scores = np.maximum(apart, flip)
    return Proposal(table.best_first(scores), scores, "judges disagree by {score:.2f}")


def variance(at: Situation) -> Proposal:
    """P5: where the ensemble's stretched doubt reaches furthest past even.

    The optimistic bound c * sd - |mean| is how far the side that trails might lead;
    with equal means it is the ensemble's spread.
    """
    table = at.table
    spread = np.nan_to_num(table.signal("spread"), nan=0.0)
    mean = np.abs(np.nan_to_num(table.signal("margin"), nan=0.0))
    scores = at.state.optimism * spread - mean
    return Proposal(
        table.best_first(scores), scores, "the trailing side might lead by {score:.2f}"
    )


def predicted_linear(at: Situation) -> Proposal:
    """P6: the items of highest predicted gain, for which top-b is the optimum."""
    return _predicted(at, "predicted-linear", "predicted gain {score:+.2g} (linear)")


def predicted_mix(at: Situation) -> Proposal:
    """P7: the best predicted of hundreds of simulated mixes."""
    words = "in the best of the simulated mixes (predicted {score:.3f})"
    return _predicted(at, "predicted-mix", words)


def predicted_greedy(at: Situation) -> Proposal:
    """P8: one item after another by marginal gain, so that interactions count."""
    return _predicted(at, "predicted-greedy", "marginal predicted gain {score:+.2g}")


def _predicted(at: Situation, policy: str, words: str) -> Proposal:
    """Return a choice by prediction; the floor alone where a trial ruled a gain out.

    Raises:
        MissingPrediction: where there is none, it is refused, or the trial was too
            small to tell.
    """
    prediction = usable(at.state, FORM_OF[policy])
    trial = prediction.trial
    verdict = trial.verdict_on(policy) if trial else "yes"
    if trial is not None and verdict == "unclear":
        gain = trial.over_ai[policy]
        raise MissingPrediction(
            f"the trial cannot tell whether it helps: {gain.mean:+.3f} with a standard "
            f"error of {gain.error:.3f}"
        )
    table = at.table
    order, scores = CHOOSERS[policy](
        prediction,
        table.matrix(prediction.features),
        at.floor,
        table.chance,
        most=at.capacity,
        seed=table.seed,
        price=table.human_cost,
    )
    return Proposal([] if verdict == "no" else order, scores, words)


def escalation(at: Situation) -> Proposal:
    """P9: one judge's answer; a person where it is unsure; a second on conflict.

    Items whose tags demand a person come first, then conflicts, then the least sure.
    """
    table, state = at.table, at.state
    judge = table.signal("judge")
    unsure = 1 - np.maximum(judge, 1 - judge)
    unsure = np.where(np.isnan(unsure), 0.5, unsure)
    demanded = table.matrix(sorted(state.demands)).any(axis=1)
    conflict = np.array([item.id in state.conflicts for item in table.items], bool)
    scores = unsure + 1.0 * conflict + 2.0 * demanded
    wanted = (1 - unsure < state.threshold) | demanded | conflict
    # Equal to the judge's eye: the reward model's doubt decides.
    order = [int(i) for i in np.lexsort((table.chance, -doubt(table), -scores))]
    return Proposal(
        [i for i in order if wanted[i]],
        scores,
        "escalated ({score:.2f}: 1 - confidence, +1 conflict, +2 demanded by a tag)",
        route="both",
        twice=frozenset(int(i) for i in np.flatnonzero(conflict)),
    )


def default(at: Situation) -> Proposal:
    """Choose by what is known: prediction, uncertainty, the judge, or escalation."""
    return POLICIES[default_policy(at.state)[0]](at)


def default_policy(state: State) -> tuple[str, str]:
    """Return the policy that the default follows, and why.

    Without a tried prediction, or with a trial too small to tell: escalation. Where a
    prediction's choice beat random in its trial: the one that did so most. Where only
    the number of people mattered: uncertainty. Where the trial ruled out that people
    are better than the judge: the floor alone.
    """
    prediction = state.prediction
    trial = prediction.trial if prediction is not None else None
    if prediction is None or trial is None:
        return "escalation", "nothing has been fitted yet"
    best = trial.best
    refused = prediction.refusal(FORM_OF[best])
    beats = trial.over_random[best].verdict, trial.over_ai[best].verdict
    if not refused and beats == ("yes", "yes"):
        return best, "its choice beat random in the trial"
    if trial.people.verdict == "no":
        return "all-ai", "people were no better than the judge in the trial"
    if trial.people.verdict == "unclear":
        return "escalation", "the trial was too small to tell whether people help"
    return "uncertainty", refused or "people help, but the trial does not say where"


POLICIES: dict[str, Policy] = {
    "random": random,
    "all-ai": all_ai,
    "all-human": all_human,
    "quotas": quotas,
    "uncertainty": uncertainty,
    "disagreement": disagreement,
    "variance": variance,
    "predicted-linear": predicted_linear,
    "predicted-mix": predicted_mix,
    "predicted-greedy": predicted_greedy,
    "escalation": escalation,
    "default": default,
}


def usable(state: State, form: str) -> Prediction:
    """Return the prediction model.

    Raises:
        MissingPrediction: where there is none, or its form is refused.
    """
    if state.prediction is None:
        raise MissingPrediction("expected a fitted performance prediction, found none")
    if why := state.prediction.refusal(form):
        raise MissingPrediction(why)
    return state.prediction
