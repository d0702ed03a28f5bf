"""An iteration of curation over the record, with recorded answers as the judge."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from django.core.management import call_command
from pytest_django.fixtures import Settings

from annotation.errors import InvalidInput
from annotation.models import Feedback, Judge, Project, Task
from annotation.services.importing import import_file
from tests.training.factories import make_project, tiny_policy
from training.services.curation_verified import set_apart
from training.services.freezing import create_snapshot, freeze
from workers.curation.iterate import CurationSettings, iterate
from workers.curation.verified import SHOTS, Turns, verified_pairs
from workers.curation.votes import summary, vote
from workers.judges.presenting import presented

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def artifacts_of_this_test(settings: Settings, tmp_path: Path) -> None:
    settings.ARTIFACTS = tmp_path / "artifacts"


@pytest.fixture
def project(tmp_path: Path) -> Project:
    """Twenty labelled pairs, and twenty that nobody has answered."""
    made = make_project()
    topics = ("adding numbers and sums", "cats, kittens and dogs")
    rows: list[dict[str, Any]] = [
        {
            "prompt": f"question {n} about {topics[n % 2]}",
            "chosen": f"good {n}",
            "rejected": f"bad {n}",
            "split": "train",
        }
        for n in range(40)
    ]
    for row in rows[20:]:
        row["completions"] = [row.pop("chosen"), row.pop("rejected")]
    file = tmp_path / "labels.jsonl"
    file.write_text("\n".join(json.dumps(row) for row in rows))
    import_file(project=made, path=file)
    return made


def likes_bad(texts: Any) -> np.ndarray[Any, np.dtype[np.float64]]:
    """A reward model that is wrong about sums alone."""

    def reward(prompt: Turns, text: Turns) -> float:
        good = "good" in text[0]["content"]
        return float(good) if "cats" in prompt[0]["content"] else float(not good)

    return np.array([reward(prompt, text) for prompt, text in texts])


@pytest.fixture
def judge(project: Project) -> Judge:
    """A tiny model of our own, asked in both orders."""
    return Judge.objects.create(
        project=project,
        name="tiny",
        backend="model",
        model_version=tiny_policy().pk,
    )


def test_an_iteration_looks_where_the_model_errs_and_judges_with_examples(
    project: Project, judge: Judge
) -> None:
    set_apart(project=project, share=0.4, seed=1)
    known = {pair.task: pair for pair in verified_pairs(project)}
    assert len(known) == 8
    told = CurationSettings(examples=2, most=8)
    found = iterate(
        project=project,
        reward_model=tiny_policy(),
        judge=judge,
        settings=told,
        score=likes_bad,
    )
    wrong = sum("sums" in pair.prompt[0]["content"] for pair in known.values())
    assert found.verified == 8
    assert found.accuracy == pytest.approx(1 - wrong / 8)
    assert (found.unlabelled, found.retrieved) == (20, 8)
    assert found.consistent + found.to_people == 8
    asked = Task.objects.filter(project=project, scores__has_key="curation")
    assert asked.count() == 8
    about = [task.prompt.messages[0]["content"] for task in asked]
    assert sum("sums" in text for text in about) >= 7
    # Both orders were asked, with verified pairs beside; none of them was asked about.
    answers = Feedback.objects.filter(assignment__task__in=asked)
    assert answers.count() == 16
    assert not asked.filter(pk__in=known).exists()
    for item in presented([task.pk for task in asked]):
        assert item.context is not None
        shown = item.context[SHOTS]
        assert len(shown) == 2
        assert all("good" in each["preferred"] for each in shown)
    for task in asked:
        assert set(task.scores["curation"]["examples"]) <= known.keys()
        open_slots = task.overlap - task.counted
        assert (task.route, open_slots) in (("ai", 0), ("human", 1))
    # Again: what was answered is not looked at a second time.
    again = iterate(
        project=project,
        reward_model=tiny_policy(),
        judge=judge,
        settings=told,
        score=likes_bad,
    )
    assert again.unlabelled == 12
    # Nothing of the verified pool trains, silver does.
    snapshot = freeze(create_snapshot(project=project).pk)
    assert snapshot.manifest["dropped"]["verified pool"] == 8


def test_without_a_verified_pool_there_is_nothing_to_steer_by(
    project: Project, judge: Judge
) -> None:
    with pytest.raises(InvalidInput, match="nothing to steer by"):
        iterate(project=project, reward_model=tiny_policy(), judge=judge)


def test_votes_make_a_snapshot_of_their_own(
    project: Project, capsys: pytest.CaptureFixture[str]
) -> None:
    snapshot = freeze(create_snapshot(project=project).pk)
    made, rows = vote(snapshot, use="soft", encoder="tiny:encoder")
    assert made.manifest["votes"]["encoder"] == "tiny:encoder"
    assert sum(summary(rows).values()) == made.rows == 20
    call_command("curate", "verify", project=project.slug, share=0.0)
    assert '"verified": 0' in capsys.readouterr().out
