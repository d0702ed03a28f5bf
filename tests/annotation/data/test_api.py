"""Imports and exports over HTTP."""

import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.conf import LazySettings
from django.contrib.auth.models import User
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.http import HttpResponseBase

from annotation.models import Feedback, Import, Membership, Project, Task
from annotation.services.importing import queued
from annotation.services.projects import create_project
from tests.annotation.data.files import gzipped, jsonl, label, pair
from tests.factories import add_member, make_user, sign_in

pytestmark = pytest.mark.django_db
LINES = "application/x-ndjson"


@pytest.fixture(autouse=True)
def artifacts(settings: LazySettings, tmp_path: Path) -> Path:
    settings.ARTIFACTS = tmp_path / "artifacts"
    return tmp_path / "artifacts" / "imports"


@pytest.fixture
def alice() -> User:
    return make_user("alice")


@pytest.fixture
def project(alice: User) -> Project:
    return create_project(slug="toy", members={alice: "researcher"})


def body(*rows: Any) -> bytes:
    texts = [row if isinstance(row, str) else json.dumps(row) for row in rows]
    return "\n".join(texts).encode()


def content(response: HttpResponseBase) -> bytes:
    pieces: Iterator[bytes] = response.streaming_content  # type: ignore[attr-defined]
    return b"".join(pieces)


def test_a_body_of_lines_is_read_at_once(
    project: Project, alice: User, artifacts: Path
) -> None:
    response = sign_in(alice).post(
        "/api/v1/projects/toy/imports?name=first.jsonl",
        body(pair(1), "{", pair(2)),
        content_type=LINES,
    )
    assert response.status_code == 200, response.content
    found = response.json()
    assert (found["state"], found["name"], found["layout"]) == (
        "done",
        "first.jsonl",
        "neutral",
    )
    assert (found["counts"]["answers"], found["counts"]["bad_rows"]) == (6, 1)
    assert found["errors"][0]["line"] == 2
    assert Import.objects.get().created_by == alice
    assert list(artifacts.iterdir()) == []


def test_a_form_with_a_gzip_file_does_the_same(
    project: Project, alice: User, tmp_path: Path
) -> None:
    packed = gzipped(tmp_path / "x.jsonl.gz", [pair(1)]).read_bytes()
    file = SimpleUploadedFile("rows.jsonl.gz", packed)
    response = sign_in(alice).post("/api/v1/projects/toy/imports", {"file": file})
    assert response.status_code == 200, response.content
    assert response.json()["name"] == "rows.jsonl.gz"
    assert Feedback.objects.count() == 3


def test_the_options_are_heard(project: Project, alice: User) -> None:
    rows = [{"prompt": "p", "completions": ["1", "2", "3"]}]
    response = sign_in(alice).post(
        "/api/v1/projects/toy/imports?pairs=chain&overlap=4&closed=true&source=mine",
        body(*rows),
        content_type=LINES,
    )
    assert response.json()["counts"]["tasks"] == 2
    task = Task.objects.select_related("prompt").first()
    assert task is not None
    assert (task.overlap, task.state, task.prompt.source) == (4, "closed", "mine")


def test_nothing_of_a_strict_import_with_a_bad_row_stays(
    project: Project, alice: User
) -> None:
    response = sign_in(alice).post(
        "/api/v1/projects/toy/imports?strict=1",
        body(pair(1), pair(2, labels=[label("ann", "c")])),
        content_type=LINES,
    )
    assert response.status_code == 422
    found = response.json()
    assert found["fields"][0]["path"] == "line 2, labels[0].choice"
    assert "without strict" in found["fix"]
    assert not Feedback.objects.exists()


@pytest.mark.parametrize(
    "sent", [b"", b"{", b"\x00\x01", "ä".encode("latin-1"), b"PAR1 no"]
)
def test_what_cannot_be_read_is_an_error_with_advice(
    project: Project, alice: User, sent: bytes
) -> None:
    response = sign_in(alice).post(
        "/api/v1/projects/toy/imports", sent, content_type=LINES
    )
    assert response.status_code == 422
    found = response.json()
    assert found["expected"] and found["found"] and found["fix"]


def test_a_form_without_a_file_is_an_error(project: Project, alice: User) -> None:
    response = sign_in(alice).post("/api/v1/projects/toy/imports", {"other": "x"})
    assert response.status_code == 422
    assert "field `file`" in response.json()["expected"]


def test_an_upload_over_the_limit_is_refused_and_not_kept(
    project: Project, alice: User, settings: LazySettings, artifacts: Path
) -> None:
    settings.IMPORT_MAX_BYTES = 100
    response = sign_in(alice).post(
        "/api/v1/projects/toy/imports", body(pair(1)), content_type=LINES
    )
    assert response.status_code == 422
    assert "100 bytes" in response.json()["expected"]
    assert not Import.objects.exists()
    assert list(artifacts.iterdir()) == []


def test_a_full_disk_is_told(
    project: Project, alice: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*args: Any) -> int:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(queued, "_keep", full)
    response = sign_in(alice).post(
        "/api/v1/projects/toy/imports", body(pair(1)), content_type=LINES
    )
    assert response.status_code == 503
    assert response.json()["found"] == "a full disk"


