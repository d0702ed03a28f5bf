"""Answers of judges: the same assignments and feedback as people's, marked as theirs.

A judge may see one task in several presentations, mostly both orders. On a task that
is routed to AI its first presentation takes a slot of the overlap, as a person's
answer would; further ones, and those on tasks that people answer too, are kept and
take none. Writing the same answers again adds nothing.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID, uuid5

from django.db import transaction
from django.utils import timezone

from annotation.errors import InvalidInput
from annotation.hashing import content_hash
from annotation.judgments import Compare, Judgment, dump_judgments
from annotation.models import Actor, Assignment, Feedback, Project, Task

NAMESPACE = UUID("6f0f4d0e-6a53-4d5e-9d2b-0d2f6d9f8f51")
EVEN = 0.005
"""A judge this close to even calls a tie, where it is told nothing else."""


@dataclass(frozen=True)
class JudgeAnswer:
    """What a judge says about one task in one presentation.

    Attributes:
        order: positions of the task's completions, as presented.
        judgments: empty if the judge abstained; `raw_text` then says what it said.
        protocol: the version of the questions that it was asked, which the task may
            have changed for a newer one meanwhile; the task's own where None.
    """

    task: int
    presentation: int
    order: tuple[int, ...]
    judgments: tuple[Judgment, ...]
    raw_text: str = ""
    active_ms: int = 0
    protocol: int | None = None


def model_actor(
    *,
    project: Project,
    source: str,
    external_id: str,
    name: str,
    model_version: UUID | None = None,
    model: Mapping[str, Any] | None = None,
) -> Actor:
    """Return the actor of a judge in a project, made once.

    Args:
        external_id: what sets it apart, such as the model and its prompt's hash.
        model: name, version, prompt_hash, sampling.
    """
    actor, _ = Actor.objects.get_or_create(
        project=project,
        source=source,
        external_id=external_id,
        kind=Actor.Kind.MODEL,
        defaults={
            "name": name[:200],
            "pool": "judges",
            "model_version": model_version,
            "model": dict(model or {}),
        },
    )
    return actor


def compare_question(questions: Sequence[Mapping[str, Any]]) -> Mapping[str, Any]:
    """Return the question that a judge of pairs can answer.

    Raises:
        InvalidInput: when the protocol compares nothing.
    """
    for question in questions:
        if question["kind"] == "compare":
            return question
    raise InvalidInput(
        "The protocol asks nothing that a judge of pairs can answer.",
        expected="a question of kind compare",
        found=", ".join(str(question["kind"]) for question in questions) or "none",
        fix="Publish a protocol with such a question, or route tasks to people.",
    )


def as_compare(
    question: Mapping[str, Any],
    first: UUID,
    second: UUID,
    probability: float,
    *,
    even: float = EVEN,
) -> Compare:
    """Return a probability as a judgment on the question's own scale.

    Args:
        first, second: the completions as presented.
        probability: that the first is better.
        even: this close to 1/2, or closer, is a tie, if the question offers one. If it
            does not, the side shown first has it at exactly 1/2, with that confidence.
    """
    confidence = max(probability, 1 - probability)
    outcome = "a" if probability >= 0.5 else "b"
    strength = _strength(question, outcome, confidence)
    if abs(probability - 0.5) <= even and _offers_tie(question):
        outcome, strength = "tie", 0
    scale = question.get("scale")
    return Compare.model_validate(
        {
            "a": first,
            "b": second,
            "outcome": outcome,
            "strength": strength,
            "scale": scale["id"] if scale else None,
            "criterion": question.get("criterion"),
            "question": question["id"],
            "confidence": round(confidence, 6),
        }
    )


def _offers_tie(question: Mapping[str, Any]) -> bool:
    """Return whether a question has a tie among its options; one without scale has."""
    scale = question.get("scale")
    return scale is None or any(o["outcome"] == "tie" for o in scale["options"])


def _strength(
    question: Mapping[str, Any], outcome: str, confidence: float
) -> int | None:
    """Return how strongly to say it: the scale's strengths in equal bands."""
    options = (question.get("scale") or {}).get("options", [])
    offered = sorted(o["strength"] for o in options if o["outcome"] == outcome)
    if not offered:
        return None
    band = int((confidence - 0.5) * 2 * len(offered))
    return int(offered[min(band, len(offered) - 1)])


def record(*, actor: Actor, answers: Sequence[JudgeAnswer]) -> int:
    """Write a judge's answers in one transaction; return how many were new.

    So many answers take as few statements as one: a judge must not wait for them.
    """
    with transaction.atomic():
        # In id order, as everybody locks tasks, so that nobody waits in a circle.
        tasks = {
            task.pk: task
            for task in Task.objects.select_for_update(of=("self",))
            .only("project", "protocol", "route", "overlap", "leased", "counted")
            .filter(pk__in={answer.task for answer in answers})
            .order_by("pk")
        }
        met = set(
            Assignment.objects.filter(actor=actor, task__in=tasks).values_list(
                "task", "presentation"
            )
        )
        new: list[JudgeAnswer] = []
        for answer in sorted(answers, key=lambda a: (a.task, a.presentation)):
            if (answer.task, answer.presentation) not in met:
                met.add((answer.task, answer.presentation))
                new.append(answer)
        made = Assignment.objects.bulk_create(
            [_assignment(actor, tasks[answer.task], answer) for answer in new]
        )
        Feedback.objects.bulk_create(
            [
                _feedback(actor, tasks[answer.task], answer, assignment)
                for answer, assignment in zip(new, made, strict=True)
                if answer.judgments
            ]
        )
    return len(new)


def _assignment(actor: Actor, task: Task, answer: JudgeAnswer) -> Assignment:
    """Return an answer's assignment, and take a slot of the task in hand for it."""
    now = timezone.now()
    is_counted = (
        task.route == Task.Route.AI
        and answer.presentation == 0
        and task.leased + task.counted < task.overlap
    )
    task.counted += is_counted
    said = Assignment.State.ANSWERED if answer.judgments else Assignment.State.ABSTAINED
    return Assignment(
        task=task,
        project_id=task.project_id,
        actor=actor,
        presentation=answer.presentation,
        order=list(answer.order),
        origin=Assignment.Origin.JUDGE,
        state=said,
        counted=is_counted,
        leased_at=now,
        expires_at=now,
        ended_at=now,
        raw_text=answer.raw_text,
    )


def _feedback(
    actor: Actor, task: Task, answer: JudgeAnswer, assignment: Assignment
) -> Feedback:
    judgments = dump_judgments(list(answer.judgments))
    return Feedback(
        client_id=uuid5(NAMESPACE, f"{task.pk}:{answer.presentation}"),
        assignment=assignment,
        project_id=task.project_id,
        actor=actor,
        judgments=judgments,
        active_ms=answer.active_ms,
        protocol_id=answer.protocol or task.protocol_id,
        content_hash=content_hash(
            {"assignment": assignment.pk, "judgments": judgments, "supersedes": None}
        ),
    )
