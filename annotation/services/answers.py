"""Answers out of the record, in the order of their tasks and in bounded memory.

A server-side cursor brings narrow rows sorted by task; prompts and completions are
fetched for a few hundred of them at a time. Call it inside a transaction of level
REPEATABLE READ where all of it must be one moment.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import groupby, islice
from typing import Any
from uuid import UUID

from django.db.models import F, OuterRef, Q, QuerySet, Subquery

from annotation.errors import InvalidInput
from annotation.judgments import judgments_adapter
from annotation.models import (
    Assignment,
    Completion,
    Feedback,
    Project,
    Prompt,
    Task,
    TaskCompletion,
)
from annotation.projections.consensus import consensus
from annotation.projections.query import ViewQuery
from annotation.projections.reliability import reliability
from annotation.projections.rows import Answered, Messages, Row
from annotation.projections.views import View, view_named
from annotation.services.agreement import left_out
from annotation.services.scales import scales_of

CHUNK = 500
PORTION_CHARACTERS = 8 * 2**20


class Portions:
    """How many rows to take at a time, so that their texts stay within bounds.

    Learns from the portion before: long chats come a few at a time, short ones by
    hundreds.
    """

    def __init__(self) -> None:
        self.rows = 50

    def learn(self, rows: int, chats: Iterable[Messages]) -> None:
        size = sum(len(turn["content"]) for chat in chats for turn in chat)
        fitting = PORTION_CHARACTERS * max(rows, 1) // max(size, 1)
        self.rows = max(1, min(CHUNK, fitting, self.rows * 4))


@dataclass
class Tally:
    """What a view left out and why, and what its rows rest on.

    dropped: answers and judgments that could have given a row, by reason.
    other_kinds: judgments of kinds that the view does not take.
    """

    answers: int = 0
    dropped: Counter[str] = field(default_factory=Counter)
    other_kinds: Counter[str] = field(default_factory=Counter)
    protocols: set[int] = field(default_factory=set)
    scales: set[str] = field(default_factory=set)


def annotator_name(
    pk: int, user: int | None, source: str, external_id: str, name: str = ""
) -> str:
    """Return what rows call an actor: never a person's name."""
    if user is not None:
        return f"person-{pk}"
    if external_id:
        return f"{source}/{external_id}" if source else external_id
    return f"actor-{pk}"


def stream_rows(
    project: Project, view: str, query: ViewQuery, tally: Tally | None = None
) -> Iterator[Any]:
    """Yield a view's rows of a project's answers, always in one order.

    Answers come task by task, or actor by actor for a view by actor. Never of
    control tasks, the verified pool, superseded answers or tasks flagged as bad; the
    tally counts them.
    """
    tally = tally or Tally()
    made = view_named(view)
    for row in _made(project, made, query, tally):
        scale = getattr(row, "scale", None)
        if scale:
            tally.scales.add(scale)
        yield row


def _made(
    project: Project, view: View, query: ViewQuery, tally: Tally
) -> Iterator[Row]:
    scales = scales_of(project)

    def rows_of(answers: Iterable[Answered]) -> Iterator[Any]:
        for answer in answers:
            for judgment in answer.judgments:
                if judgment.kind not in view.kinds:
                    tally.other_kinds[judgment.kind] += 1
            for row in view.rows_of(answer, tally.dropped, scales):
                if query.takes(row.criterion):
                    yield row

    by_actor = view.by_actor is not None
    weighed = None
    if query.aggregate == "reliability":
        # Who is reliable shows only over all labels: they are read once before.
        unseen = Tally()
        weighed = reliability(
            row
            for answer in stream_answers(project, query, unseen)
            for row in view.rows_of(answer, unseen.dropped, scales)
            if query.takes(row.criterion)
        )
    answers = stream_answers(
        project, query, tally, by_actor=by_actor, traces=view.traces
    )
    if view.by_actor is not None:
        for _, group in groupby(answers, key=lambda answer: answer.annotator):
            yield from view.by_actor(rows_of(group))
        return
    for _, group in groupby(answers, key=lambda answer: answer.task):
        rows: Iterable[Any] = rows_of(group)
        if query.aggregate != "label":
            rows = consensus(rows, weighed)
        for row in rows:
            if view.name == "pairs" and row.is_tie and query.ties == "drop":
                tally.dropped["tie"] += 1
                continue
            yield row


def _wanted(project: Project, query: ViewQuery) -> QuerySet[Feedback]:
    chosen = Q(project=project)
    if set(query.splits) != {"train", "validation", "test"}:
        chosen &= Q(assignment__task__prompt__split__in=query.splits)
    if query.rounds is not None:
        chosen &= Q(assignment__task__round__in=query.rounds)
    if query.kinds is not None:
        chosen &= Q(actor__kind__in=query.kinds)
    if query.pools is not None:
        chosen &= Q(actor__pool__in=query.pools)
    if query.sources is not None:
        chosen &= Q(assignment__task__prompt__source__in=query.sources)
    if query.since is not None:
        chosen &= Q(created_at__gte=query.since)
    if query.until is not None:
        chosen &= Q(created_at__lt=query.until)
    return Feedback.objects.filter(chosen)


