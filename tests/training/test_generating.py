"""Sampled completions: taken in while the run samples, once, and asked about."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from pytest_django.fixtures import Settings

from annotation.models import Completion, Task
from tests.training.factories import make_project, make_prompt, tiny_policy
from training.models import TrainingRun
from training.services.generating import Intake, choose_prompts
from training.services.launching import launch
from workers.live import LiveIntake

pytestmark = pytest.mark.django_db


@pytest.fixture
def run(settings: Settings, tmp_path: Path) -> TrainingRun:
    settings.ARTIFACTS = tmp_path
    project = make_project()
    prompts = [make_prompt(project, f"ask {n}") for n in range(3)]
    return launch(
        project=project,
        kind="generate",
        model=tiny_policy(),
        params={"samples": 2},
        inputs={
            "prompt_ids": [prompt.pk for prompt in prompts],
            "import_live": True,
            "tasks": {},
        },
    )


def row(run: TrainingRun, place: int, sample: int, content: str) -> dict[str, Any]:
    return {
        "prompt_id": str(run.inputs["prompt_ids"][place]),
        "sample": sample,
        "content": content,
        "finish_reason": "stop",
        "tokens": 3,
        "mean_logprob": -1.0,
    }


def test_tasks_come_as_soon_as_a_prompt_has_its_samples(
    run: TrainingRun, tmp_path: Path
) -> None:
    stream = tmp_path / "completions.jsonl"
    live = LiveIntake(run, tmp_path)
    live.take()  # nothing is there yet
    lines = [
        json.dumps(row(run, 0, 0, "one")),
        json.dumps(row(run, 1, 0, "uno")),
        json.dumps(row(run, 0, 1, "two")),
    ]
    stream.write_text(f"{lines[0]}\n{lines[1]}\n{lines[2][:20]}")
    live.take()
    assert Completion.objects.count() == 2
    assert not Task.objects.exists()
    stream.write_text("\n".join(lines) + "\n")
    live.take()
    task = Task.objects.get()
    assert task.state == "open"
    assert {each.text for each in task.completions.all()} == {"one", "two"}
    first = Completion.objects.get(messages__0__content="one")
    assert first.model_version == run.model_id
    assert first.generator == "tiny causal model"
    assert first.sampling["run"] == str(run.pk)


def test_taking_in_twice_adds_nothing(run: TrainingRun) -> None:
    rows = [row(run, place, n, f"text {n}") for place in range(3) for n in range(2)]
    Intake(run).take(rows[:3])
    Intake(run).take(rows)
    Intake(run).take(rows)
    assert Completion.objects.count() == 6
    assert Task.objects.count() == 3


def test_blank_and_equal_samples_are_nothing_to_compare(run: TrainingRun) -> None:
    intake = Intake(run)
    intake.take(
        [
            row(run, 0, 0, " \n"),
            row(run, 0, 1, "said"),
            row(run, 1, 0, "same"),
            row(run, 1, 1, "same"),
            row(run, 2, 0, "same  here"),
            row(run, 2, 1, "same here"),
        ]
    )
    assert intake.empty == 1
    assert not Task.objects.exists()


def test_a_model_cannot_write_what_the_database_refuses(run: TrainingRun) -> None:
    Intake(run).take([row(run, 0, 0, "a\x00b \ud800 c")])
    assert Completion.objects.get().text == "ab ? c"


def test_completions_of_prompts_nobody_asked_for_are_left(run: TrainingRun) -> None:
    Intake(run).take([row(run, 0, 0, "one") | {"prompt_id": "999999"}])
    assert not Completion.objects.exists()


def test_prompts_are_drawn_by_the_seed_from_their_split(db: None) -> None:
    project = make_project()
    train = [make_prompt(project, f"train {n}").pk for n in range(20)]
    make_prompt(project, "held out", split="test")
    drawn = choose_prompts(project=project, limit=5, seed=4)
    assert drawn == choose_prompts(project=project, limit=5, seed=4)
    assert drawn != choose_prompts(project=project, limit=5, seed=5)
    assert set(drawn) <= set(train)
    assert set(choose_prompts(project=project)) == set(train)
