"""One value of each completion: rate, reaction, choose, step."""

from collections.abc import Iterator, Sequence
from uuid import UUID

from annotation.judgments import Choose, Rate, Reaction, Step
from annotation.protocols.checks.common import (
    Asked,
    Given,
    Problem,
    each_completion,
    lacks,
    once_each,
)
from annotation.protocols.questions import (
    ChooseQuestion,
    RateQuestion,
    ReactionQuestion,
    StepQuestion,
)
from annotation.protocols.steps import steps_of


def check_rate(
    question: RateQuestion, given: Sequence[Given[Rate]], asked: Asked
) -> Iterator[Problem]:
    """A value on the scale, or null where "not applicable" is offered."""
    scale = question.scale
    for each in given:
        rate = each.judgment
        if rate.scale != scale.id:
            yield each.problem("scale", f"should be {scale.id}", rate.scale or "")
        if rate.value is None:
            if not scale.na:
                yield each.problem(
                    "value", f"should be {scale.described()}", "not applicable"
                )
        elif not scale.takes(rate.value):
            yield each.problem(
                "value",
                f"is not on the scale {scale.id}; should be {scale.described()}",
            )
    yield from once_each(
        given, lambda rate: rate.completion, "completion", "is rated more than once"
    )
    yield from each_completion(question, asked, {e.judgment.completion for e in given})


def check_reaction(
    question: ReactionQuestion, given: Sequence[Given[Reaction]], asked: Asked
) -> Iterator[Problem]:
    """A signal that is offered, with its value."""
    values = {signal.id: signal.value for signal in question.signals}
    for each in given:
        reaction = each.judgment
        if reaction.signal not in values:
            yield each.problem("signal", f"should be {' or '.join(values)}")
        elif reaction.value != values[reaction.signal]:
            yield each.problem(
                "value", f"should be {values[reaction.signal]:g} for {reaction.signal}"
            )
        place = asked.completions.index(reaction.completion)
        if reaction.position is not None and reaction.position != place:
            yield each.problem("position", f"should be {place}, where it was shown")
    yield from once_each(
        given,
        lambda reaction: reaction.completion,
        "completion",
        "has more than one reaction",
    )
    yield from each_completion(question, asked, {e.judgment.completion for e in given})


def check_choose(
    question: ChooseQuestion, given: Sequence[Given[Choose]], asked: Asked
) -> Iterator[Problem]:
    """A category of the list, for what the question asks about."""
    categories = [category.id for category in question.categories]
    for each in given:
        choose = each.judgment
        kind = "completion" if isinstance(choose.target, UUID) else choose.target
        if kind != question.target:
            yield each.problem("target", f"should be the {question.target}")
        if choose.category not in categories:
            yield each.problem("category", f"should be {' or '.join(categories)}")
    yield from once_each(
        given, lambda choose: choose.target, "target", "has more than one category"
    )
    if question.target == "completion":
        targets = {e.judgment.target for e in given}
        named = {target for target in targets if isinstance(target, UUID)}
        yield from each_completion(question, asked, named)
    elif question.required and not given:
        yield lacks(question, "needs an answer")


def check_step(
    question: StepQuestion, given: Sequence[Given[Step]], asked: Asked
) -> Iterator[Problem]:
    """Labels of steps that are there: each of them, or the first error's alone."""
    labels = [label.id for label in question.labels]
    counts = {
        completion: len(steps_of(asked.texts(completion)))
        for completion in {each.judgment.completion for each in given}
    }
    for each in given:
        step = each.judgment
        if step.index >= counts[step.completion]:
            yield each.problem(
                "index",
                f"should be below {counts[step.completion]}, the number of steps of "
                f"{asked.name(step.completion)}",
            )
        if step.label not in labels:
            yield each.problem("label", f"should be {' or '.join(labels)}")
    if question.first_error:
        yield from once_each(
            given,
            lambda step: step.completion,
            "index",
            "is a second error of this completion; mark the first one alone",
        )
        return
    yield from once_each(
        given,
        lambda step: (step.completion, step.index),
        "index",
        "has more than one label",
    )
    if not question.required:
        return
    labelled = {(e.judgment.completion, e.judgment.index) for e in given}
    for completion in asked.completions:
        count = counts.get(completion) or len(steps_of(asked.texts(completion)))
        missing = [str(n + 1) for n in range(count) if (completion, n) not in labelled]
        if missing:
            yield lacks(
                question,
                f"needs a label for step {', '.join(missing[:10])} of "
                f"{asked.name(completion)}",
            )
