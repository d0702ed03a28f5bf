"""Many tasks and answers at once, by COPY: for tests and benchmarks of the queue."""

from __future__ import annotations

import json
import uuid
from collections.abc import Sequence
from datetime import timedelta

from django.db import connection
from django.utils import timezone

from annotation.models import Actor, Project


def tasks_in_bulk(
    project: Project, count: int, *, words: int = 20, shared_prompts: int = 0
) -> None:
    """Load comparisons of a project by COPY, each with two completions.

    Args:
        words: length of each text.
        shared_prompts: with a number, the tasks share that many prompts, which keeps
            a million of them small; the queue reads a prompt only for what it leases.
    """
    protocol = project.protocol_versions.latest("number").pk
    start, prompts = _next_id("annotation_prompt"), shared_prompts or count
    first = _next_id("annotation_task")
    now = timezone.now().isoformat()
    text = "amber basil cedar delta ember " * (words // 5)
    message = json.dumps([{"role": "user", "content": text}])
    reply = json.dumps([{"role": "assistant", "content": text}])
    mark = f"{project.pk}-{start}"
    kept = ("train", "", "", now)
    counters = (project.overlap, 0, 0)
    asked = (protocol, 0, "human", 5, "", "{}", *counters, "open", False, False)
    sides = [[uuid.uuid4() for _ in range(prompts)] for _ in range(2)]
    _copy(
        "annotation_prompt (id, project_id, messages, metadata, content_hash, "
        "group_key, split, source, external_id, created_at)",
        (
            (start + n, project.pk, message, "{}", f"p{mark}-{n}", f"{mark}-{n}", *kept)
            for n in range(prompts)
        ),
    )
    for name, side in zip("ab", sides, strict=True):
        _copy(
            "annotation_completion (id, prompt_id, messages, generator, sampling, "
            "content_hash, created_at)",
            (
                (side[n], start + n, reply, "model", "{}", f"{name}{n}", now)
                for n in range(prompts)
            ),
        )
    _copy(
        "annotation_task (id, project_id, prompt_id, protocol_id, round, route, "
        "priority, reason, scores, overlap, leased, counted, state, is_control, "
        "verified_pool, key, created_at)",
        (
            (
                first + n,
                project.pk,
                start + n % prompts,
                *asked,
                f"{mark}-{n}",
                now,
            )
            for n in range(count)
        ),
    )
    _copy(
        "annotation_taskcompletion (task_id, completion_id, position)",
        (
            (first + n, side[n % prompts], position)
            for n in range(count)
            for position, side in enumerate(sides)
        ),
    )
    with connection.cursor() as cursor:
        for table in ("annotation_prompt", "annotation_task"):
            cursor.execute(
                f"SELECT setval(pg_get_serial_sequence('{table}', 'id'), "
                f"(SELECT max(id) FROM {table}))"
            )


def answer_in_bulk(project: Project, actor: Actor, count: int) -> list[int]:
    """Answer the project's first tasks in a person's name; return their ids.

    The trigger counts each, so a task with a larger overlap stays open for others.
    """
    tasks = list(project.tasks.order_by("id").values_list("id", flat=True)[:count])
    answers_in_bulk(project, [(task, actor) for task in tasks])
    return tasks


def answers_in_bulk(
    project: Project, pairs: Sequence[tuple[int, Actor]], *, feedback: bool = False
) -> None:
    """Mark tasks as answered by actors; with `feedback`, what they said as well."""
    now = timezone.now()
    times = ("", now, now + timedelta(minutes=15), now, "", "")
    _copy(
        "annotation_assignment (task_id, project_id, actor_id, presentation, "
        '"order", origin, state, counted, holder, leased_at, expires_at, ended_at, '
        "skip_reason, raw_text)",
        (
            (task, project.pk, actor.pk, 0, "{0,1}", "human", "answered", True, *times)
            for task, actor in pairs
        ),
    )
    if not feedback:
        return
    with connection.cursor() as cursor:
        cursor.execute(
            """
            INSERT INTO annotation_feedback
                (id, client_id, assignment_id, project_id, actor_id, judgments,
                 active_ms, protocol_id, content_hash, late, created_at)
            SELECT gen_random_uuid(), gen_random_uuid(), a.id, a.project_id, a.actor_id,
                jsonb_build_array(jsonb_build_object(
                    'kind', 'compare', 'question', 'overall', 'outcome', 'a',
                    'strength', 2, 'scale', 'compare-7@1',
                    'a', s.ids[1], 'b', s.ids[2])),
                1000, t.protocol_id, repeat('0', 64), false, now()
            FROM annotation_assignment a
            JOIN annotation_task t ON t.id = a.task_id
            CROSS JOIN LATERAL (
                SELECT array_agg(completion_id ORDER BY position) AS ids
                FROM annotation_taskcompletion WHERE task_id = t.id
            ) s
            WHERE a.project_id = %s AND a.state = 'answered'
            """,
            [project.pk],
        )
        cursor.execute("ANALYZE annotation_feedback")


def _copy(target: str, rows: object) -> None:
    connection.ensure_connection()
    with connection.cursor() as cursor, cursor.copy(f"COPY {target} FROM STDIN") as out:
        for row in rows:  # type: ignore[attr-defined]
            out.write_row(row)
    with connection.cursor() as cursor:
        # Or checks of foreign keys may go by the plan of a table that was empty.
        cursor.execute(f"ANALYZE {target.split()[0]}")


def _next_id(table: str) -> int:
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT nextval(pg_get_serial_sequence('{table}', 'id'))")
        return int(cursor.fetchone()[0])
