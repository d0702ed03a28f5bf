"""Snapshots with votes: labels are kept beside, sides swap whole, parents are named."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
from pytest_django.fixtures import Settings

from annotation.errors import InvalidInput
from annotation.models import Task
from annotation.projections.columns import schema_of
from annotation.projections.views import VIEWS
from tests.training.test_curation_verified import members
from tests.training.test_curation_verified import project as project_of_labels
from training.models import Snapshot
from training.services import artifacts
from training.services.curation_jobs import USES
from training.services.curation_snapshots import (
    ask_again,
    check_use,
    decided_rows,
    derive,
    restated,
)
from training.services.curation_votes import Strength
from training.services.freezing import create_snapshot, freeze

pytestmark = pytest.mark.django_db
project = project_of_labels


@pytest.fixture(autouse=True)
def artifacts_of_this_test(settings: Settings, tmp_path: Any) -> None:
    settings.ARTIFACTS = tmp_path / "artifacts"


@pytest.fixture
def parent(project: Any) -> Snapshot:
    return freeze(create_snapshot(project=project, name="all").pk)


def votes_of(count: int) -> Strength:
    mean = np.linspace(-2, 5, count)
    return Strength(mean, np.abs(mean) / 10, 1 / (1 + np.exp(-mean)))


def rows_with(parent: Snapshot, use: str) -> list[dict[str, Any]]:
    table, places = decided_rows(parent)
    return restated(table.to_pylist(), places, votes_of(len(places)), check_use(use))


def test_columns_leave_every_label_as_it_was(parent: Snapshot) -> None:
    table, _ = decided_rows(parent)
    rows = rows_with(parent, "columns")
    for given, row in zip(table.to_pylist(), rows, strict=True):
        kept = {name: row[name] for name in given}
        assert kept | {"transform": given["transform"]} == given
        assert row["vote_band"] in ("suspect", "ambiguous", "normal", "easy")


def test_suspected_labels_turn_round_whole(parent: Snapshot) -> None:
    before, after = rows_with(parent, "columns"), rows_with(parent, "flip")
    for given, row in zip(before, after, strict=True):
        assert row["swapped"] == (given["vote_mean"] < 0)
        if row["swapped"]:
            assert row["chosen"] == given["rejected"]
            assert row["rejected_id"] == given["chosen_id"]
            assert row["given_soft_label"] == 1.0
        else:
            assert row["chosen_id"] == given["chosen_id"]
    assert sum(row["swapped"] for row in after) == 12


def test_soft_labels_stay_at_one_half_or_above_and_margins_are_means(
    parent: Snapshot,
) -> None:
    for row in rows_with(parent, "soft"):
        assert 0.5 <= row["soft_label"] <= 1
        believed = row["vote_probability"]
        assert row["soft_label"] == pytest.approx(max(believed, 1 - believed))
        assert row["swapped"] == (believed < 0.5)
    assert all(row["margin"] == row["vote_mean"] for row in rows_with(parent, "margin"))
    dropped = rows_with(parent, "drop")
    assert len(dropped) == 28
    assert all(row["vote_mean"] >= 0 for row in dropped)


def test_a_derived_snapshot_names_its_parent_and_holds_the_same_answers(
    parent: Snapshot,
) -> None:
    table, _ = decided_rows(parent)
    rows = rows_with(parent, "drop")
    made = derive(parent, rows, table.schema, {"use": "drop", "models": 10})
    made.refresh_from_db()
    assert made.state == "ready"
    assert made.manifest["parents"]["snapshot"] == str(parent.pk)
    assert made.manifest["votes"]["bands"]["easy"] == 4
    assert made.manifest["counts"]["train"] == made.rows == 28
    assert members(made) == members(parent)
    found = pq.read_table(artifacts.snapshot_dir(made.pk) / "train.parquet")
    assert set(schema_of(VIEWS["pairs"].row).names) < set(found.column_names)
    # The parent is as it was, and what has votes is not voted on again.
    assert decided_rows(parent)[0].equals(table)
    with pytest.raises(InvalidInput, match="has been voted on"):
        decided_rows(made)


def test_doubted_labels_are_asked_again_once(parent: Snapshot, project: Any) -> None:
    rows = rows_with(parent, "columns")
    assert ask_again(rows, limit=5) == 0  # they are open: somebody will answer
    Task.objects.filter(project=project).update(state="closed")
    assert ask_again(rows, limit=5) == 5
    asked = Task.objects.filter(project=project, reason__startswith="asked again")
    assert asked.count() == 5
    assert {(t.overlap - t.counted, t.state) for t in asked} == {(1, "open")}
    worst = sorted(rows, key=lambda row: row["vote_mean"])[:5]
    assert {task.pk for task in asked} == {int(row["task"]) for row in worst}
    # They wait for an answer already.
    assert ask_again(rows, limit=5) == 0


def test_every_use_is_known_and_others_are_refused() -> None:
    for use in USES:
        assert check_use(use) == use
    with pytest.raises(InvalidInput, match="cannot be used this way"):
        check_use("guess")
