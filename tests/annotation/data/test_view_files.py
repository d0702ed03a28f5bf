"""Every view as a file: both formats alike, and never a row that may not train."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from annotation.models import Feedback, Project, Task
from annotation.projections.columns import from_json
from annotation.projections.trl import FORMATS, shapes_of
from annotation.projections.views import VIEWS
from annotation.services.exporting import EXPORTS, Export
from tests.annotation.data.everything import everything, lines_of

pytestmark = pytest.mark.django_db
COMMON = ("train", "validation", "test")


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return everything(tmp_path)


def exported(project: Project, view: str, **settings: Any) -> list[dict[str, Any]]:
    return lines_of(Export(project, view=view, **settings).jsonl())


def parquet_rows(export: Export, path: Path) -> list[dict[str, Any]]:
    import pyarrow.parquet

    export.write_parquet(path)
    rows: list[dict[str, Any]] = pyarrow.parquet.read_table(path).to_pylist()
    return rows


def test_both_formats_hold_the_same_rows_of_every_view(
    project: Project, tmp_path: Path
) -> None:
    for view in (*VIEWS, "prompts"):
        for shape in shapes_of(view):
            export = Export(project, view=view, shape=shape)
            rows = lines_of(export.jsonl())
            assert rows, (view, shape)
            assert parquet_rows(export, tmp_path / "x.parquet") == rows


def test_every_row_leads_back_to_what_was_said(project: Project) -> None:
    for name, view in VIEWS.items():
        rows = [from_json(view.row, line) for line in exported(project, name)]
        assert {row.split for row in rows} == set(COMMON)
        back = view.judgments_of(rows)
        assert back
        for source, judgment in back.items():
            kept = Feedback.objects.get(pk=source.feedback).judgments[source.judgment]
            said = judgment.model_dump(mode="json", exclude_defaults=True)
            assert {"kind": judgment.kind, **said} == kept


def test_scales_of_ratings_give_numbers_from_0_to_1(project: Project) -> None:
    rows = exported(project, "vectors")
    assert {tuple(row["names"]) for row in rows} == {("helpful", "brief")}
    for row in rows:
        assert row["values"] == [4.0, 2.0]
        assert row["normalised"] == [0.75, 0.25]


def test_controls_and_the_verified_pool_reach_no_view(project: Project) -> None:
    tasks = Task.objects.filter(project=project)
    some = set(tasks.values_list("pk", flat=True)[::2])
    tasks.filter(pk__in=some).update(is_control=True)
    tasks.exclude(pk__in=some).update(verified_pool=True)
    for view in (*VIEWS, "prompts"):
        export = Export(project, view=view)
        assert lines_of(export.jsonl()) == [], view
        assert sum(export.tally.dropped.values()) > 0


def test_trls_shapes_hold_training_prompts_alone(project: Project) -> None:
    for view in FORMATS:
        for row in exported(project, view, shape="trl"):
            assert "train" in row["prompt"]
            assert "test" not in row["prompt"]
            assert "validation" not in row["prompt"]


SAMPLES: dict[str, Callable[[dict[str, Any]], bool]] = {
    "unary": lambda row: isinstance(row["label"], bool),
    "steps": lambda row: (
        row["labels"] == [True, False] and len(row["completions"]) == 2
    ),
    "demonstrations": lambda row: bool(row["completion"]),
    "judge": lambda row: "Verdict: " in row["completion"],
    "prompts": lambda row: set(row) == {"prompt"},
}


@pytest.mark.parametrize("view", SAMPLES)
def test_shapes_are_what_trl_names_them(project: Project, view: str) -> None:
    rows = exported(project, view, shape="trl")
    assert rows and all(SAMPLES[view](row) for row in rows)


def test_what_a_view_does_not_take_is_counted_by_kind(project: Project) -> None:
    export = Export(project, view="entailment")
    assert lines_of(export.jsonl())
    assert export.tally.other_kinds["compare"] == 12
    assert "principle" not in export.tally.other_kinds


def test_the_command_and_the_table_name_the_same_exports() -> None:
    from annotation.management.commands.export import Command

    parser = Command().create_parser("manage.py", "export")
    for name in EXPORTS:
        given = parser.parse_args(["--project", "toy", "--view", name])
        assert given.view == name
