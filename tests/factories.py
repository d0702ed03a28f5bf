"""Small worlds for tests: people, projects and tasks, made in one line each."""

from __future__ import annotations

import itertools
import uuid
from datetime import timedelta
from typing import Any

from django.contrib.auth.models import User
from django.test import Client
from django.utils import timezone

from annotation.hashing import content_hash
from annotation.models import (
    Assignment,
    Completion,
    Membership,
    Project,
    Prompt,
    ProtocolVersion,
    Task,
    TaskCompletion,
)
from annotation.protocols.presets import PRESETS

PASSWORD = "a-password-for-tests-7"

_number = itertools.count(1)


def make_user(name: str = "", **fields: Any) -> User:
    """Make a person; with `password=...` they can sign in by it."""
    password = fields.pop("password", None)
    user = User(username=name or f"person{next(_number)}", **fields)
    user.set_unusable_password() if password is None else user.set_password(password)
    user.save()
    return user


def make_project(slug: str = "", **fields: Any) -> Project:
    """Make an open project with the compare protocol."""
    slug = slug or f"project-{next(_number)}"
    project = Project.objects.create(slug=slug, name=slug, **fields)
    ProtocolVersion.objects.create(
        project=project,
        number=1,
        preset="compare",
        questions=PRESETS["compare"].questions,
    )
    return project


def add_member(project: Project, role: str = "annotator", name: str = "") -> User:
    """Make a person with a role in a project."""
    user = make_user(name)
    Membership.objects.create(project=project, user=user, role=role)
    return user


def make_tasks(
    project: Project, count: int = 1, *, size: int = 2, **fields: Any
) -> list[Task]:
    """Make tasks of `size` completions each, in the order they will be asked."""
    protocol = project.protocol_versions.latest("number")
    fields = {"overlap": project.overlap} | fields
    made = []
    for _ in range(count):
        n = next(_number)
        messages = [{"role": "user", "content": f"Question {n}?"}]
        prompt = Prompt.objects.create(
            project=project,
            messages=messages,
            content_hash=content_hash([n, messages]),
            group_key=content_hash(n),
            split="train",
        )
        task = Task.objects.create(
            project=project,
            prompt=prompt,
            protocol=protocol,
            key=content_hash(["task", n]),
            **fields,
        )
        for position in range(size):
            answer = [{"role": "assistant", "content": f"Answer {position} to {n}"}]
            completion = Completion.objects.create(
                prompt=prompt,
                messages=answer,
                generator=f"secret-model-{position}",
                content_hash=content_hash(answer),
            )
            TaskCompletion.objects.create(
                task=task, completion=completion, position=position
            )
        made.append(task)
    return made


def sign_in(user: User) -> Client:
    """Return a client that is signed in and sends CSRF as the workspace does."""
    client = Client(enforce_csrf_checks=False)
    client.force_login(user)
    return client


def compare(completions: list[Any], outcome: str = "a", strength: int = 2) -> list[Any]:
    """Return the judgments of one comparison, as the browser sends them.

    Args:
        completions: of an assignment, as presented: ids, or {id: ...}.
    """
    a, b = (str(c["id"] if isinstance(c, dict) else c) for c in completions[:2])
    return [
        {
            "kind": "compare",
            "question": "overall",
            "a": a,
            "b": b,
            "outcome": outcome,
            "strength": strength if outcome in ("a", "b") else 0,
            "scale": "compare-7@1",
        }
    ]


def answer(assignment: dict[str, Any], **changes: Any) -> dict[str, Any]:
    """Return a valid feedback request for an assignment of the API."""
    return {
        "client_id": str(uuid.uuid4()),
        "judgments": compare(assignment["completions"]),
        "active_ms": 1200,
        "protocol_version": assignment["protocol_version"],
    } | changes


def counters_off() -> list[int]:
    """Return the tasks whose counters differ from their assignments: always none."""
    wrong = []
    for task in Task.objects.prefetch_related("assignments"):
        rows = list(task.assignments.all())
        leased = sum(row.state == Assignment.State.LEASED for row in rows)
        counted = sum(row.counted for row in rows)
        if (task.leased, task.counted) != (leased, counted) or (
            leased + counted > task.overlap
        ):
            wrong.append(task.pk)
    return wrong


def let_leases_run_out() -> None:
    """Move every live lease's end into the past."""
    # Longer ago than the test's transaction, whose beginning is its now().
    past = timezone.now() - timedelta(minutes=10)
    Assignment.objects.filter(state="leased").update(expires_at=past)
