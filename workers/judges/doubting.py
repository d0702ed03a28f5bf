"""A judge's own doubts: tasks that it answered and that people should see besides."""

from collections import defaultdict
from collections.abc import Sequence

from annotation.judgments import dump_judgments
from annotation.models import Judge
from annotation.services.judge_opinions import (
    Opinion,
    calibrated,
    compare_in,
    first_is_better,
)
from annotation.services.judges import escalate
from training.services.doubts import ask_people, doubt_in, watched
from workers.judges.base import Presented, Said

DISSENT = "the panel of judges disagreed"
Answered = Sequence[tuple[Presented, Said]]


def escalate_doubts(judge: Judge, groups: Sequence[Answered]) -> int:
    """Route to people besides what a judge doubts; return how many tasks.

    Before the answers are written: on a task that people see too, a judge's answer
    takes no place of theirs.

    Args:
        groups: each task's presentations, whole.
    """
    watches = watched([group[0][0].task for group in groups])
    unplanned: list[int] = []
    planned: dict[int, dict[int, str]] = defaultdict(dict)
    for group in groups:
        task = group[0][0].task
        watch = watches.get(task)
        if any(said.escalates for _, said in group):
            reason = DISSENT
        elif watch is None or watch.within is None or len(group[0][0].order) != 2:
            continue
        else:
            reason = _doubt(judge, group, watch.within)
        if watch is None:
            unplanned.append(task)
        elif reason:
            planned[watch.plan][task] = reason
    count = escalate(unplanned, DISSENT) if unplanned else 0
    return count + sum(ask_people(plan, why) for plan, why in planned.items())


def _doubt(judge: Judge, group: Answered, within: float) -> str:
    opinion = opinion_in(group, judge.calibration)
    if opinion.probability is None and any(said.judgments for _, said in group):
        return ""  # it answered, only nothing that has a probability
    return doubt_in(opinion, within)


def opinion_in(group: Answered, temperature: float) -> Opinion:
    """Return what the two presentations of a pair say, calibrated."""
    said: dict[bool, float] = {}
    for item, each in group:
        chosen = compare_in(dump_judgments(list(each.judgments)))
        first = str(item.ids[item.order.index(0)])
        probability = None if chosen is None else first_is_better(chosen, first)
        if probability is not None:
            said[item.order[0] == 0] = calibrated(probability, temperature)
    return Opinion(group[0][0].task, said.get(True), said.get(False))