def bad_tasks(project: Project) -> set[int]:
    """Return the tasks that are flagged as bad by half of those who met them.

    Half, so that one person among several cannot take everybody's answers out; alone
    at a task, one person's word counts. Met is: answered, or skipped with the flag.
    """
    flag = [{"kind": "flag", "flag": "bad_task"}]
    answers = Feedback.objects.filter(project=project, superseded_by__isnull=True)
    skips = Assignment.objects.filter(project=project, skip_flag__kind="bad_task")
    answered = ("assignment__task_id", "actor_id")
    flaggers: dict[int, set[int]] = {}
    for task, actor in [
        *answers.filter(judgments__contains=flag).values_list(*answered),
        *skips.values_list("task_id", "actor_id"),
    ]:
        flaggers.setdefault(task, set()).add(actor)
    met = {task: set(actors) for task, actors in flaggers.items()}
    there = answers.filter(assignment__task__in=flaggers).values_list(*answered)
    for task, actor in there:
        met[task].add(actor)
    return {task for task, by in flaggers.items() if 2 * len(by) >= len(met[task])}


NARROW = (
    "id",
    "judgments",
    "task",
    "prompt",
    "round",
    "control",
    "superseder",
    "protocol__number",
    "actor_id",
    "actor__user_id",
    "actor__source",
    "actor__external_id",
    "actor__kind",
)


def stream_answers(
    project: Project,
    query: ViewQuery,
    tally: Tally,
    *,
    by_actor: bool = False,
    traces: bool = False,
) -> Iterator[Answered]:
    """Yield the answers that may become training rows, those of a task together.

    Args:
        by_actor: those of an actor together instead.
        traces: with the steps of tools of each completion.
    """
    flagged = bad_tasks(project)
    apart = left_out(project)
    verified = verified_prompts(project)
    rows = (
        _wanted(project, query)
        .annotate(
            task=F("assignment__task_id"),
            prompt=F("assignment__task__prompt_id"),
            round=F("assignment__task__round"),
            control=F("assignment__task__is_control"),
            superseder=Subquery(
                Feedback.objects.filter(supersedes=OuterRef("pk")).values("pk")[:1]
            ),
        )
        .order_by(*(["actor_id"] if by_actor else []), "task", "id")
        .values_list(*NARROW, named=True)
        .iterator(chunk_size=CHUNK)
    )
    portions = Portions()
    while chunk := list(islice(rows, portions.rows)):
        kept = [
            row
            for row in chunk
            if _may_train(row, flagged, apart, verified, tally.dropped)
        ]
        yield from _answered(kept, tally, portions, traces)


def verified_prompts(project: Project) -> set[int]:
    """Return the prompts of the verified pool.

    A prompt is in the pool as a whole: what is asked about it later, in other words,
    of other completions or of end users, would teach what the pool measures.
    """
    tasks = Task.objects.filter(project=project, verified_pool=True)
    return set(tasks.values_list("prompt_id", flat=True))


def _may_train(
    row: Any,
    flagged: set[int],
    apart: Mapping[UUID, str],
    verified: set[int],
    dropped: Counter[str],
) -> bool:
    reason = (
        ("superseded" if row.superseder else "")
        or ("control task" if row.control else "")
        or ("verified pool" if row.prompt in verified else "")
        or ("task flagged as bad" if row.task in flagged else "")
        or apart.get(row.id, "")
    )
    if reason:
        dropped[reason] += 1
    return not reason


def _answered(
    rows: list[Any], tally: Tally, portions: Portions, traces: bool
) -> Iterator[Answered]:
    prompts = _by_id(Prompt, {row.prompt for row in rows})
    slots: dict[int, list[Any]] = {}
    for task, completion in (
        TaskCompletion.objects.filter(task_id__in={row.task for row in rows})
        .order_by("task_id", "position")
        .values_list("task_id", "completion_id")
    ):
        slots.setdefault(task, []).append(completion)
    shown = Completion.objects.filter(
        pk__in={pk for places in slots.values() for pk in places}
    )
    completions = dict(shown.values_list("pk", "messages"))
    steps = dict(shown.values_list("pk", "trace")) if traces else {}
    chats = [*(prompt.messages for prompt in prompts.values()), *completions.values()]
    chats += [[{"content": str(trace)}] for trace in steps.values() if trace]
    portions.learn(len(rows), chats)
    for row in rows:
        prompt = prompts[row.prompt]
        tally.answers += 1
        tally.protocols.add(row.protocol__number)
        yield Answered(
            feedback=str(row.id),
            judgments=judgments_adapter.validate_python(row.judgments),
            prompt=prompt.messages,
            context=prompt.context,
            completions={str(pk): completions[pk] for pk in slots[row.task]},
            traces={str(pk): steps[pk] for pk in slots[row.task] if steps.get(pk)},
            annotator=annotator_name(
                row.actor_id,
                row.actor__user_id,
                row.actor__source,
                row.actor__external_id,
            ),
            annotator_kind=row.actor__kind,
            task=str(row.task),
            group=prompt.group_key,
            split=prompt.split,
            source=prompt.source,
            round=row.round,
        )


def _by_id(model: type[Prompt], ids: Iterable[int]) -> dict[int, Prompt]:
    return {row.pk: row for row in model.objects.filter(pk__in=set(ids))}


def named_project(slug: str) -> Project:
    """Return a project by its slug.

    Raises:
        InvalidInput: when there is none.
    """
    project = Project.objects.filter(slug=slug).first()
    if project is None:
        raise InvalidInput(
            "There is no such project.",
            expected="the slug of a project",
            found=repr(slug),
            fix=f"Make it: manage.py create_project {slug}",
        )
    return project
