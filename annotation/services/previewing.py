"""A task to look at while questions are being made: a real one, or an invented one."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.core.cache import cache
from django.db.models import Exists, OuterRef
from django.utils import timezone

from annotation.errors import NotFound
from annotation.models import Project, Task, TaskCompletion
from annotation.services.orders import Completion
from annotation.services.presenting import completions_shown, prompt_shown

Questions = Sequence[Mapping[str, Any]]
DRAFT_SECONDS = 3600
PAIRED, LISTED = 2, 4  # completions of an invented task

SAMPLE_MESSAGES = [
    {
        "role": "user",
        "content": "My basil keeps dying on the windowsill. What am I doing wrong?",
    }
]
SAMPLE_CONTEXT = {
    "passages": [
        {
            "doc": "herbs",
            "title": "Herbs indoors",
            "text": "Basil wants six hours of sun a day. Its soil should dry a little "
            "between waterings. Below ten degrees its leaves turn black.",
        }
    ],
}
SAMPLES = (
    (
        "Most likely it stands too wet or too dark.\n\n"
        "Give it the sunniest window you have, and water only when the top of the "
        "soil is dry.",
        "The basil grew new leaves within two weeks.",
    ),
    (
        "Basil is an annual, so it always dies. 🌿\n\n"
        "Water it every morning and every evening.",
        "The roots rotted after five days.",
    ),
    (
        "Buy a new one; they are **cheap**.",
        "The new plant died in the same place.",
    ),
    (
        "It may be cold there at night: move it when it gets below ten degrees.",
        "Some leaves stayed green, some turned black.",
    ),
)


def preview(*, project: Project, questions: Questions, version: int) -> dict[str, Any]:
    """Return what a person would be handed who is asked these questions.

    Nothing is leased and nothing can be answered: its id is 0.

    Args:
        questions: with every field, published or not.
        version: the number that the questions have or would have.
    """
    several = any(q["kind"] in ("compare", "rank", "best_worst") for q in questions)
    task = _real_task(project, PAIRED if several else 1)
    if task is None:
        kinds = {question["kind"] for question in questions}
        listed = bool(kinds & {"rank", "best_worst"})
        size = (LISTED if listed else PAIRED) if several else 1
        messages, context, completions = _invented(size)
    else:
        messages, context = task.prompt.messages, task.prompt.context
        completions = _completions_of(task)
    order = list(range(len(completions)))
    return {
        "assignment": {
            "id": 0,
            "expires_at": _later(project),
            "protocol_version": version,
            "prompt": prompt_shown(messages, context),
            "completions": completions_shown(completions, order, questions),
            "answer": None,
        },
        "protocol": {"version": version, "questions": questions},
        "invented": task is None,
    }


def keep_draft(*, project: Project, user: int, questions: Questions) -> None:
    """Keep questions that are being edited, for their editor's preview alone."""
    cache.set(_draft_key(project, user), list(questions), DRAFT_SECONDS)


def draft_of(*, project: Project, user: int) -> list[dict[str, Any]] | None:
    """Return the questions that a person is editing; None if there are none."""
    kept: list[dict[str, Any]] | None = cache.get(_draft_key(project, user))
    return kept


def drop_draft(*, project: Project, user: int) -> None:
    """Forget a draft, since it is published or given up."""
    cache.delete(_draft_key(project, user))


def _draft_key(project: Project, user: int) -> str:
    return f"questions-draft:{project.pk}:{user}"


def questions_of_version(project: Project, number: int | None) -> tuple[int, Any]:
    """Return a version's number and stored questions; the newest where None.

    Raises:
        NotFound: when the project has no such version.
    """
    versions = project.protocol_versions.order_by("-number")
    if number is not None:
        versions = versions.filter(number=number)
    found = versions.first()
    if found is None:
        raise NotFound(
            "The project has no such version of its questions.",
            expected="a number in the project's list of versions",
            found=str(number),
            fix="Leave `version` out for the newest.",
        )
    return found.number, found.questions


def _later(project: Project) -> datetime:
    return timezone.now() + timedelta(seconds=project.lease_seconds)


def _real_task(project: Project, size: int) -> Task | None:
    """Return the project's first task of at least so many completions."""
    last_needed = TaskCompletion.objects.filter(task=OuterRef("pk"), position=size - 1)
    return (
        Task.objects.filter(Exists(last_needed), project=project)
        .select_related("prompt")
        .order_by("id")
        .first()
    )


def _completions_of(task: Task) -> list[Completion]:
    slots = task.slots.select_related("completion").order_by("position")
    return [
        {
            "id": slot.completion_id,
            "messages": slot.completion.messages,
            "trace": slot.completion.trace,
            # What a question reveals should be seen in its preview.
            "outcome": slot.completion.sampling.get("outcome") or SAMPLES[0][1],
        }
        for slot in slots
    ]


def _invented(size: int) -> tuple[Any, Any, list[Completion]]:
    completions = [
        {
            "id": UUID(int=number + 1),
            "messages": [{"role": "assistant", "content": text}],
            "trace": None,
            "outcome": outcome,
        }
        for number, (text, outcome) in enumerate(SAMPLES[:size])
    ]
    return SAMPLE_MESSAGES, SAMPLE_CONTEXT, completions
