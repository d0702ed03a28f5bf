"""The catalogue of methods: each rests on a test, and none is another in disguise."""

from __future__ import annotations

import ast
import json
from dataclasses import replace

import pytest
import torch

from tests.engine.identities.support import arms, draw, losses
from tests.engine.support import ROOT
from training.engine import registry
from training.engine.cli import main
from training.engine.objectives.anchors import ANCHORS
from training.engine.objectives.batch import Batch
from training.engine.objectives.list_links import LIST_LINKS
from training.engine.objectives.pair_links import PAIR_LINKS
from training.engine.objectives.point_links import POINT_LINKS
from training.engine.registry import page
from training.engine.registry.absent import ABSENT
from training.engine.registry.algebra import Objective

PUBLISHED = page.published()
OFFLINE = [p for p in PUBLISHED if isinstance(p.settings, Objective)]


def test_names() -> set[str]:
    """Return the names of the engine's tests, and of the files they stand in."""
    found = set()
    for file in (ROOT / "tests" / "engine").rglob("test_*.py"):
        found.add(str(file.relative_to(ROOT)))
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.FunctionDef) and node.name.startswith("test_"):
                found.add(node.name)
    return found


NAMES = test_names()
del test_names


@pytest.mark.parametrize("preset", PUBLISHED, ids=lambda p: p.name)
def test_every_method_has_identity_tests_that_exist(preset: registry.Preset) -> None:
    assert preset.tests and preset.identities
    assert set(preset.tests) <= NAMES


@pytest.mark.parametrize("preset", PUBLISHED, ids=lambda p: p.name)
def test_every_method_says_what_it_is_and_rests_on(preset: registry.Preset) -> None:
    assert preset.equation and preset.paper and preset.neighbour != preset.name
    assert preset.neighbour in registry.PRESETS or not preset.neighbour
    assert not preset.alias_of or preset.alias_of in registry.PRESETS
    assert preset.verified or not preset.is_verified
    if not preset.is_verified:
        assert preset.caution.startswith("Unverified")
    if preset.unverified:
        assert preset.unverified in preset.caution


def fixed_batch(view: str) -> Batch:
    """Return one batch of a view, with every model and column there is."""
    count, lengths = 8, [3, 5, 2, 7, 4, 6, 3, 2]
    frozen = ("reference", "previous", "previous_2", "teacher_1", "better", "worse")
    models = {name: draw(count, seed=i) - 6 for i, name in enumerate(frozen, 1)}
    pairs = [[0, 1], [2, 3], [4, 5]]
    members = {"pairs": pairs, "lists": [[0, 1, 2], [3, 4, 5]]}.get(
        view, [[0], [1], [2]]
    )
    size = len(members)
    columns = {
        "values": draw(size, len(members[0]), seed=20).sigmoid(),
        "soft_label": torch.tensor([0.9, 0.6, 0.7][:size]).double(),
        "margin": torch.tensor([1.0, 2.0, 0.5][:size]).double(),
        "margins": draw(size, 1, seed=21),
        "label": torch.tensor([1.0, 0.0, 1.0][:size]).double(),
        "label_state": torch.tensor([0.95, 0.8, 0.9][:size]).double(),
    }
    batch = arms(
        draw(count, seed=22) - 6,
        members,
        frozen=models,
        columns=columns,
        extras={
            "calibration": torch.tensor([6, 7, 6][:size]),
            "rationale": torch.tensor([7, 6, 7][:size]),
            "mismatched": torch.tensor([6, 7, 6][:size]),
            **{f"degree_{k}": torch.tensor([k, 7, -1][:size]) for k in (1, 2, 3)},
        },
        lengths=lengths,
    )
    # Tokens of one sequence differ, so that weights of tokens show.
    shape = batch.policy.shape
    masks = {
        "ratio_mask": draw(*shape, seed=24).abs(),
        "divergence_mask": draw(*shape, seed=25).abs(),
        "divergence": -draw(*shape, seed=26).abs(),
    }
    return replace(
        batch,
        policy=batch.policy + 0.1 * draw(*shape, seed=23),
        weights=masks,
        read={"degrees": draw(count, 4, seed=27)},
    )


