"""Which columns a snapshot carries for which method, and what is refused without."""

from __future__ import annotations

import uuid
from pathlib import Path
from typing import Any

import pytest
from pytest_django.fixtures import Settings

from annotation.errors import InvalidInput
from annotation.judgments import Choose, Judgment, Rate, dump_judgments, parse_judgments
from annotation.models import Completion, Feedback, Project
from annotation.projections.columns import column_names
from annotation.projections.views import VIEWS
from annotation.services.importing import import_file
from annotation.services.projects import create_project
from tests.annotation.data.files import jsonl, label, pair
from tests.factories import add_member, sign_in
from tests.training.factories import tiny_policy
from tests.training.test_online_launching import ADD, filled
from training.engine import registry, tiny
from training.engine.online.prompts import answered_prompts
from training.engine.preferences.examples import Encoder as PolicyEncoder
from training.engine.preferences.rows import Reader as PolicyReader
from training.engine.registry.algebra import Objective
from training.engine.registry.rewards_algebra import RewardRow
from training.engine.registry.wanted import COMES_FROM, required, wanted
from training.engine.rewards.examples import Encoder as RewardEncoder
from training.engine.rewards.rows import Reader as RewardReader
from training.models import Snapshot, TrainingRun
from training.services.artifacts import snapshot_dir
from training.services.freezing import create_snapshot, freeze
from training.services.launching import launch

TAUGHT = [p for p in registry.PRESETS.values() if p.view and p.is_trainable]
NEEDY = [p for p in TAUGHT if required(p)]


@pytest.mark.parametrize("preset", TAUGHT, ids=lambda p: p.name)
def test_every_method_finds_its_columns_in_its_view(preset: registry.Preset) -> None:
    """A method whose columns no view carries could not be launched on a snapshot."""
    carried = column_names(VIEWS[str(preset.view)].row)
    assert set(wanted(preset)) <= set(carried)
    # And a person is told how rows come by what only some of them have.
    assert set(required(preset)) <= COMES_FROM.keys()


@pytest.fixture(autouse=True)
def files_of_this_test(settings: Settings, tmp_path: Path) -> None:
    settings.ARTIFACTS = tmp_path / "artifacts"


def say(role: str, text: str) -> list[dict[str, str]]:
    return [{"role": role, "content": text}]


@pytest.fixture
def project(tmp_path: Path) -> Project:
    """Two prompts with everything beside them, and answers that rate and warn."""
    project = create_project(slug="toy")
    rows = [
        pair(
            number,
            labels=[label("ann", "a" if number else "b", reason="It is calmer.")],
            context={"persona": "A cook"},
            reference=f"The answer is {number}.",
            calibration=f"Perhaps {number}.",
            rejected_prompt=say("user", f"Another question {number}?"),
        )
        for number in range(2)
    ]
    done = import_file(project=project, path=jsonl(tmp_path / "rows.jsonl", rows))
    assert done.errors == []
    for first in list(Feedback.objects.all()):
        said = parse_judgments(first.judgments)
        task = first.assignment.task
        more: list[Judgment] = []
        for place, item in enumerate(
            Completion.objects.filter(prompt=task.prompt).order_by("pk")
        ):
            more += [
                Rate(completion=item.pk, criterion="kind", value=place, scale="s"),
                Rate(completion=item.pk, criterion="true", value=2 - place, scale="s"),
                Choose(target=item.pk, category="unsafe" if place else "safe"),
            ]
        Feedback.objects.create(
            client_id=uuid.uuid4(),
            assignment=first.assignment,
            project=project,
            actor=first.actor,
            judgments=dump_judgments([*said, *more]),
            protocol=first.protocol,
            content_hash="0" * 64,
            supersedes=first,
        )
    return project


def frozen(project: Project, **query: Any) -> Snapshot:
    return freeze(create_snapshot(project=project, query=query).pk)


