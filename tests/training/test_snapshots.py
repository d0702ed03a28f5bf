"""Snapshots: one moment, frozen whole or not at all, the same twice, never changed."""

import errno
import hashlib
import io
import json
import threading
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.conf import LazySettings
from django.core.management import call_command
from django.db import IntegrityError, connection, transaction
from django.utils import timezone

from annotation.errors import InvalidInput
from annotation.models import Feedback, Project, Task
from annotation.projections.views import VIEWS
from annotation.services.answers import stream_rows
from annotation.services.importing import import_file
from annotation.services.projects import create_project
from tests.annotation.data.everything import everything
from tests.annotation.data.files import jsonl, label, pair
from training.models import Snapshot, SnapshotFeedback
from training.services import freezing
from training.services.artifacts import snapshot_dir
from training.services.freezing import FreezeFailed, create_snapshot, freeze

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def artifacts(settings: LazySettings, tmp_path: Path) -> Path:
    settings.ARTIFACTS = tmp_path / "artifacts"
    return tmp_path / "artifacts" / "snapshots"


@pytest.fixture
def project(tmp_path: Path) -> Project:
    made = create_project(slug="toy")
    rows = [
        pair(1),
        pair(2, split="test"),
        pair(3, split="validation", labels=[label("ann", "tie")]),
        pair(4, labels=[label("ann", "b", strength=3), label("ben", "both_bad")]),
        pair(5, labels=[label("ann", "a", aspect="safety")]),
    ]
    import_file(project=made, path=jsonl(tmp_path / "rows.jsonl", rows))
    return made


def frozen(project: Project, **query: Any) -> Snapshot:
    return freeze(create_snapshot(project=project, query=query).pk)


def rows_of(snapshot: Snapshot, split: str) -> list[dict[str, Any]]:
    import pyarrow.parquet

    path = snapshot_dir(snapshot.pk) / f"{split}.parquet"
    rows: list[dict[str, Any]] = pyarrow.parquet.read_table(path).to_pylist()
    return rows


def test_the_manifest_says_what_is_in_it_and_what_is_not(project: Project) -> None:
    snapshot = frozen(project)
    assert snapshot.state == Snapshot.State.READY
    folder = snapshot_dir(snapshot.pk)
    manifest = json.loads((folder / "manifest.json").read_text())
    assert manifest == snapshot.manifest
    assert manifest["counts"] == {"train": 5, "validation": 1, "test": 3}
    assert manifest["dropped"] == {"compare: both_bad": 1}
    assert manifest["ties"] == {"train": 1, "validation": 1, "test": 1}
    assert manifest["parents"] == {"project": "toy", "protocols": [1], "scales": []}
    assert snapshot.rows == 9
    for name, digest in manifest["files"].items():
        assert hashlib.sha256((folder / name).read_bytes()).hexdigest() == digest


def test_every_view_is_frozen_with_its_manifest(tmp_path: Path) -> None:
    project = everything(tmp_path, rows=2)
    for view in VIEWS:
        snapshot = freeze(create_snapshot(project=project, view=view).pk)
        manifest = snapshot.manifest
        assert (manifest["view"], snapshot.state) == (view, Snapshot.State.READY)
        found = {split: rows_of(snapshot, split) for split in manifest["counts"]}
        for split, rows in found.items():
            assert len(rows) == manifest["counts"][split] > 0
            assert {row["split"] for row in rows} == {split}
        every = [row for rows in found.values() for row in rows]
        behind = {item["feedback"] for row in every for item in row["src"]}
        members = SnapshotFeedback.objects.filter(snapshot=snapshot)
        assert {str(pk) for pk in members.values_list("feedback", flat=True)} == behind
        assert not set(manifest["other_kinds"]) & set(VIEWS[view].kinds)
    with pytest.raises(InvalidInput, match="no choice of aggregate"):
        create_snapshot(project=project, view="lists", query={"aggregate": "consensus"})


def test_every_row_lies_in_the_file_of_its_split(project: Project) -> None:
    snapshot = frozen(project)
    for split in ("train", "validation", "test"):
        rows = rows_of(snapshot, split)
        assert rows and {row["split"] for row in rows} == {split}


