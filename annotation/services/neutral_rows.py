"""The view `neutral`: the record in the layout that data sets are exchanged in.

Every imported row is written again as it came, from the record and from what the row
said beyond it; answers given since are added to the first row of their task. A task
that came with no row is written in the forms that its answers need. Control tasks and
corrected answers go along, as in the view `feedback`: these are no training rows.
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from typing import Any
from uuid import UUID

from django.db.models import Exists, Min, OuterRef

from annotation.models import (
    Assignment,
    Completion,
    Feedback,
    ImportedRow,
    Project,
    Prompt,
    Task,
    TaskCompletion,
)
from annotation.services.answers import Portions, annotator_name
from annotation.services.importing.layouts import FORMS, pairs, rankings
from annotation.services.importing.layouts.parts import PARTS
from annotation.services.importing.rest import applied
from annotation.services.importing.told import Said, Told

Row = dict[str, Any]


@dataclass(frozen=True)
class Given:
    """An answer as it stands: its client id, or the mark of an abstention."""

    id: str
    said: Said


def stream_neutral(project: Project) -> Iterator[Row]:
    """Yield the rows that were imported, in their order, and then the other tasks."""
    rows = ImportedRow.objects.filter(project=project).order_by("pk")
    portions = Portions()
    found = rows.iterator(chunk_size=500)
    while chunk := list(islice(found, portions.rows)):
        yield from _written(project, chunk, portions)
    bare = (
        Task.objects.filter(project=project)
        .filter(Exists(Feedback.objects.filter(assignment__task=OuterRef("pk"))))
        .exclude(Exists(ImportedRow.objects.filter(task=OuterRef("pk"))))
        .select_related("prompt")
        .order_by("pk")
    )
    tasks = bare.iterator(chunk_size=500)
    while part := list(islice(tasks, portions.rows)):
        yield from _of_tasks(project, part)


def _written(
    project: Project, rows: Sequence[ImportedRow], portions: Portions
) -> Iterator[Row]:
    prompts = Prompt.objects.in_bulk({row.prompt_id for row in rows})
    chats = _chats({pk for row in rows for pk in row.completions})
    tasks = {row.task_id for row in rows if row.task_id}
    given = _given(tasks)
    first = dict(
        ImportedRow.objects.filter(task_id__in=tasks)
        .values_list("task_id")
        .annotate(first=Min("pk"))
    )
    imported = _imported(tasks)
    texts = [*chats.values(), *(prompt.messages for prompt in prompts.values())]
    portions.learn(len(rows), texts)
    for row in rows:
        answers = given.get(row.task_id or 0, {})
        names = [str(pk) for pk in row.answers]
        said = [answers[name].said for name in names if name in answers]
        if row.task_id and first[row.task_id] == row.pk:
            theirs = imported[row.task_id]
            said += [item.said for name, item in answers.items() if name not in theirs]
        told = Told(
            prompt=prompts[row.prompt_id].messages,
            context=prompts[row.prompt_id].context,
            ids=[str(pk) for pk in row.completions],
            completions=[chats[pk] for pk in row.completions],
            said=said,
            notes=row.notes,
        )
        yield applied(FORMS[row.form](told), row.rest)


def _imported(tasks: set[int]) -> Mapping[int, set[str]]:
    """Return the names of each task's answers that some row holds."""
    found: dict[int, set[str]] = defaultdict(set)
    rows = ImportedRow.objects.filter(task_id__in=tasks)
    for task, answers in rows.values_list("task_id", "answers"):
        if task is not None:
            found[task] |= {str(pk) for pk in answers}
    return found


def _chats(ids: set[UUID]) -> dict[UUID, Any]:
    rows = Completion.objects.filter(pk__in=ids)
    return dict(rows.values_list("pk", "messages"))


