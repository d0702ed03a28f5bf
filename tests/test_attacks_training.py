"""Attacks by way of training: others' models, and learning from what is held back."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from django.core.cache import cache
from pytest_django.fixtures import Settings

from annotation.errors import InvalidInput
from annotation.models import Project, Prompt, Task
from tests.factories import add_member, answer, make_tasks, sign_in
from tests.factories import make_project as factory_project
from tests.training.factories import (
    make_completion,
    make_project,
    make_prompt,
    make_snapshot,
    tiny_encoder,
    tiny_policy,
)
from training.engine.errors import FixableError
from training.engine.sources import resolve
from training.models import ModelVersion
from training.services import artifacts, rounds, specs
from training.services.freezing import create_snapshot, freeze
from training.services.generating import choose_prompts
from training.services.launching import launch
from training.services.promoting import base_model


@pytest.fixture(autouse=True)
def files_of_this_test(settings: Settings, tmp_path: Path) -> None:
    settings.VAR = tmp_path / "var"
    settings.ARTIFACTS = settings.VAR / "artifacts"
    cache.clear()


# --- models of others, by their place ----------------------------------------------


@pytest.mark.django_db
@pytest.mark.parametrize(
    "place",
    [
        "artifact:runs/{run}/attempts/1/model",
        "{root}/runs/{run}/attempts/1/model",
        "{root}/../artifacts/runs",
        "{var}",
        " {root}",
    ],
)
def test_files_of_hone_are_no_model_from_outside(place: str) -> None:
    snapshot = make_snapshot(make_project("theirs"))
    source = place.format(
        root=artifacts.root(), var=artifacts.root().parent, run=snapshot.pk
    )
    mine = make_project("mine")
    client = sign_in(add_member(mine, "researcher"))
    answer = client.post(
        "/api/v1/projects/mine/models",
        {"source": source, "role": "policy"},
        "application/json",
    )
    assert answer.status_code == 422, answer.content
    assert answer.json()["fields"][0]["path"] == "source"
    with pytest.raises(InvalidInput, match="cannot be named by its place"):
        rounds.start(project=mine, settings={"policy_base": source})
    assert not ModelVersion.objects.exists()


@pytest.mark.django_db
def test_setting_names_no_file_of_hone_either(tmp_path: Path) -> None:
    project = make_project()
    common: dict[str, Any] = {
        "project": project,
        "kind": "ppo",
        "model": tiny_policy(),
        "snapshot": make_snapshot(project),
    }
    for place in (f"{artifacts.root()}/runs", str(tmp_path / "home")):
        with pytest.raises(InvalidInput, match="cannot be named by its place"):
            launch(**common, params={"reward_model": place})
    run = launch(**common, params={"reward_model": "tiny:encoder"})
    assert specs.write_spec(run, tmp_path).is_file()


def model_at(place: Path) -> str:
    """Make what looks like a model's directory; return its path."""
    place.mkdir(parents=True)
    (place / "config.json").write_text("{}")
    (place / "model.safetensors").touch()
    return str(place)


@pytest.mark.django_db
def test_only_places_opened_to_a_project_hold_models_for_it(
    settings: Settings, tmp_path: Path
) -> None:
    own = model_at(settings.VAR / "models" / "mine" / "theirs-alone")
    shared = model_at(tmp_path / "shared" / "big")
    private = model_at(tmp_path / "home" / "somebody")
    (settings.VAR / "models" / "mine" / "way-out").symlink_to(private)
    settings.MODEL_DIRECTORIES = [str(tmp_path / "shared")]
    make_project("other")
    mine = make_project("mine")

    def names(slug: str, source: str) -> bool:
        try:
            base_model(
                project=Project.objects.get(slug=slug), source=source, role="policy"
            )
        except InvalidInput as refused:
            assert refused.message == "This model cannot be named by its place."
            assert refused.fix and refused.fields[0]["path"] == "source"
            return False
        return True

    for source in (own, shared, "wheel:smollm2", "tiny:causal", "org/a-model"):
        assert names("mine", source), source
    assert not names("other", own)
    for source in (
        private,
        f"{settings.VAR}/models/mine/way-out",
        f"{settings.VAR}/models/mine/../../artifacts/runs",
        f"{settings.VAR}/models/mine-too",
        f"{shared}/../../home/somebody",
        f"{tmp_path}/weights.gguf",
        "../models/mine/theirs-alone",
        "training",
        "training/engine",
        "~/model",
        "C:\\models",
        "/nul\0",
        "a/b/c",
    ):
        assert not names("mine", source), source
    assert names("mine", "x" * 300)  # no place: a hub's business, at most
    # What the operator closes is closed for models that were named before.
    run = launch(
        project=mine,
        kind="generate",
        model=base_model(project=mine, source=shared, role="policy"),
        inputs={"prompt_ids": [make_prompt(mine, "fair").pk]},
    )
    settings.MODEL_DIRECTORIES = []
    with pytest.raises(InvalidInput, match="cannot be named by its place"):
        specs.write_spec(run, tmp_path)