def read(preset: registry.Preset, path: Path) -> int:
    """Return how many examples a method's own reader makes of a file."""
    tokenizer = tiny.build_tokenizer(encoder=False)
    rated: dict[str, Any] = {"features": 2, "other_weights": "0.3,0.2"}
    known = {param.name for param in preset.params}
    params = registry.validate(
        preset.name, {name: rated[name] for name in rated.keys() & known}
    )
    row = preset.settings
    if isinstance(row, Objective):
        encoder = PolicyEncoder(tokenizer, 256, row.tokens)
        found = PolicyReader(preset, row, params, encoder, 0).read(path).examples
        return len(found)
    if isinstance(row, RewardRow):
        reader = RewardReader(preset, row, params, RewardEncoder(tokenizer, 256), 0)
        return len(reader.read(path).examples)
    return len(answered_prompts(path))


@pytest.mark.django_db
def test_a_snapshot_carries_what_methods_read(project: Project) -> None:
    """Every method of pairs that needs a column reads its examples from a snapshot."""
    snapshot = frozen(project)
    train = snapshot_dir(snapshot.pk) / "train.parquet"
    filled_rows = snapshot.manifest["filled"]
    by_rates = {"chosen_value", "rejected_value"}
    for preset in NEEDY:
        needs = set(required(preset))
        if preset.view != "pairs" or needs & by_rates or "margin" in needs:
            continue
        assert all(filled_rows[name] for name in needs), preset.name
        assert read(preset, train) > 0, preset.name
    # Values are those of ratings, which make pairs of their own.
    rated = [row for row in NEEDY if set(required(row)) & by_rates]
    assert rated and filled_rows["chosen_value"] > 0


@pytest.mark.django_db
def test_a_method_without_its_column_is_refused_with_the_remedy(
    tmp_path: Path,
) -> None:
    project = create_project(slug="bare")
    import_file(project=project, path=jsonl(tmp_path / "r.jsonl", [pair(0), pair(1)]))
    snapshot = frozen(project)
    start: dict[str, Any] = {
        "project": project,
        "kind": "dpo",
        "snapshot": snapshot,
        "model": tiny_policy(),
    }
    with pytest.raises(InvalidInput) as caught:
        launch(**start, preset="selm")
    assert caught.value.fields[0]["path"] == "snapshot"
    assert "calibration" in str(caught.value.expected)
    assert "Import prompts with a calibration" in str(caught.value.fix)
    launch(**start, preset="dpo-rationale")  # ann gave a reason
    client = sign_in(add_member(project, "researcher"))
    refused = client.post(ADD, filled(client, preset="modpo"))
    assert refused.status_code == 200
    (error,) = refused.context["form"].errors["snapshot"]
    assert "margins" in error and "by other criteria" in error


@pytest.mark.django_db
def test_a_pair_under_two_criteria_is_counted_and_warned_of(tmp_path: Path) -> None:
    project = create_project(slug="mixed")
    both = [label("ann", "a", aspect="kind"), label("ann", "b", aspect="brief")]
    rows = [pair(0, labels=both), pair(1, labels=both[:1]), pair(2)]
    import_file(project=project, path=jsonl(tmp_path / "rows.jsonl", rows))
    snapshot = frozen(project)
    told = snapshot.manifest["conditions"]
    assert told == {"rows": 3, "mixed_pairs": 1}
    client = sign_in(add_member(project, "researcher"))
    page = client.get(f"/admin/training/snapshot/{snapshot.pk}/change/")
    assert b"judged by more than one" in page.content
    for preset, warned in (("dpo", True), ("reward-context", False)):
        form = filled(client, preset=preset)
        answered = client.post(ADD, form, follow=True)
        assert TrainingRun.objects.filter(preset=preset).exists()
        assert (b"votes on one question" in answered.content) == warned
    one = frozen(project, criteria=["kind"])
    assert one.manifest["conditions"]["mixed_pairs"] == 0
