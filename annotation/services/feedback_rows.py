"""The view `feedback`: every answer with all around it, as it came (docs/data.md)."""

import json
from collections.abc import Iterator
from itertools import islice
from typing import Any

from django.db.models import F

from annotation.models import Completion, Feedback, Project, TaskCompletion
from annotation.services.answers import CHUNK, Portions, annotator_name

FEEDBACK_FIELDS = (
    "id",
    "client_id",
    "judgments",
    "active_ms",
    "late",
    "created_at",
    "corrects",
    "asked_by",
    "presentation",
    "order",
    "origin",
    "counted",
    "task",
    "actor_id",
    "actor__user_id",
    "actor__kind",
    "actor__name",
    "actor__source",
    "actor__external_id",
    "actor__pool",
    "actor__groups",
    "actor__model",
)


def stream_feedback(project: Project) -> Iterator[dict[str, Any]]:
    """Yield every answer, corrected ones and control tasks included, task by task."""
    rows = (
        Feedback.objects.filter(project=project)
        .annotate(
            corrects=F("supersedes__client_id"),
            asked_by=F("protocol__number"),
            presentation=F("assignment__presentation"),
            order=F("assignment__order"),
            origin=F("assignment__origin"),
            counted=F("assignment__counted"),
            task=F("assignment__task_id"),
        )
        .order_by("task", "created_at", "id")
        .values_list(*FEEDBACK_FIELDS, named=True)
        .iterator(chunk_size=CHUNK)
    )
    portions = Portions()
    while chunk := list(islice(rows, portions.rows)):
        slots = _slots({row.task for row in chunk})
        shown = [slot for places in slots.values() for slot in places]
        chats = {slot.completion_id: slot.completion.messages for slot in shown}
        prompts = {slot.task.prompt_id: slot.task.prompt.messages for slot in shown}
        portions.learn(len(chunk), [*chats.values(), *prompts.values()])
        for row in chunk:
            yield _feedback_row(project, row, slots[row.task])


def _slots(tasks: set[int]) -> dict[int, list[TaskCompletion]]:
    found: dict[int, list[TaskCompletion]] = {}
    for slot in (
        TaskCompletion.objects.filter(task_id__in=tasks)
        .select_related("task__prompt")
        .order_by("task_id", "position")
    ):
        found.setdefault(slot.task_id, []).append(slot)
    ids = {slot.completion_id for slots in found.values() for slot in slots}
    completions = Completion.objects.in_bulk(list(ids))
    for slots in found.values():
        for slot in slots:
            slot.completion = completions[slot.completion_id]
    return found


def _feedback_row(
    project: Project, row: Any, slots: list[TaskCompletion]
) -> dict[str, Any]:
    task = slots[0].task
    prompt = task.prompt
    completions = [slot.completion for slot in slots]
    return {
        "id": str(row.id),
        "client_id": str(row.client_id),
        "supersedes": str(row.corrects) if row.corrects else None,
        "late": row.late,
        "counted": row.counted,
        "origin": row.origin,
        "presentation": row.presentation,
        "presented": [str(completions[place].pk) for place in row.order],
        "active_ms": row.active_ms,
        "at": row.created_at.isoformat(),
        "protocol": row.asked_by,
        "actor": {
            "kind": row.actor__kind,
            "source": row.actor__source or project.slug,
            "id": row.actor__external_id
            or annotator_name(row.actor_id, row.actor__user_id, "", ""),
            # A person's name stays at home.
            "name": "" if row.actor__user_id else row.actor__name,
            "pool": row.actor__pool,
            "groups": row.actor__groups,
            "model": row.actor__model,
        },
        "task": {
            "key": task.key,
            "round": task.round,
            "route": task.route,
            "priority": task.priority,
            "overlap": task.overlap,
            "state": task.state,
            "reason": task.reason,
            "scores": task.scores,
            "is_control": task.is_control,
            "control_answer": task.control_answer,
            "verified_pool": task.verified_pool,
        },
        "prompt": prompt.messages,
        "context": prompt.context,
        "metadata": prompt.metadata,
        "group": prompt.group_key,
        "split": prompt.split,
        "source": prompt.source,
        "row": prompt.external_id,
        "completions": [
            {
                "id": str(item.pk),
                "messages": item.messages,
                "generator": item.generator,
                "sampling": item.sampling,
                "trace": item.trace,
            }
            for item in completions
        ],
        "judgments": row.judgments,
    }


FEEDBACK_ROW = (
    "id",
    "client_id",
    "supersedes",
    "late",
    "counted",
    "origin",
    "presentation",
    "presented",
    "active_ms",
    "at",
    "protocol",
    "actor",
    "task",
    "prompt",
    "context",
    "metadata",
    "group",
    "split",
    "source",
    "row",
    "completions",
    "judgments",
)
NESTED = ("actor", "task", "context", "metadata", "completions", "judgments")


def as_text(row: dict[str, Any]) -> dict[str, Any]:
    """Return a feedback row for Parquet: what has no fixed columns becomes JSON."""
    return row | {
        name: json.dumps(row[name], ensure_ascii=False, separators=(",", ":"))
        for name in NESTED
    }


def feedback_schema() -> Any:
    """Return the Arrow schema of the view `feedback`; nested objects are JSON texts."""
    import pyarrow as pa

    chat = pa.list_(pa.struct([("role", pa.string()), ("content", pa.string())]))
    types = {
        "late": pa.bool_(),
        "counted": pa.bool_(),
        "presentation": pa.int32(),
        "presented": pa.list_(pa.string()),
        "active_ms": pa.int64(),
        "protocol": pa.int32(),
        "prompt": chat,
    }
    return pa.schema([(name, types.get(name, pa.string())) for name in FEEDBACK_ROW])