def test_each_row_leads_to_its_feedback_and_back(project: Project) -> None:
    snapshot = frozen(project)
    named = {
        source["feedback"]
        for split in ("train", "validation", "test")
        for row in rows_of(snapshot, split)
        for source in row["src"]
    }
    members = SnapshotFeedback.objects.filter(snapshot=snapshot)
    assert {str(pk) for pk in members.values_list("feedback", flat=True)} == named
    assert snapshot.manifest["feedback"] == len(named) == 9
    silent = Feedback.objects.get(
        actor__external_id="ben", judgments__0__outcome="both_bad"
    )
    assert not silent.snapshots.exists()


def test_the_same_query_over_the_same_record_gives_the_same_bytes(
    project: Project,
) -> None:
    one, two = frozen(project), frozen(project)
    assert one.sha256 == two.sha256
    assert one.manifest["files"] == two.manifest["files"]
    assert frozen(project, kinds=["human"]).sha256 != one.sha256


@pytest.mark.parametrize(
    ("query", "counts"),
    [
        ({"kinds": ["human"]}, (4, 1, 2)),
        ({"kinds": ["model"]}, (1, 0, 1)),
        ({"splits": ["train"]}, (5, 0, 0)),
        ({"ties": "drop"}, (4, 0, 2)),
        ({"criteria": ["safety"]}, (1, 0, 0)),
        ({"criteria": [None]}, (4, 1, 3)),
        ({"rounds": [1]}, (0, 0, 0)),
        ({"sources": ["toy"]}, (5, 1, 3)),
        ({"pools": ["experts"]}, (0, 0, 0)),
        ({"aggregate": "consensus"}, (3, 1, 1)),
        ({"aggregate": "reliability"}, (3, 1, 1)),
    ],
)
def test_the_filter_decides_what_goes_in(
    project: Project, query: dict[str, Any], counts: tuple[int, int, int]
) -> None:
    found = frozen(project, **query).manifest["counts"]
    assert (found["train"], found["validation"], found["test"]) == counts


def test_only_answers_of_the_time_asked_for_go_in(project: Project) -> None:
    hour = timedelta(hours=1)
    now = timezone.now()
    assert frozen(project, since=(now - hour).isoformat()).rows == 9
    assert frozen(project, until=(now - hour).isoformat()).rows == 0


def test_controls_and_the_verified_pool_never_reach_a_file(project: Project) -> None:
    control = Task.objects.get(prompt__external_id="toy:1")
    Task.objects.filter(pk=control.pk).update(is_control=True)
    pool = Task.objects.get(prompt__external_id="toy:2")
    Task.objects.filter(pk=pool.pk).update(verified_pool=True)
    snapshot = frozen(project)
    assert snapshot.manifest["dropped"] == {
        "compare: both_bad": 1,
        "control task": 3,
        "verified pool": 3,
    }
    kept = {
        row["task"]
        for split in ("train", "validation", "test")
        for row in rows_of(snapshot, split)
    }
    assert kept.isdisjoint({str(control.pk), str(pool.pk)})


def test_a_ready_snapshot_is_never_changed(project: Project) -> None:
    snapshot = frozen(project)
    for name, value in (
        ("rows", 1),
        ("sha256", "0"),
        ("manifest", {}),
        ("query", {"ties": "drop"}),
        ("state", "queued"),
    ):
        with pytest.raises(IntegrityError, match="never edited"), transaction.atomic():
            Snapshot.objects.filter(pk=snapshot.pk).update(**{name: value})
    Snapshot.objects.filter(pk=snapshot.pk).update(name="a better name")


def test_freezing_again_leaves_a_ready_snapshot_as_it_is(
    project: Project, tmp_path: Path
) -> None:
    snapshot = frozen(project)
    before = (snapshot_dir(snapshot.pk) / "train.parquet").stat().st_mtime_ns
    import_file(project=project, path=jsonl(tmp_path / "more.jsonl", [pair(6)]))
    again = freeze(snapshot.pk)
    assert (again.sha256, again.rows) == (snapshot.sha256, 9)
    after = (snapshot_dir(snapshot.pk) / "train.parquet").stat().st_mtime_ns
    assert after == before


