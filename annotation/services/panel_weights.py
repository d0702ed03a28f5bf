"""How reliable judges are: by the pairs that people have answered, and by each other.

People are the measure. Before they have settled many of a judge's pairs, what a panel
of three or more says of itself stands in: how its members agree with each other,
without any known answer (Dawid and Skene 1979, in
`annotation/projections/reliability.py`).
"""

from collections.abc import Mapping, Sequence

import numpy as np

from annotation.models import Judge
from annotation.projections.reliability import FIRST, SECOND, TIE, dawid_skene
from annotation.quality.panels import reliability
from annotation.services.judge_opinions import actor_opinions
from annotation.services.judge_truth import people_say, tasks_with_people

KNOWN_AT_MOST = 5_000
COMPARED_AT_MOST = 2_000
"""Pairs, the newest ones, on which judges are held against each other."""
AGREEMENT_PAIRS = 10
"""As many pairs settled by people weigh as much as the panel's own agreement."""
LEAST_JUDGES = 3
"""Of two, no votes can tell which is the worse."""
LEAST_PAIRS = 10
Sides = Mapping[int, float]
"""By pair, the probability that the first is better, as one voter sees it."""


def reliabilities(
    judges: Sequence[Judge], *, leave_out: Sequence[int] = ()
) -> dict[int, float]:
    """Return each judge's reliability: how often it names the better completion.

    Its share right where people were decided, held towards what the panel's own
    agreement says of it, or towards chance where fewer than three members have
    answered: a judge that nothing is known of is a coin that nobody has thrown, 1/2,
    and so without a say beside one that is known.

    Args:
        leave_out: tasks whose human labels must not count.
    """
    agreed = _by_each_other(judges)
    found = {}
    for judge in judges:
        right, of = _checked(judge, leave_out)
        if judge.pk in agreed:
            prior = AGREEMENT_PAIRS * agreed[judge.pk]
            found[judge.pk] = (right + prior) / (of + AGREEMENT_PAIRS)
        else:
            found[judge.pk] = reliability(right, of)
    return found


def _checked(judge: Judge, leave_out: Sequence[int]) -> tuple[int, int]:
    """Return how many pairs it got right, of those where people were decided."""
    right = of = 0
    if judge.actor is not None:
        left_out = set(leave_out)
        met = tasks_with_people(judge.actor)[:KNOWN_AT_MOST]
        tasks = [task for task in met if task not in left_out]
        truth = people_say(tasks)
        for task, opinion in actor_opinions(judge.actor, tasks).items():
            p, share = opinion.probability, truth.get(task)
            if p is None or share is None or 0.5 in (p, share):
                continue
            of += 1
            right += (p > 0.5) == (share > 0.5)
    return right, of


def _by_each_other(judges: Sequence[Judge]) -> dict[int, float]:
    """Return reliabilities by agreement; none where too few judges answered."""
    said = {judge.pk: _sides(judge) for judge in judges}
    heard = [pk for pk, sides in said.items() if sides]
    found = by_agreement([said[pk] for pk in heard])
    return dict(zip(heard, found, strict=True)) if found else {}


def by_agreement(voters: Sequence[Sides]) -> list[float]:
    """Return how often each voter names the better side, as far as votes can tell.

    A mistake that most of them make alike looks like the truth here.

    Returns:
        Nothing for fewer than three voters, or on too few pairs.
    """
    of_two = [
        task
        for task in sorted({task for sides in voters for task in sides})
        if sum(task in sides for sides in voters) > 1
    ]
    if len(voters) < LEAST_JUDGES or len(of_two) < LEAST_PAIRS:
        return []
    votes = np.array(
        [
            (item, voter, _opinion(sides[task]))
            for item, task in enumerate(of_two)
            for voter, sides in enumerate(voters)
            if task in sides
        ],
        dtype=np.int64,
    )
    _, tables = dawid_skene(votes[:, 0], votes[:, 1], votes[:, 2])
    met = set(votes[:, 1].tolist())
    return [
        float(tables[n, FIRST, FIRST] + tables[n, SECOND, SECOND]) / 2
        if n in met
        else reliability(0, 0)
        for n in range(len(voters))
    ]


def _opinion(probability: float) -> int:
    if probability == 0.5:
        return TIE
    return FIRST if probability > 0.5 else SECOND


def _sides(judge: Judge) -> dict[int, float]:
    """Return what a judge thinks of the newest pairs that it answered."""
    if judge.actor is None:
        return {}
    answered = judge.actor.assignments.filter(state="answered").order_by("-task")
    tasks = list(answered.values_list("task", flat=True).distinct()[:COMPARED_AT_MOST])
    return {
        task: opinion.probability
        for task, opinion in actor_opinions(judge.actor, tasks).items()
        if opinion.probability is not None
    }
