"""Scorers without training, and steered sampling: from a run to its files."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from pytest_django.fixtures import Settings

from annotation.errors import InvalidInput
from annotation.models import Project
from tests.engine.reward_rows import scalar_row
from tests.engine.support import Workspace, write_rows
from tests.training.factories import (
    make_completion,
    make_project,
    make_prompt,
    tiny_policy,
)
from training.engine.cli import run_spec
from training.engine.registry import PRESETS
from training.models import ModelVersion, TrainingRun
from training.services import specs
from training.services.launching import launch
from training.services.promoting import base_model

pytestmark = pytest.mark.django_db
SCORERS = [p.name for p in PRESETS.values() if p.task == "score" and p.is_published]


@pytest.fixture(autouse=True)
def files_of_this_test(settings: Settings, tmp_path: Path) -> None:
    settings.ARTIFACTS = tmp_path / "artifacts"
    settings.MODEL_DIRECTORIES = [str(tmp_path / "models")]


def carried_out(run: TrainingRun, folder: Path) -> Path:
    """Do what a worker would, in this process; return where the run's files are."""
    place = folder / str(run.pk)
    place.mkdir()
    assert run_spec(specs.write_spec(run, place), place / "out") == 0
    return place / "out"


@pytest.fixture
def completions(tmp_path: Path) -> tuple[Project, list[str]]:
    project = make_project()
    found = [
        make_completion(make_prompt(project, f"what is {n}?"), f"{n} is a {word}")
        for n, word in enumerate(("pear", "plum", "fig"))
    ]
    return project, [str(row.pk) for row in found]


def tuned() -> ModelVersion:
    """Return another model of the same vocabulary: a reward's, with no head."""
    return base_model(project=None, source="tiny:causal", role="policy")


def test_every_scorer_runs_from_its_row_to_its_scores(
    completions: tuple[Project, list[str]], tmp_path: Path
) -> None:
    project, ids = completions
    found: dict[str, dict[str, float]] = {}
    for name in SCORERS:
        run = launch(
            project=project,
            kind="score",
            preset=name,
            model=tiny_policy(),
            reference=tuned(),
            inputs={"completion_ids": ids},
        )
        assert (run.kind, run.backend) == ("score", "hone")
        table = pq.read_table(carried_out(run, tmp_path) / "scores.parquet")
        columns = (table[column].to_pylist() for column in ("row_id", "score"))
        found[name] = dict(zip(*columns, strict=True))
        assert found[name].keys() == set(ids), name
    assert len(set(found["likelihood"].values())) == 3
    assert max(found["likelihood"].values()) < 0
    # A model that nobody tuned implies no reward over itself.
    assert set(found["density-ratio"].values()) == {0.0}
    assert set(found["implicit-reward"].values()) == {0.0}
    assert len(set(found["follow-up-likelihood"].values())) == 3


def test_scorers_take_language_models_and_something_to_score(
    completions: tuple[Project, list[str]],
) -> None:
    project, ids = completions
    judge = base_model(project=None, source="tiny:encoder", role="reward")
    start: dict[str, Any] = {"project": project, "kind": "score"}
    with pytest.raises(InvalidInput) as wrong:
        launch(
            **start,
            preset="likelihood",
            model=judge,
            inputs={"completion_ids": ids},
        )
    assert wrong.value.fields[0]["path"] == "model"
    with pytest.raises(InvalidInput) as nothing:
        launch(**start, preset="likelihood", model=tiny_policy())
    assert nothing.value.fields[0]["path"] == "inputs.completion_ids"


def test_steered_sampling_runs_from_its_row_to_its_completions(
    completions: tuple[Project, list[str]], tmp_path: Path
) -> None:
    project, _ = completions
    space = Workspace(tmp_path / "models")
    space.path.mkdir()
    rows = write_rows(space.path / "s.parquet", [scalar_row(i) for i in range(4)])
    trained = space.run(
        space.spec(
            "reward",
            preset="reward-values",
            data={"train": str(rows)},
            limits={"max_steps": 1},
        ),
        "values",
    )
    assert trained.code == 0, trained.status
    values = base_model(
        project=project, source=str(trained.out / "model"), role="reward"
    )
    start: dict[str, Any] = {
        "project": project,
        "kind": "generate",
        "preset": "value-augmented-sampling",
        "model": tiny_policy(),
    }
    prompts = list(project.prompts.values_list("pk", flat=True))
    with pytest.raises(InvalidInput) as lacking:
        launch(**start, inputs={"prompt_ids": prompts})
    assert lacking.value.fields[0]["path"] == "inputs.models.value"
    said = []
    for beta in (0.0, 900.0):
        run = launch(
            **start,
            params={"value_beta": beta, "max_new_tokens": 3, "value_top": 8},
            inputs={"prompt_ids": prompts, "models": {"value": str(values.pk)}},
        )
        table = pq.read_table(carried_out(run, tmp_path) / "completions.parquet")
        assert table["prompt_id"].to_pylist() == [str(pk) for pk in prompts]
        said.append(table["content"].to_pylist())
    assert said[0] != said[1]