@pytest.mark.django_db(transaction=True)
class TestLargeUploads:
    def test_they_are_left_to_a_worker(
        self,
        alice: User,
        artifacts: Path,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        create_project(slug="big", members={alice: "researcher"})
        sent: list[tuple[Any, ...]] = []
        monkeypatch.setattr(queued, "enqueue", lambda *args: sent.append(args))
        monkeypatch.setattr(queued, "LARGE_BYTES", 1000)
        response = sign_in(alice).post(
            "/api/v1/projects/big/imports?overlap=3&name=big.jsonl",
            body(*(pair(number) for number in range(20))),
            content_type=LINES,
        )
        assert response.status_code == 202
        found = response.json()
        assert found["state"] == "running"
        assert sent == [("workers.import_file", found["id"])]
        assert not Feedback.objects.exists()
        assert queued.waiting_imports(older_than_seconds=0) == [found["id"]]

        row = queued.run_kept(found["id"])
        assert (row.state, row.counts["answers"]) == (Import.State.DONE, 60)
        assert set(Task.objects.values_list("overlap", flat=True)) == {3}
        assert list(artifacts.iterdir()) == []
        assert queued.waiting_imports(older_than_seconds=0) == []
        # the message comes twice
        assert queued.run_kept(found["id"]).counts["answers"] == 60
        assert Feedback.objects.count() == 60

    def test_a_second_worker_leaves_one_that_is_read_alone(
        self, alice: User, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        import psycopg

        create_project(slug="big", members={alice: "researcher"})
        monkeypatch.setattr(queued, "enqueue", lambda *args: None)
        monkeypatch.setattr(queued, "LARGE_BYTES", 1)
        response = sign_in(alice).post(
            "/api/v1/projects/big/imports", body(pair(1)), content_type=LINES
        )
        pk = response.json()["id"]
        connection.ensure_connection()
        assert connection.connection is not None
        info = connection.connection.info
        with psycopg.connect(
            host=info.host,
            port=info.port,
            user=info.user,
            password=info.password,
            dbname=info.dbname,
        ) as other:
            key = [queued.LOCK_SPACE, pk]
            other.execute("SELECT pg_advisory_lock(%s, %s)", key)
            assert queued.run_kept(pk).state == Import.State.RUNNING
            assert not Feedback.objects.exists()
            # The server takes a moment to notice that a connection was closed.
            other.execute("SELECT pg_advisory_unlock(%s, %s)", key)
        assert queued.run_kept(pk).state == Import.State.DONE


class TestExports:
    @pytest.fixture(autouse=True)
    def answered(self, project: Project, tmp_path: Path) -> None:
        from annotation.services.importing import import_file

        import_file(project=project, path=jsonl(tmp_path / "x.jsonl", [pair(1)]))

    def test_lines_stream(self, alice: User) -> None:
        response = sign_in(alice).get(
            "/api/v1/projects/toy/exports/pairs.jsonl?shape=trl"
        )
        assert response.status_code == 200
        assert response.streaming
        assert response["Content-Type"] == LINES
        assert response["Content-Disposition"].endswith('"toy-pairs-trl.jsonl"')
        rows = [json.loads(line) for line in content(response).splitlines()]
        assert {row["prompt"] for row in rows} == {"Question 1?"}
        assert len(rows) == 2

    def test_parquet_is_a_whole_file(self, alice: User) -> None:
        import pyarrow.parquet

        response = sign_in(alice).get(
            "/api/v1/projects/toy/exports/pairs.parquet?aggregate=consensus"
        )
        table = pyarrow.parquet.read_table(io.BytesIO(content(response)))
        assert table.column("votes").to_pylist() == [3]

    def test_an_empty_project_gives_an_empty_file(self, alice: User) -> None:
        create_project(slug="empty", members={alice: "owner"})
        response = sign_in(alice).get("/api/v1/projects/empty/exports/pairs.jsonl")
        assert (response.status_code, content(response)) == (200, b"")

    @pytest.mark.parametrize(
        ("path", "status"),
        [
            ("trees.jsonl", 404),
            ("pairs.csv", 404),
            ("pairs.jsonl?shape=alpaca", 422),
            ("feedback.jsonl?shape=trl", 422),
            ("pairs.jsonl?split=holdout", 422),
        ],
    )
    def test_what_there_is_not_is_told(
        self, alice: User, path: str, status: int
    ) -> None:
        response = sign_in(alice).get(f"/api/v1/projects/toy/exports/{path}")
        assert response.status_code == status
        assert response.json()["message"]

    def test_annotators_and_strangers_get_nothing(self, project: Project) -> None:
        ben = add_member(project, "annotator", "ben")
        charlie = make_user("charlie")
        for path in ("exports/pairs.jsonl", "exports/feedback.parquet", "imports"):
            url = f"/api/v1/projects/toy/{path}"
            assert sign_in(ben).get(url).status_code == 403
            assert sign_in(charlie).get(url).status_code == 404
        url = "/api/v1/projects/toy/imports"
        for user, status in ((ben, 403), (charlie, 404)):
            sent = sign_in(user).post(url, body(pair(2)), content_type=LINES)
            assert sent.status_code == status
        assert Feedback.objects.count() == 3

    def test_an_import_of_another_project_is_not_to_be_seen(self, alice: User) -> None:
        other = create_project(slug="other")
        Membership.objects.create(project=other, user=alice, role="owner")
        pk = Import.objects.get().pk
        client = sign_in(alice)
        assert client.get(f"/api/v1/projects/other/imports/{pk}").status_code == 404
        assert client.get(f"/api/v1/projects/toy/imports/{pk}").status_code == 200
        assert len(client.get("/api/v1/projects/toy/imports").json()) == 1
