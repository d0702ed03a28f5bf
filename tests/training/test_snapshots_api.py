"""Snapshots over HTTP."""

import json
from pathlib import Path
from typing import Any

import pytest
from django.conf import LazySettings
from django.contrib.auth.models import User

from annotation.models import Project
from annotation.services.importing import import_file
from annotation.services.projects import create_project
from tests.annotation.data.files import jsonl, pair
from tests.factories import add_member, make_user, sign_in
from training.models import Snapshot
from training.services.freezing import freeze

pytestmark = pytest.mark.django_db
URL = "/api/v1/projects/toy/snapshots"


@pytest.fixture
def alice() -> User:
    return make_user("alice")


@pytest.fixture
def project(alice: User, settings: LazySettings, tmp_path: Path) -> Project:
    settings.ARTIFACTS = tmp_path / "artifacts"
    made = create_project(slug="toy", members={alice: "researcher"})
    import_file(project=made, path=jsonl(tmp_path / "x.jsonl", [pair(1)]))
    return made


def post(user: User, payload: Any) -> Any:
    return sign_in(user).post(URL, payload, content_type="application/json")


def test_a_snapshot_is_asked_for_and_its_files_are_fetched(
    project: Project, alice: User
) -> None:
    response = post(alice, {"name": "first", "query": {"kinds": ["human"]}})
    assert response.status_code == 202, response.content
    made = response.json()
    assert (made["state"], made["query"]) == ("queued", {"kinds": ["human"]})
    client = sign_in(alice)
    file = f"{URL}/{made['id']}/manifest.json"
    early = client.get(file)
    assert (early.status_code, early.json()["found"]) == (409, "state queued")
    freeze(made["id"])
    found = client.get(f"{URL}/{made['id']}").json()
    assert (found["state"], found["rows"]) == ("ready", 2)
    manifest = json.loads(b"".join(client.get(file).streaming_content))  # type: ignore[attr-defined]
    assert manifest["sha256"] == found["sha256"]
    assert client.get(f"{URL}/{made['id']}/secrets.txt").status_code == 404
    assert [item["id"] for item in client.get(URL).json()] == [made["id"]]


def test_a_filter_that_is_none_is_told(project: Project, alice: User) -> None:
    response = post(alice, {"query": {"splits": ["all"]}})
    assert response.status_code == 422
    assert "query.splits.0" in response.json()["fields"][0]["path"]
    assert not Snapshot.objects.exists()


def test_annotators_and_strangers_neither_freeze_nor_fetch(
    project: Project, alice: User
) -> None:
    ben, charlie = add_member(project, "annotator", "ben"), make_user("charlie")
    made = post(alice, {}).json()
    for user, status in ((ben, 403), (charlie, 404)):
        assert post(user, {}).status_code == status
        for url in (URL, f"{URL}/{made['id']}", f"{URL}/{made['id']}/train.parquet"):
            assert sign_in(user).get(url).status_code == status
    assert Snapshot.objects.count() == 1


def test_a_snapshot_of_another_project_is_not_to_be_seen(
    project: Project, alice: User
) -> None:
    made = post(alice, {}).json()
    create_project(slug="other", members={alice: "owner"})
    url = f"/api/v1/projects/other/snapshots/{made['id']}"
    assert sign_in(alice).get(url).status_code == 404
