"""Every method of the registry is offered, says what it rests on, and launches."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from django.conf import LazySettings
from django.test import Client

from annotation.models import Project
from annotation.services.importing import import_file
from tests.annotation.data.files import jsonl, pair
from tests.factories import add_member, make_project, sign_in
from tests.training.factories import tiny_policy
from tests.training.test_admin_launching import ADD, filled
from training.admin.fields import check, typed
from training.engine.registry import PRESETS, get
from training.models import Evaluation, ModelVersion, Snapshot, TrainingRun
from training.services import artifacts as artifacts_of
from training.services.freezing import create_snapshot, freeze

pytestmark = pytest.mark.django_db
MARK = '<span class="hn-badge hn-wait">unverified</span>'


@pytest.fixture(autouse=True)
def artifacts(settings: LazySettings, tmp_path: Path) -> None:
    settings.ARTIFACTS = tmp_path / "artifacts"


@pytest.fixture
def project() -> Project:
    return make_project()


@pytest.fixture
def client(project: Project) -> Client:
    return sign_in(add_member(project, "researcher"))


@pytest.fixture
def snapshot(project: Project, tmp_path: Path) -> Snapshot:
    rows = [pair(1), pair(2), pair(3, split="test")]
    import_file(project=project, path=jsonl(tmp_path / "rows.jsonl", rows))
    return freeze(create_snapshot(project=project).pk)


def an_unverified() -> str:
    return next(
        p.name
        for p in PRESETS.values()
        if p.is_published and not p.is_verified and p.view == "pairs"
    )


def test_every_method_is_offered_and_the_unverified_are_marked(client: Client) -> None:
    page = client.get(ADD).content.decode()
    assert all(f'href="?preset={name}"' in page for name in PRESETS)
    doubtful = [p for p in PRESETS.values() if p.is_published and not p.is_verified]
    assert page.count(MARK) == len(doubtful) > 20


def test_a_method_says_what_it_needs_and_rests_on(
    client: Client, snapshot: Snapshot
) -> None:
    page = client.get(ADD, {"preset": "mm-dpo"}).content.decode()
    assert "Needs rows of pairs with margin" in page
    assert "Ask for a strength" in page and MARK not in page.split("<form")[-1]
    page = client.get(ADD, {"preset": an_unverified()}).content.decode()
    assert MARK in page.split("<form")[-1]


@pytest.mark.parametrize(
    ("preset", "asked", "count"),
    [("generate", "prompt_ids", 2), ("likelihood", "completion_ids", 6)],
)
def test_what_learns_nothing_works_on_what_the_feedback_is_about(
    client: Client, snapshot: Snapshot, preset: str, asked: str, count: int
) -> None:
    """The prompt of the split test is answered by nobody: it would be asked about."""
    tiny_policy()
    assert client.post(ADD, filled(client, preset)).status_code == 302
    run = TrainingRun.objects.get()
    assert (run.preset, run.snapshot) == (preset, snapshot)
    assert len(run.inputs[asked]) == count
    few = filled(client, preset, max_rows="1")
    assert client.post(ADD, few).status_code == 302
    newest = TrainingRun.objects.latest("created_at")
    assert len(newest.inputs[asked]) == 1


def test_a_comparison_of_two_models_asks_for_the_second(
    client: Client, snapshot: Snapshot
) -> None:
    tiny_policy()
    given = filled(client, "density-ratio")
    given.pop("reference", None)
    refused = client.post(ADD, given).context["form"].errors
    assert list(refused) == ["reference"]
    weaker = ModelVersion.objects.get(source="tiny:causal")
    given["reference"] = str(weaker.pk)
    assert client.post(ADD, given).status_code == 302


@pytest.mark.parametrize("text", ["inf", "nan", "-inf", "1e400", "9" * 400])
def test_numbers_without_end_are_refused_in_words(text: str) -> None:
    for name in ("batch_size", "learning_rate", "checkpoint_seconds"):
        value: Any = typed(get("dpo").param(name), text)
        _, errors = check(get("dpo"), {name: value})
        assert list(errors) == [name]


def test_a_doubtful_method_says_so_wherever_it_is_met(
    client: Client, project: Project, snapshot: Snapshot
) -> None:
    doubtful = get(an_unverified())
    runs = [
        TrainingRun.objects.create(
            project=project,
            name=f"run {number}",
            kind=doubtful.task,
            preset=doubtful.name,
            state="succeeded",
            snapshot=snapshot,
        )
        for number in range(2)
    ]
    model = ModelVersion.objects.create(
        project=project, name="made", role="policy", source="x", run=runs[0]
    )
    measured = Evaluation.objects.create(
        model=model, suite="s", run=runs[1], snapshot=snapshot
    )
    at = "/admin/training"
    told = {
        f"{at}/trainingrun/{runs[0].pk}/change/": (MARK, "Unverified: no source"),
        f"{at}/modelversion/{model.pk}/change/": (doubtful.title, "Unverified: no"),
        f"{at}/evaluation/{measured.pk}/change/": (doubtful.title, "Unverified: no"),
        f"{at}/trainingrun/compare/?run={runs[0].pk}&run={runs[1].pk}": (MARK,),
        f"{at}/trainingrun/": (MARK,),
    }
    for path, words in told.items():
        page = client.get(path).content.decode()
        assert all(word in page for word in words), path


def test_scores_are_handed_out_by_the_run_that_made_them(
    client: Client, snapshot: Snapshot
) -> None:
    tiny_policy()
    client.post(ADD, filled(client, "likelihood"))
    run = TrainingRun.objects.get()
    folder = artifacts_of.attempt_dir(run.pk, 1)
    folder.mkdir(parents=True)
    (folder / "status.json").write_text('{"state": "succeeded"}')
    (folder / "scores.parquet").write_bytes(b"PAR1")
    (folder / "spec.json").write_text("{}")
    at = f"/admin/training/trainingrun/{run.pk}"
    address = f"{at}/files/scores.parquet/"
    assert address in client.get(f"{at}/change/").content.decode()
    given = client.get(address)
    assert b"".join(given) == b"PAR1"
    assert 'filename="scores.parquet"' in given.headers["Content-Disposition"]
    # Nothing else of the run's directory is handed out.
    for other in ("spec.json", "completions.parquet", "..%2Fspec.json"):
        assert client.get(f"{at}/files/{other}/").status_code in (302, 404)
