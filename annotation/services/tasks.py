"""Making tasks: which completions of a prompt are asked about, of whom, how urgently.

A task's key is its content address, so proposing the same pair again adds nothing,
whatever round or process proposes it.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from django.db import transaction

from annotation.errors import InvalidInput
from annotation.hashing import task_key
from annotation.models import Completion, Project, Task, TaskCompletion

INSERT_ROWS = 1000


@dataclass(frozen=True)
class NewTask:
    """Completions of one prompt to be judged together.

    Attributes:
        completions: ids; their order is not what annotators will see.
        reason: why it was chosen; researchers only.
        scores: the numbers behind the reason.
    """

    completions: tuple[UUID, ...]
    route: str = Task.Route.HUMAN
    priority: int = 5
    reason: str = ""
    scores: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class CreatedTasks:
    """What became of the proposals.

    Attributes:
        ids: the task of each proposal, in order; None where its texts are equal.
        created: how many are new.
        repeated: how many existed already.
        equal_texts: how many were left out, because there is nothing to compare.
    """

    ids: list[int | None]
    created: int
    repeated: int
    equal_texts: int


def create_tasks(
    *,
    project: Project,
    tasks: Sequence[NewTask],
    round: int = 0,
    state: str = Task.State.OPEN,
    overlap: int | None = None,
) -> CreatedTasks:
    """Make a task of each proposal that is new, in one transaction.

    Args:
        round: the round whose queue they belong to; 0 for imported ones.
        state: held tasks wait until their round opens.
        overlap: how many people answer each; the project's where None. What is
            routed to AI alone is answered once.

    Raises:
        InvalidInput: when a completion is unknown, of another project, or when one
            proposal mixes prompts.
    """
    known = _completions(project, tasks)
    keys = [_key(task, known) for task in tasks]
    protocol = project.protocol
    rows: dict[str, Task] = {}
    for task, key in zip(tasks, keys, strict=True):
        if key is not None and key not in rows:
            rows[key] = Task(
                project=project,
                prompt_id=known[task.completions[0]].prompt_id,
                protocol=protocol,
                round=round,
                route=task.route,
                priority=task.priority,
                reason=task.reason[:200],
                scores=task.scores,
                # A judge is asked once; asking the same one again says no more.
                overlap=1
                if task.route == Task.Route.AI
                else overlap or project.overlap,
                state=state,
                key=key,
            )
    with transaction.atomic():
        existing = dict(
            Task.objects.filter(project=project, key__in=rows).values_list("key", "id")
        )
        new = [row for key, row in rows.items() if key not in existing]
        # A racing process may add the same task: the constraint settles who did.
        Task.objects.bulk_create(new, batch_size=INSERT_ROWS, ignore_conflicts=True)
        ids = dict(
            Task.objects.filter(project=project, key__in=rows).values_list("key", "id")
        )
        slots = [
            TaskCompletion(task_id=ids[key], completion_id=each, position=position)
            for key, each, position in _slots(tasks, keys, known, existing)
        ]
        TaskCompletion.objects.bulk_create(
            slots, batch_size=INSERT_ROWS, ignore_conflicts=True
        )
    equal = sum(key is None for key in keys)
    return CreatedTasks(
        ids=[ids[key] if key is not None else None for key in keys],
        created=len(new),
        repeated=len(keys) - equal - len(new),
        equal_texts=equal,
    )


def open_round(*, project: Project, round: int) -> int:
    """Open the held tasks of a round; return how many there were."""
    return Task.objects.filter(
        project=project, round=round, state=Task.State.HELD
    ).update(state=Task.State.OPEN)


def same_text(first: str, second: str) -> bool:
    """Return True if two texts differ in white space at most."""
    return first.split() == second.split()


def _completions(project: Project, tasks: Sequence[NewTask]) -> dict[UUID, Completion]:
    wanted = {each for task in tasks for each in task.completions}
    known = {
        row.id: row
        for row in Completion.objects.filter(
            prompt__project=project, id__in=wanted
        ).select_related("prompt")
    }
    missing = wanted - known.keys()
    if missing:
        raise InvalidInput(
            "A task names completions that the project does not have.",
            expected=f"ids of completions of {project.slug}",
            found=f"{len(missing)} unknown, such as {min(map(str, missing))}",
            fix="Import the completions first.",
        )
    return known


def _key(task: NewTask, known: dict[UUID, Completion]) -> str | None:
    """Return a task's key, or None if two of its completions read the same."""
    rows = [known[each] for each in task.completions]
    if not rows or len({row.prompt_id for row in rows}) != 1:
        raise InvalidInput(
            "A task asks about the completions of one prompt.",
            expected="at least one completion, all of one prompt",
            found=f"{len(rows)} completions of {len({r.prompt_id for r in rows})}",
            fix="Make one task for each prompt.",
        )
    texts = {tuple(row.text.split()) for row in rows}
    if len(texts) < len(rows):
        return None
    return task_key(rows[0].prompt.content_hash, [row.content_hash for row in rows])


def _slots(
    tasks: Sequence[NewTask],
    keys: Sequence[str | None],
    known: dict[UUID, Completion],
    existing: dict[str, int],
) -> list[tuple[str, UUID, int]]:
    """Return (key, completion, position) of each new task.

    Positions follow the content hash: they must not tell whose text is whose.
    """
    found = []
    seen: set[str] = set()
    for task, key in zip(tasks, keys, strict=True):
        if key is None or key in existing or key in seen:
            continue
        seen.add(key)
        ordered = sorted(task.completions, key=lambda each: known[each].content_hash)
        found += [(key, each, position) for position, each in enumerate(ordered)]
    return found
