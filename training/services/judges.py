"""Setting up a judge: everything that it names belongs to its project."""

from collections.abc import Sequence
from typing import Any

from django.db import transaction

from annotation.errors import InvalidInput
from annotation.models import Judge
from annotation.services.judges import check_judge
from training.models import ModelVersion

LEAST_MEMBERS = 2
# What people set. A batch under way writes the others: money, state, model.
SET_BY_PEOPLE = (
    *("project", "name", "backend", "model_version", "replays", "settings"),
    *("price_prompt", "price_completion", "budget", "concurrency"),
)
JUDGES = (ModelVersion.Role.REWARD, ModelVersion.Role.POLICY, ModelVersion.Role.JUDGE)


def save_judge(judge: Judge, *, members: Sequence[Judge] = ()) -> Judge:
    """Write a judge with its members, new or changed.

    Raises:
        InvalidInput: naming the fields that need mending.
    """
    problems = [
        {"path": path, "message": message} for path, message in _strange(judge, members)
    ]
    if problems:
        raise InvalidInput(
            "The judge cannot be set up like this.",
            expected="a name of its own, and parts of its own project",
            found="; ".join(f"{each['path']} {each['message']}" for each in problems),
            fix="Mend the fields named below.",
            fields=problems,
        )
    parsed = check_judge(judge)
    judge.settings = parsed.model_dump(mode="json", exclude_defaults=True)
    with transaction.atomic():
        judge.save(update_fields=None if judge._state.adding else SET_BY_PEOPLE)
        judge.members.set(members)
    return judge


def _strange(judge: Judge, members: Sequence[Judge]) -> list[tuple[str, str]]:
    """Return what does not belong: (field, what is wrong with it)."""
    found: list[tuple[str, str]] = []
    project = judge.project_id
    if judge.model_version is not None:
        model: Any = ModelVersion.objects.filter(pk=judge.model_version).first()
        if model is None or model.project_id not in (None, project):
            found.append(("model_version", "belongs to another project"))
        elif model.role not in JUDGES:
            found.append(("model_version", "is no reward model, policy or judge"))
    if judge.replays is not None and judge.replays.project_id != project:
        found.append(("replays", "belongs to another project"))
    if any(each.project_id != project for each in members):
        found.append(("members", "some belong to another project"))
    elif judge.backend == Judge.Backend.PANEL and len(members) < LEAST_MEMBERS:
        found.append(("members", "a panel needs two judges or more"))
    elif any(each.backend == Judge.Backend.PANEL for each in members):
        found.append(("members", "a panel has no panels"))
    taken = Judge.objects.filter(project=project, name=judge.name)
    if taken.exclude(pk=judge.pk).exists():
        found.append(("name", "is another judge's name in this project"))
    return found
