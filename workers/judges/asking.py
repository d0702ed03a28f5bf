"""A judge at work: tasks that wait for it, asked in both orders, answers kept."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from uuid import UUID

from django.db.models import QuerySet

from annotation.judgments import Judgment
from annotation.models import Actor, Assignment, Project, Task
from annotation.services.judging import (
    JudgeAnswer,
    as_compare,
    compare_question,
    model_actor,
    record,
)
from training.services.round_queue import ORDERS
from workers.judges.base import Pair, Verdict
from workers.judges.registry import judge_of

BATCH = 8
SOURCE = "judge"


@dataclass(frozen=True)
class Judged:
    """What a judge did."""

    tasks: int
    answers: int
    abstained: int
    tokens: int
    milliseconds: int


def judge_actor(project: Project, model: UUID) -> Actor:
    """Return the actor by which a model judges in a project, made once."""
    judge = judge_of(model)
    return model_actor(
        project=project,
        source=SOURCE,
        external_id=judge.identity,
        name=str(judge.description["name"]),
        model_version=model,
        model=judge.description,
    )


def waiting_for(actor: Actor, *, round: int | None = None) -> QuerySet[Task]:
    """Return open pairs routed to AI that this judge has not answered in full."""
    answered = Assignment.objects.filter(
        actor=actor, presentation=len(ORDERS) - 1
    ).values("task")
    tasks = Task.objects.filter(
        project=actor.project_id,
        state=Task.State.OPEN,
        route__in=[Task.Route.AI, Task.Route.BOTH],
    ).exclude(pk__in=answered)
    return tasks if round is None else tasks.filter(round=round)


def judge_tasks(
    *,
    project: Project,
    model: UUID,
    limit: int | None = None,
    progress: Callable[[int], object] = lambda count: None,
) -> Judged:
    """Let a model answer what waits for it, a few tasks a transaction.

    Raises:
        InvalidInput: when the model cannot judge, or the protocol compares nothing.
    """
    actor = judge_actor(project, model)
    ids = list(waiting_for(actor).order_by("-priority", "pk").values_list("pk"))
    wanted = [pk for (pk,) in ids[:limit]]
    done = answers = abstained = tokens = milliseconds = 0
    for start in range(0, len(wanted), BATCH):
        tasks = list(
            Task.objects.filter(pk__in=wanted[start : start + BATCH])
            .select_related("prompt", "protocol")
            .prefetch_related("slots__completion")
        )
        tasks = [task for task in tasks if len(task.slots.all()) == len(ORDERS[0])]
        presented = [(task, order) for task in tasks for order in ORDERS]
        pairs = [_pair(task, order) for task, order in presented]
        verdicts = list(judge_of(model).ask(pairs)) if pairs else []
        written = [
            _answer(task, ORDERS.index(order), verdict)
            for (task, order), verdict in zip(presented, verdicts, strict=True)
        ]
        answers += record(actor=actor, answers=written)
        done += len(tasks)
        abstained += sum(not answer.judgments for answer in written)
        tokens += sum(verdict.cost.tokens for verdict in verdicts)
        milliseconds += sum(verdict.cost.milliseconds for verdict in verdicts)
        progress(len(tasks))
    return Judged(done, answers, abstained, tokens, milliseconds)


def _pair(task: Task, order: Sequence[int]) -> Pair:
    slots = list(task.slots.all())
    first, second = (slots[place].completion.messages for place in order)
    return Pair(task.prompt.messages, first, second)


def _answer(task: Task, presentation: int, verdict: Verdict) -> JudgeAnswer:
    order = ORDERS[presentation]
    slots = list(task.slots.all())
    first, second = (slots[place].completion_id for place in order)
    judgments: tuple[Judgment, ...] = ()
    if verdict.probability is not None:
        question = compare_question(task.protocol.questions)
        judgments = (as_compare(question, first, second, verdict.probability),)
    return JudgeAnswer(
        task=task.pk,
        presentation=presentation,
        order=order,
        judgments=judgments,
        raw_text=verdict.raw_text,
        active_ms=verdict.cost.milliseconds,
    )
