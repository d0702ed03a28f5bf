"""A round's new queue: tasks of the chosen pairs, and a reward model's own answers."""

from collections.abc import Mapping, Sequence
from uuid import UUID

from annotation.models import Actor, Project, Task
from annotation.services.judging import (
    JudgeAnswer,
    as_compare,
    compare_question,
    model_actor,
    record,
)
from annotation.services.tasks import NewTask, create_tasks
from training.models import ModelVersion, Round
from training.services.round_settings import RoundSettings
from training.services.routing import PINNED
from training.services.selection import WATCH, Choice, log_odds_to_probability

ORDERS = ((0, 1), (1, 0))
SOURCE = "reward-model"


def make_queue(
    found: Round, settings: RoundSettings, choices: Sequence[Choice]
) -> dict[str, int]:
    """Make held tasks of the chosen pairs for the next round; return counts.

    Who answers them is still open, but for what a watch saw: people look at that.
    """
    assert found.reward_model is not None
    made = create_tasks(
        project=found.project,
        tasks=[
            NewTask(
                completions=(choice.candidate.first, choice.candidate.second),
                priority=settings.priority,
                reason=choice.reason,
                scores={
                    "probability": choice.candidate.probability,
                    "confidence": choice.candidate.confidence,
                    "why": choice.why,
                    "reward_model": str(found.reward_model.pk),
                    "rewards": {
                        str(choice.candidate.first): choice.candidate.first_score,
                        str(choice.candidate.second): choice.candidate.second_score,
                    },
                    **({PINNED: True} if choice.why == WATCH else {}),
                },
            )
            for choice in choices
        ],
        round=found.number + 1,
        state=Task.State.HELD,
        overlap=settings.overlap,
    )
    return {"tasks": made.created}


def reward_actor(project: Project, model: ModelVersion) -> Actor:
    """Return the actor by which a reward model answers in a project."""
    return model_actor(
        project=project,
        source=SOURCE,
        external_id=str(model.pk),
        name=model.name,
        model_version=model.pk,
        model={"name": model.name, "version": model.sha256, "kind": "reward model"},
    )


def answer_by_scores(
    actor: Actor, tasks: Sequence[int], scores: Mapping[UUID, float]
) -> int:
    """Write a reward model's answers to tasks of two completions, in both orders.

    Args:
        scores: the completions' scores; their difference is the log-odds.
    """
    rows = Task.objects.filter(pk__in=tasks).select_related("protocol")
    answers = []
    for task in rows.prefetch_related("slots"):
        ids = [slot.completion_id for slot in task.slots.all()]
        question = compare_question(task.protocol.questions)
        for presentation, order in enumerate(ORDERS):
            first, second = (ids[place] for place in order)
            probability = log_odds_to_probability(scores[first] - scores[second])
            judgment = as_compare(question, first, second, probability)
            answers.append(JudgeAnswer(task.pk, presentation, order, (judgment,)))
    return record(actor=actor, answers=answers)
