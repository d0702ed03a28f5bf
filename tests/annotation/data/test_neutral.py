"""Every folder of real data: in, and out again equal field by field."""

from pathlib import Path
from typing import Any

import pytest

from annotation.judgments import parse_judgments
from annotation.models import Actor, Feedback, ImportedRow, Prompt, Task
from annotation.services.projects import create_project
from tests.annotation.data.neutral import (
    brought_in,
    files_of,
    rows_in,
    sampled,
    spelt,
    taken_out,
)

pytestmark = pytest.mark.django_db
MOST = 10  # rows a file; tests/bench/neutral_roundtrip.py takes all
FOLDERS: dict[str, set[str]] = {
    "alpacaeval": {"compare"},
    "argconv": {"compare", "text", "rank"},
    "bigbench_mistake": {"step"},
    "biggen_rubrics": set(),
    "dices350": {"choose"},
    "finegrained_qa": {"compare", "rank", "span", "missing", "text", "choose"},
    "halueval": {"span", "choose"},
    "hanna_critique_checks": {"principle"},
    "hh_harmless": {"compare"},
    "ilf_code": {"text"},
    "llamafactory_demo": {"compare", "reaction"},
    "llmbar": {"compare"},
    "llmeval2": {"compare"},
    "oasst_en": {"rank"},
    "oasst_zh": {"rank"},
    "pandalm": {"compare", "text"},
    "prometheus_vicuna": {"rate", "text"},
    "rankgen": {"compare", "text"},
    "roscoe": {"principle", "rate"},
    "selfinstruct_responses": set(),
    "shepherd": {"text"},
    "simpeval": {"rate", "rank"},
    "wmt23_sxs": {"span", "choose"},
}
LABELS = ("labels", "ratings", "checks", "annotations", "rankings")


def test_no_folder_is_forgotten(data_dir: Path) -> None:
    assert {item.name for item in data_dir.iterdir() if item.is_dir()} == set(FOLDERS)


@pytest.mark.parametrize("name", FOLDERS)
def test_rows_come_out_as_they_went_in(
    name: str, data_dir: Path, tmp_path: Path
) -> None:
    project = create_project(slug="there")
    rows = [
        row
        for path in files_of(data_dir / name)
        for row in sampled(list(rows_in(path)), MOST)
    ]
    done = brought_in(project, rows, tmp_path)
    assert [item for item in done.errors if not item.get("warning")] == []
    assert done.counts["bad_rows"] == 0
    back = {row["id"]: row for row in taken_out(project)}
    assert len(back) == len(rows)
    for row in rows:
        assert spelt(back[row["id"]]) == spelt(row)
    said = [j for f in Feedback.objects.all() for j in parse_judgments(f.judgments)]
    assert {judgment.kind for judgment in said} == FOLDERS[name]
    _every_annotator_is_an_actor(rows)
    _repeating_adds_nothing(project, rows, tmp_path)


def _every_annotator_is_an_actor(rows: list[dict[str, Any]]) -> None:
    kinds = {"human": "human", "ai": "model"}
    wanted = {
        (kinds[label["kind"]], row["source"], str(label["annotator"]))
        for row in rows
        for field in LABELS
        for label in row.get(field, [])
    }
    actors = Actor.objects.filter(user=None)
    assert wanted <= set(actors.values_list("kind", "source", "external_id"))


def _repeating_adds_nothing(project: Any, rows: list[Any], folder: Path) -> None:
    tables = (Prompt, Task, Feedback, Actor, ImportedRow)
    before = [table.objects.count() for table in tables]
    again = brought_in(project, rows, folder)
    assert again.counts["answers"] == again.counts["bad_rows"] == 0
    assert [table.objects.count() for table in tables] == before


def test_labels_are_in_the_record_not_beside_it(data_dir: Path, tmp_path: Path) -> None:
    """What a row keeps for itself is never what somebody said."""
    said = {"choice", "value", "verdict", "spans", "start", "category", "ranks"}
    said |= {"first_error", "revision", "text", "content", "annotator"}
    for name in FOLDERS:
        if name in ("argconv", "simpeval"):  # equal texts that were ranked apart
            continue
        project = create_project(slug=name.replace("_", "-"))
        rows = [
            row
            for path in files_of(data_dir / name)
            for row in sampled(list(rows_in(path)), 3)
        ]
        brought_in(project, rows, tmp_path)
        spelling = OTHER_SPELLING.get(name, set())
        for kept in ImportedRow.objects.filter(project=project):
            assert not _names(kept.rest) & (said - spelling), (name, kept.rest)


# What the record says otherwise than the row: null for no revision, 1 and 0 for true
# and false, 5 for 5.0.
OTHER_SPELLING = {
    "shepherd": {"revision"},
    "finegrained_qa": {"revision"},
    "hanna_critique_checks": {"value"},
    "prometheus_vicuna": {"value"},
}


def _names(change: Any) -> set[str]:
    """Return the fields that a difference sets, however deep."""
    if change is None or "is" in change:
        return set()
    found: set[str] = set()
    for name, inner in change.get("keys", {}).items():
        found |= {name} if "is" in (inner or {}) else _names(inner)
    for inner in change.get("items", {}).values():
        found |= _names(inner)
    return found