@pytest.mark.parametrize("preset", OFFLINE, ids=lambda p: p.name)
def test_every_method_differs_from_its_neighbour(preset: registry.Preset) -> None:
    own = losses(preset.name, fixed_batch(preset.view or "pairs"))
    assert torch.isfinite(own).all()
    if preset.alias_of:
        # What differs is the rows; the same rows have the same loss.
        other = registry.get(preset.alias_of)
        shared = {p.name: p.default for p in preset.params if p.name == "beta"}
        same = losses(other.name, fixed_batch(other.view or "pairs"), **shared)
        assert torch.equal(own, same)
        return
    assert preset.neighbour, "name the method it is most easily mistaken for"
    neighbour = registry.get(preset.neighbour)
    theirs = losses(neighbour.name, fixed_batch(neighbour.view or "pairs"))
    assert own.shape != theirs.shape or not torch.allclose(own, theirs, rtol=1e-3)
    # Nor is the difference one of the values of shared settings.
    names = {p.name for p in preset.params} - {"loss_type"}
    if preset.neighbour == "dpo":
        names -= {"label_smoothing"}
    given = {
        p.name: preset.param(p.name).default
        for p in neighbour.params
        if p.name in names
    }
    theirs = losses(neighbour.name, fixed_batch(neighbour.view or "pairs"), **given)
    assert own.shape != theirs.shape or not torch.allclose(own, theirs, rtol=1e-6)


def test_settings_name_pieces_that_there_are() -> None:
    links = {**PAIR_LINKS, **POINT_LINKS, **LIST_LINKS}
    used = set()
    for preset in OFFLINE:
        assert isinstance(preset.settings, Objective)
        assert preset.settings.link in links
        assert set(preset.settings.anchors) <= set(ANCHORS)
        used.add(preset.settings.link)
    assert used == set(links), "every link has a method"


def test_names_that_clash_with_the_librarys_are_kept_apart() -> None:
    theirs = {"bnpo", "tpo", "cpo", "apo_zero", "apo_down", "rpo_alpha", "robust"}
    assert not theirs & set(registry.PRESETS)
    for name in ("constrained-po", "tree-po", "accelerated-po", "rpo", "ipo", "inpo"):
        assert "Not to be confused" in registry.get(name).caution


def test_methods_that_are_not_offered_say_why_and_what_comes_near(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["methods"]) == 0
    told = capsys.readouterr().out
    for absent in ABSENT:
        assert absent.name not in registry.PRESETS
        assert absent.why and absent.paper and absent.equation
        assert not absent.instead or absent.instead in registry.PRESETS
        assert f"{absent.name}: {absent.title}. Why: {absent.why}" in told


def test_catalogue_is_listed_and_the_page_is_current(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["methods", "--json"]) == 0
    listed = json.loads(capsys.readouterr().out)
    offered = [row for row in listed if row["status"] != "absent"]
    assert [row["name"] for row in offered] == [preset.name for preset in PUBLISHED]
    absent = {row["name"]: row for row in listed if row["status"] == "absent"}
    assert list(absent) == [row.name for row in ABSENT]
    assert all(row["why"] and not row["is_verified"] for row in absent.values())
    assert main(["methods"]) == 0
    told = capsys.readouterr().out
    assert "unverified" in told.splitlines()[0]
    for preset in PUBLISHED:
        if not preset.is_verified:
            assert f"{preset.name} [unverified]" in told
    written = (ROOT / "docs" / "methods.md").read_text(encoding="utf-8")
    assert written == page.markdown(), (
        "expected docs/methods.md as the registry has it; run "
        "`python -m training.engine methods --markdown > docs/methods.md`"
    )