@pytest.mark.django_db
def test_base_that_one_project_names_is_not_offered_to_all(
    settings: Settings, tmp_path: Path
) -> None:
    settings.MODEL_DIRECTORIES = [str(tmp_path)]
    mine = make_project("mine")
    trap = str(tmp_path / "SmolLM2-135M-Instruct")
    made = rounds.start(project=mine, settings={"policy_base": trap})
    assert made.policy_in is not None and made.policy_in.project == mine
    other = add_member(make_project("theirs"), "researcher")
    seen = sign_in(other).get("/api/v1/projects/theirs/models").json()
    assert seen == []


def test_directory_that_is_no_model_is_not_listed(tmp_path: Path) -> None:
    (tmp_path / "a-private-name").touch()
    with pytest.raises(FixableError, match=r"without config\.json and weights") as told:
        resolve(str(tmp_path))
    assert "a-private-name" not in str(told.value)
    (tmp_path / "config.json").touch()
    with pytest.raises(FixableError, match="a directory without weights"):
        resolve(str(tmp_path))


# --- what is held back stays out of training (invariant 6) -------------------------


def kept_back(project: Project, how: str) -> Prompt:
    if how == "control":
        return make_tasks(project, is_control=True)[0].prompt
    if how == "verified":
        return make_tasks(project, verified_pool=True)[0].prompt
    return make_prompt(project, "held out", split=how)


@pytest.mark.django_db
@pytest.mark.parametrize("how", ["test", "validation", "control", "verified"])
def test_no_run_practises_on_what_is_held_back(how: str, tmp_path: Path) -> None:
    project = make_project()
    fair, held = make_prompt(project, "fair"), kept_back(project, how)
    common: dict[str, Any] = {
        "project": project,
        "model": tiny_policy(),
        "snapshot": make_snapshot(project),
    }
    learns: dict[str, Any] = {"kind": "ppo", "params": {"rule": "lexicon"}}
    text = make_completion(held, "an answer").pk
    for named in ({"prompt_ids": [fair.pk, held.pk]}, {"completion_ids": [text]}):
        with pytest.raises(InvalidInput, match="that are held out or known") as told:
            launch(**common, **learns, inputs=named)
        assert f"prompt {held.pk} (" in str(told.value.found)
    run = launch(**common, **learns, inputs={"prompt_ids": [fair.pk]})
    assert specs.write_spec(run, tmp_path).is_file()
    # To sample for them is no training: the judges are held against such prompts.
    run = launch(**common, kind="generate", inputs={"prompt_ids": [held.pk]})
    assert specs.write_spec(run, tmp_path).is_file()


@pytest.mark.django_db
def test_no_run_learns_from_what_was_set_apart_after_freezing(tmp_path: Path) -> None:
    """The database itself keeps what was learned from out of the verified pool."""
    project = factory_project()
    person = sign_in(add_member(project))
    tasks = make_tasks(project, 3)
    held = person.post(f"/api/v1/projects/{project.slug}/assignments?count=3").json()
    for each in held["assignments"]:
        said = person.post(
            f"/api/v1/assignments/{each['id']}/feedback",
            answer(each),
            "application/json",
        )
        assert said.status_code == 201, said.content
    snapshot = freeze(create_snapshot(project=project, name="whole").pk)
    common: dict[str, Any] = {
        "project": project,
        "model": tiny_encoder(),
        "snapshot": snapshot,
        "kind": "reward",
    }
    waiting = launch(**common)
    assert specs.write_spec(waiting, tmp_path).is_file()
    Task.objects.filter(pk=tasks[1].pk).update(is_control=True)
    with pytest.raises(InvalidInput, match="set apart since whole was frozen") as told:
        launch(**common)
    assert f"task {tasks[1].pk} (" in str(told.value.found)
    assert f"task {tasks[0].pk} (" not in str(told.value.found)
    with pytest.raises(InvalidInput, match="set apart since"):
        specs.write_spec(waiting, tmp_path)  # it had been launched before
    fresh = freeze(create_snapshot(project=project).pk)
    assert launch(**common | {"snapshot": fresh}).state == "queued"


@pytest.mark.django_db
@pytest.mark.parametrize("how", ["control", "verified"])
def test_no_round_asks_about_prompts_of_known_answers(how: str) -> None:
    project = make_project()
    fair = make_prompt(project, "fair")
    kept_back(project, how)
    assert choose_prompts(project=project) == [fair.pk]