def test_a_full_disk_leaves_no_half_directory(
    project: Project, artifacts: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    snapshot = create_snapshot(project=project)

    def full(path: Path) -> str:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(freezing, "_sha256", full)
        with pytest.raises(FreezeFailed) as caught:
            freeze(snapshot.pk)
    assert caught.value.found == "a full disk"
    assert "Free some space" in str(caught.value)
    snapshot.refresh_from_db()
    assert snapshot.state == Snapshot.State.FAILED
    assert snapshot.error and snapshot.error["found"] == "a full disk"
    assert list(artifacts.iterdir()) == []
    assert not SnapshotFeedback.objects.exists()
    assert freeze(snapshot.pk).state == Snapshot.State.READY


def test_what_a_killed_process_left_is_cleared(
    project: Project, artifacts: Path
) -> None:
    snapshot = create_snapshot(project=project)
    Snapshot.objects.filter(pk=snapshot.pk).update(state="running")
    for left in (snapshot_dir(snapshot.pk), artifacts / f".{snapshot.pk}.123"):
        left.mkdir(parents=True)
        (left / "train.parquet").write_text("half")
    done = freeze(snapshot.pk)
    assert (done.state, done.rows) == (Snapshot.State.READY, 9)
    assert [item.name for item in artifacts.iterdir()] == [str(snapshot.pk)]


def test_a_filter_that_is_none_is_refused(project: Project) -> None:
    with pytest.raises(InvalidInput) as caught:
        create_snapshot(project=project, query={"split": "train"})
    assert caught.value.fields[0]["path"] == "query.split"
    with pytest.raises(InvalidInput, match="no such view"):
        create_snapshot(project=project, view="trees")
    assert not Snapshot.objects.exists()


def test_the_command_prints_where_the_files_are(project: Project) -> None:
    out = io.StringIO()
    call_command("snapshot", "--project", "toy", "--json", stdout=out)
    found = json.loads(out.getvalue())
    assert (Path(found["path"]) / "train.parquet").is_file()
    assert found["counts"]["train"] == 5


@pytest.fixture
def committed(tmp_path: Path, transactional_db: None) -> Iterator[Project]:
    """A project that other connections see."""
    made = create_project(slug="seen")
    rows = [pair(number) for number in range(60)]
    import_file(project=made, path=jsonl(tmp_path / "rows.jsonl", rows))
    yield made


def test_two_processes_at_once_freeze_once(
    committed: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    snapshot = create_snapshot(project=committed)
    started, go_on = threading.Event(), threading.Event()
    writes: list[str] = []
    write = freezing._write

    def slowly(*args: Any) -> None:
        writes.append(threading.current_thread().name)
        started.set()
        assert go_on.wait(60)
        write(*args)

    monkeypatch.setattr(freezing, "_write", slowly)
    states: list[str] = []

    def other() -> None:
        try:
            states.append(freeze(snapshot.pk).state)
        finally:
            connection.close()

    first = threading.Thread(target=other, name="first")
    first.start()
    assert started.wait(60)
    assert freeze(snapshot.pk).state == Snapshot.State.RUNNING
    go_on.set()
    first.join(60)
    assert writes == ["first"]
    assert states == [Snapshot.State.READY]
    assert freeze(snapshot.pk).rows == 180


def test_answers_that_come_in_meanwhile_are_not_in_it(
    committed: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    snapshot = create_snapshot(project=committed)
    more = jsonl(tmp_path / "more.jsonl", [pair(number) for number in range(60, 90)])
    stream = stream_rows

    def disturbed(*args: Any) -> Iterator[Any]:
        for number, row in enumerate(stream(*args)):
            if number == 10:
                thread = threading.Thread(target=arrive)
                thread.start()
                thread.join(60)
            yield row

    def arrive() -> None:
        try:
            import_file(project=committed, path=more)
        finally:
            connection.close()

    monkeypatch.setattr(freezing, "stream_rows", disturbed)
    done = freeze(snapshot.pk)
    assert done.rows == 180
    assert Feedback.objects.filter(project=committed).count() == 270
