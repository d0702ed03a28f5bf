"""Comparisons and orders: compare, rank, best_worst."""

from collections.abc import Iterator, Sequence

from annotation.judgments import BestWorst, Compare, Rank
from annotation.protocols.checks.common import Asked, Given, Problem, lacks, once_each
from annotation.protocols.questions import (
    BestWorstQuestion,
    CompareQuestion,
    RankQuestion,
)


def check_compare(
    question: CompareQuestion, given: Sequence[Given[Compare]], asked: Asked
) -> Iterator[Problem]:
    """Sides as presented, a point of the scale, each pair once."""
    if question.required and not given:
        yield lacks(question, "needs an answer")
    yield from once_each(
        given,
        lambda compare: frozenset((compare.a, compare.b)),
        "a",
        "is compared with the same completion more than once",
    )
    scale = question.scale
    offered: set[tuple[str, int]] = {
        (option.outcome, option.strength) for option in scale.options
    }
    offered |= {("both_bad", 0)} if scale.both_bad else set()
    offered |= {("unsure", 0)} if scale.unsure else set()
    for each in given:
        compare = each.judgment
        if asked.completions.index(compare.a) > asked.completions.index(compare.b):
            yield each.problem(
                "a",
                f"must be the side presented first: a is {asked.name(compare.b)} "
                f"({compare.b}), b is {asked.name(compare.a)}",
                str(compare.a),
            )
        if compare.scale != scale.id and compare.outcome != "unsure":
            yield each.problem("scale", f"should be {scale.id}", compare.scale or "")
        if (compare.outcome, compare.strength or 0) in offered:
            continue
        fitting = sorted(s for outcome, s in offered if outcome == compare.outcome)
        if fitting:
            yield each.problem(
                "strength",
                f"is not on the scale {scale.id}; should be "
                f"{' or '.join(map(str, fitting))} for {compare.outcome}",
                [compare.outcome, compare.strength],
            )
        else:
            outcomes = dict.fromkeys(outcome for outcome, _ in sorted(offered))
            yield each.problem(
                "outcome",
                f"is not on the scale {scale.id}; should be {', '.join(outcomes)}",
                [compare.outcome, compare.strength],
            )


def check_rank(
    question: RankQuestion, given: Sequence[Given[Rank]], asked: Asked
) -> Iterator[Problem]:
    """One order of all completions, with ties and leftovers where allowed."""
    if question.required and not given:
        yield lacks(question, "needs an answer")
    yield from _one_answer(given)
    for each in given:
        rank = each.judgment
        ranked = [item for group in rank.groups for item in group]
        placed = {*ranked, *rank.unranked}
        omitted = [item for item in asked.completions if item not in placed]
        if omitted:
            also = " or among the unranked" if question.allow_unranked else ""
            yield each.problem(
                "groups", f"leaves out {asked.names(omitted)}; give it a place{also}"
            )
        if not question.allow_ties and any(len(group) > 1 for group in rank.groups):
            yield each.problem("groups", "has ties; put one completion in each place")
        if rank.unranked and not question.allow_unranked:
            yield each.problem(
                "unranked", "must be empty: every completion has a place"
            )
        if question.required and not ranked and not rank.all_bad:
            yield each.problem("groups", "ranks nothing; give at least one a place")
        if rank.all_bad and not question.all_bad:
            yield each.problem("all_bad", "is not offered by this question", True)


def check_best_worst(
    question: BestWorstQuestion, given: Sequence[Given[BestWorst]], asked: Asked
) -> Iterator[Problem]:
    """One best and one worst completion."""
    if question.required and not given:
        yield lacks(question, "needs an answer")
    yield from _one_answer(given)
    for each in given:
        for field in ("best", "worst"):
            if len(getattr(each.judgment, field)) != 1:
                yield each.problem(field, f"should be one completion, the {field}")


def _one_answer(
    given: Sequence[Given[Rank]] | Sequence[Given[BestWorst]],
) -> Iterator[Problem]:
    for each in given[1:]:
        yield each.problem("question", "is answered more than once; answer it once")
