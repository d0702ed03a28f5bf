"""What the database itself refuses, whoever writes and by whatever path."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import DatabaseError, transaction

from annotation.models import Project, Prompt
from tests import factories


def prompt(project: Project, group: str, split: str, number: int) -> Prompt:
    return Prompt.objects.create(
        project=project,
        messages=[{"role": "user", "content": str(number)}],
        content_hash=f"{group}{number}",
        group_key=group,
        split=split,
    )


@pytest.mark.django_db
def test_prompt_group_never_crosses_splits() -> None:
    project, other = factories.make_project(), factories.make_project()
    for group in ("a", "c", "b"):
        prompt(project, group, "train", 1)
        prompt(project, group, "train", 2)
    with pytest.raises(DatabaseError, match="is in split train"), transaction.atomic():
        prompt(project, "b", "test", 3)
    prompt(project, "d", "test", 1)
    prompt(project, "aa", "validation", 1)
    prompt(other, "b", "test", 1)  # another project's groups are its own


@pytest.mark.django_db
@pytest.mark.parametrize("change", [{"split": "test"}, {"messages": []}])
def test_prompts_are_never_edited(change: dict[str, Any]) -> None:
    made = prompt(factories.make_project(), "a", "train", 1)
    with pytest.raises(DatabaseError, match="refused"):
        Prompt.objects.filter(pk=made.pk).update(**change)