def _given(tasks: set[int]) -> dict[int, dict[str, Given]]:
    """Return each task's answers by name, in their order; the newest of corrected."""
    slots: dict[int, list[str]] = defaultdict(list)
    places = TaskCompletion.objects.filter(task_id__in=tasks)
    for task, pk in places.order_by("task_id", "position").values_list(
        "task_id", "completion_id"
    ):
        slots[task].append(str(pk))
    newest: dict[int, tuple[str, Any, int]] = {}
    answered = Feedback.objects.filter(assignment__task_id__in=tasks)
    for assignment, client, judgments, active in answered.order_by(
        "created_at", "id"
    ).values_list("assignment_id", "client_id", "judgments", "active_ms"):
        first = newest.get(assignment, (str(client), None, 0))[0]
        newest[assignment] = (first, judgments, active)
    found: dict[int, dict[str, Given]] = defaultdict(dict)
    rows = Assignment.objects.filter(
        task_id__in=tasks, state__in=["answered", "abstained"]
    ).select_related("actor")
    for row in rows.order_by("pk"):
        own = row.holder.removeprefix("import:") or f"#{row.pk}"
        name, judgments, active = newest.get(row.pk, (own, None, 0))
        actor = row.actor
        known = actor.external_id or annotator_name(
            actor.pk, actor.user_id, actor.source, actor.external_id
        )
        said = Said(
            kind=actor.kind,
            annotator=known,
            judgments=judgments or [],
            presented=[slots[row.task_id][place] for place in row.order],
            active_ms=active,
            raw_text=row.raw_text,
        )
        found[row.task_id][name] = Given(name, said)
    return found


def _of_tasks(project: Project, tasks: Sequence[Task]) -> Iterator[Row]:
    """Yield rows of tasks that came with none, in the forms that answers need."""
    given = _given({task.pk for task in tasks})
    slots = defaultdict(list)
    for task_id, pk in (
        TaskCompletion.objects.filter(task__in=tasks)
        .order_by("task_id", "position")
        .values_list("task_id", "completion_id")
    ):
        slots[task_id].append(pk)
    chats = _chats({pk for places in slots.values() for pk in places})
    for task in tasks:
        said = [item.said for item in given.get(task.pk, {}).values()]
        places = slots[task.pk]
        frame = {
            "source": task.prompt.source or project.slug,
            "split": task.prompt.split,
        }
        for number, row in enumerate(_forms(task, places, chats, said)):
            yield {"id": f"{project.slug}:{task.pk}:{number}", **frame, **row}


def _forms(
    task: Task, places: Sequence[UUID], chats: Mapping[UUID, Any], said: list[Said]
) -> Iterator[Row]:
    def told(ids: Sequence[UUID], kept: list[Said], **notes: Any) -> Told:
        return Told(
            prompt=task.prompt.messages,
            context=task.prompt.context,
            ids=[str(pk) for pk in ids],
            completions=[chats[pk] for pk in ids],
            said=kept,
            notes=notes,
        )

    if len(places) == 2 and (kept := _kept(said, pairs.KINDS)):
        yield pairs.write(told(places, kept))
    if kept := _kept(said, rankings.KINDS):
        yield rankings.write(told(places, kept))
    for pk in places:
        for name in SINGLE:
            kept = _kept(said, PARTS[name].kinds, str(pk))
            if kept:
                yield FORMS["response"](told([pk], kept, parts=[name]))


# A row each; `label_counts` and `steps` need more than the judgments say.
SINGLE = ("labels", "unpaired", "ratings", "checks", "annotations", "critique")
ELSEWHERE = {"kind": "elsewhere"}  # keeps the places of the judgments around it


def _kept(said: Sequence[Said], kinds: frozenset[str], about: str = "") -> list[Said]:
    """Return answers that hold a judgment of these kinds, about a completion if given.

    What is about others is blanked out, so that targets count as before.
    """
    found = []
    for item in said:
        judgments = [
            judgment if _is_about(judgment, about) else ELSEWHERE
            for judgment in item.judgments
        ]
        if any(judgment["kind"] in kinds for judgment in judgments):
            found.append(replace(item, judgments=judgments))
    return found


def _is_about(judgment: Mapping[str, Any], about: str) -> bool:
    named = judgment.get("completion") or judgment.get("target")
    return not about or named in (None, about)
