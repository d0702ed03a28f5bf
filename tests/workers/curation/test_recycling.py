"""Labels for another look: three opinions of each, and what becomes of it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from pytest_django.fixtures import Settings

from annotation.errors import InvalidInput
from annotation.models import Actor, Feedback, Project, Task
from annotation.services.importing import ImportOptions, import_file
from annotation.services.judging import (
    JudgeAnswer,
    as_compare,
    compare_question,
    model_actor,
    record,
)
from tests.training.factories import make_project
from training.services import artifacts
from training.services.curation_verified import set_apart
from training.services.freezing import create_snapshot, freeze
from workers.curation.recycling import recycle

pytestmark = pytest.mark.django_db
WRONG = (30, 31)


@pytest.fixture(autouse=True)
def artifacts_of_this_test(settings: Settings, tmp_path: Path) -> None:
    settings.ARTIFACTS = tmp_path / "artifacts"


@pytest.fixture
def project(tmp_path: Path) -> Project:
    """Forty labels, of which two say the opposite of all others."""
    made = make_project()
    rows: list[dict[str, Any]] = []
    for n in range(40):
        good, bad = f"Thank you, gladly: it is {n}.", f"Go away, you fool {n}!"
        chosen, rejected = (bad, good) if n in WRONG else (good, bad)
        row = {"prompt": f"Tell me about {n}", "chosen": chosen, "rejected": rejected}
        rows.append({**row, "split": "train"})
    file = tmp_path / "labels.jsonl"
    file.write_text("\n".join(json.dumps(row) for row in rows))
    import_file(project=made, path=file, options=ImportOptions(closed=True))
    return made


def task_of(project: Project, number: int) -> Task:
    said = f"Tell me about {number}"
    return next(
        task
        for task in Task.objects.filter(project=project).select_related("prompt")
        if task.prompt.messages[0]["content"] == said
    )


def prefers(actor: Actor, task: Task, *, better: str) -> None:
    """Let a judge prefer the completion that begins so, in both orders."""
    question = compare_question(task.protocol.questions)
    slots = list(task.slots.select_related("completion").order_by("position"))
    answers = []
    for presentation, order in enumerate(((0, 1), (1, 0))):
        first, second = (slots[place].completion for place in order)
        sure = 0.95 if first.text.startswith(better) else 0.05
        judgment = as_compare(question, first.pk, second.pk, sure)
        answers.append(JudgeAnswer(task.pk, presentation, order, (judgment,)))
    record(actor=actor, answers=answers)


def test_what_all_contradict_is_turned_and_what_is_open_is_asked_again(
    project: Project,
) -> None:
    turned, doubted = (task_of(project, number) for number in WRONG)
    others = Task.objects.filter(project=project).exclude(
        pk__in=[turned.pk, doubted.pk]
    )
    # Neither of the two is in the pool; people checked eight of the others.
    others.filter(pk__in=others.order_by("pk")[:8].values("pk")).update(
        verified_pool=True
    )
    judge = model_actor(project=project, source="x", external_id="x", name="judge")
    prefers(judge, turned, better="Thank")
    # Nobody asked a judge about the other one.
    snapshot = freeze(
        create_snapshot(project=project, name="all", query={"kinds": ["human"]}).pk
    )
    assert snapshot.rows == 32
    found = recycle(snapshot, ask=5)
    assert found.fates == {"flip": 1, "keep": 30, "relabel": 1}
    table = pq.read_table(artifacts.snapshot_dir(found.snapshot) / "train.parquet")
    rows = {int(row["task"]): row for row in table.to_pylist()}
    assert rows[turned.pk]["swapped"]
    assert rows[turned.pk]["chosen"][0]["content"].startswith("Thank")
    # What is in doubt does not train, and people look again.
    assert doubted.pk not in rows
    assert found.asked_again == 1
    doubted.refresh_from_db()
    assert (doubted.state, doubted.route) == ("open", "human")
    assert doubted.overlap == doubted.counted + 1
    assert "contradict its label" in doubted.reason
    # The record is as it was.
    said = Feedback.objects.get(assignment__task=doubted)
    assert said.judgments[0]["outcome"] in ("a", "b")


def test_without_a_verified_pool_nothing_can_be_said(project: Project) -> None:
    set_apart(project=project, share=0.0)
    snapshot = freeze(create_snapshot(project=project, name="all").pk)
    with pytest.raises(InvalidInput, match="nothing to hold the labels against"):
        recycle(snapshot)
