"""Reward models' reports: calibration, tags, looks, on numbers worked by hand."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.engine.reward_rows import reward_pair, small
from tests.engine.support import Workspace, pair_row, say, write_rows
from training.engine.data import Pair
from training.engine.errors import FixableError
from training.engine.evaluate import baselines, groups, style
from training.engine.evaluate.calibration import (
    COLDEST,
    HOTTEST,
    calibration,
    chance_error,
    cross_fitted,
    fit_temperature,
)
from training.engine.evaluate.metrics import bootstrap_mean, pair_accuracy, pair_loss
from training.engine.evaluate.reward_report import interval
from training.engine.models import save_model
from training.engine.rewards.model import RewardModel
from training.engine.tasks import held_out
from training.engine.tasks.score import pair_gaps, score_completions


def logit(p: float) -> float:
    return math.log(p / (1 - p))


# --- calibration ----------------------------------------------------------------------


@given(st.floats(0.55, 0.95), st.floats(0.2, 5))
def test_the_temperature_of_equal_gaps_is_known(share: float, size: float) -> None:
    """Of gaps +-g that are right with share p, the best T is g over logit(p)."""
    right = round(200 * share)
    gaps = [size] * right + [-size] * (200 - right)
    assert fit_temperature(gaps) == pytest.approx(size / logit(right / 200), rel=1e-6)


def test_no_other_temperature_has_a_lower_loss() -> None:
    gaps = np.random.default_rng(0).normal(0.7, 1.5, 400)
    best = fit_temperature(gaps)
    assert COLDEST < best < HOTTEST
    lowest = pair_loss(gaps / best)
    assert all(pair_loss(gaps / (best * f)) > lowest for f in (0.9, 0.99, 1.01, 1.1))


def test_a_model_that_is_never_or_always_wrong_gets_a_bound() -> None:
    assert fit_temperature([1.0, 2.0]) == COLDEST
    assert fit_temperature([-1.0, -2.0]) == HOTTEST
    assert fit_temperature([0.0, 0.0]) == 1.0


def test_a_temperature_never_sees_the_rows_it_divides() -> None:
    gaps = [3.0] * 30 + [-3.0] * 10
    names = [f"g{i % 8}" for i in range(40)]
    once = cross_fitted(gaps, names, seed=1)
    changed = [*gaps]
    for i in range(40):
        if names[i] == "g0":
            changed[i] = 30.0
    again = cross_fitted(changed, names, seed=1)
    own = [i for i in range(40) if names[i] == "g0"]
    # Changing a group's gaps changes other rows' temperature, and not its own.
    assert [changed[i] / again[i] for i in own] == pytest.approx(
        [gaps[i] / once[i] for i in own]
    )
    assert not np.allclose(once, again)


def test_an_overconfident_model_is_mended_and_a_calibrated_one_left_alone() -> None:
    draw = np.random.default_rng(3)
    true = draw.normal(0, 1.5, 4000)
    gaps = np.where(draw.random(4000) < 1 / (1 + np.exp(-true)), true, -true)
    names = [str(i) for i in range(4000)]
    honest, loud = calibration(gaps, names), calibration(4 * gaps, names)
    assert honest["temperature"] == pytest.approx(1.0, abs=0.1)
    assert loud["temperature"] == pytest.approx(4.0, abs=0.4)
    assert loud["ece"] > 5 * loud["after"]["ece"]
    assert honest["ece"] < 3 * honest["ece_by_chance"] < loud["ece"]


def test_the_error_of_chance_shrinks_with_the_root_of_the_rows() -> None:
    few = chance_error([0.5] * 100, bins=1)
    # One bin, share p: the mean of |share - p| is sqrt(2 p (1-p) / (pi n)).
    p = 1 / (1 + math.exp(-0.5))
    assert few == pytest.approx(math.sqrt(2 * p * (1 - p) / (math.pi * 100)), rel=0.2)
    assert chance_error([0.5] * 10_000, bins=1) == pytest.approx(few / 10, rel=0.3)


# --- tags -----------------------------------------------------------------------------


def tagged(group: str, **extra: Any) -> Pair:
    return Pair(
        group,
        say("user", "q"),
        say("assistant", "a"),
        say("assistant", group),
        group=group,
        extra=extra,
    )


def table(values: list[float], pairs: list[Pair], *columns: str) -> dict[str, Any]:
    return groups.by_tag(
        values,
        pairs,
        columns,
        estimate=lambda v, p: bootstrap_mean(v, [x.group for x in p]),
        items=[(pair.group,) for pair in pairs],
        resamples=4000,
        seed=0,
    )


def test_every_tag_gets_its_own_accuracy_and_the_lowest_is_named() -> None:
    pairs = [tagged(f"g{i}", lang="en" if i % 2 else "de") for i in range(40)]
    values = [1.0 if i % 2 or i % 4 == 0 else 0.0 for i in range(40)]
    found = table(values, pairs, "lang", "absent")
    assert set(found) == {"lang"}
    by_name = {row["tag"]: row for row in found["lang"]["values"]}
    assert by_name["en"]["accuracy"]["value"] == 1.0
    assert by_name["de"]["accuracy"]["value"] == 0.5
    worst = found["lang"]["worst"]
    assert (worst["tag"], worst["pairs"], worst["groups"]) == ("de", 20, 2)
    alone = by_name["de"]["accuracy"]
    # The other group is always right: it neither moves nor widens anything.
    assert worst["accuracy"]["low"] == pytest.approx(alone["low"], abs=0.06)
    assert worst["accuracy"]["high"] == pytest.approx(alone["high"], abs=0.06)


@pytest.mark.parametrize("spread", [0.0, 0.1])
def test_the_interval_of_the_worst_holds_the_truly_worst_accuracy(
    spread: float,
) -> None:
    """Equal groups are the hard case: the lowest mean is then pure luck."""
    draw = np.random.default_rng(0)
    truth = 0.7 + spread * np.arange(10) / 10
    members = {str(g): list(range(40 * g, 40 * g + 40)) for g in range(10)}
    items = [(str(i),) for i in range(400)]
    missed = 0
    for seed in range(60):
        values = (draw.random((10, 40)) < truth[:, None]).astype(float).ravel()
        found = groups.worst(values.tolist(), members, items, resamples=300, seed=seed)
        assert found is not None
        accuracy = found["accuracy"]
        assert accuracy["low"] <= accuracy["value"] <= accuracy["high"]
        missed += not accuracy["low"] <= truth.min() <= accuracy["high"]
    assert missed <= 7  # 3 of 60 on average at 95 %


def test_rows_of_several_tags_count_in_each_and_few_rows_are_never_the_worst() -> None:
    pairs = [tagged(f"g{i}", tags=["all", f"half-{i % 2}"]) for i in range(20)]
    pairs.append(tagged("lonely", tags=["rare"]))
    found = table([1.0] * 20 + [0.0], pairs, "tags")["tags"]
    counts = {row["tag"]: row["pairs"] for row in found["values"]}
    assert counts == {"all": 20, "half-0": 10, "half-1": 10, "rare": 1}
    assert found["worst"]["tag"] != "rare"


# --- looks ----------------------------------------------------------------------------


def test_formatting_is_counted_mark_by_mark() -> None:
    text = "# Title\n\n- one\n2. two\n**bold** and `code`!\n```\nx\n```\n| a | b |\n?"
    found = style.style_of(text)
    assert found["headings"] == found["bold"] == found["inline code"] == 1
    assert (found["list items"], found["code blocks"], found["tables"]) == (2, 2, 1)
    assert (found["exclamation marks"], found["question marks"]) == (1, 1)
    assert found["characters"] == len(text)
    assert style.style_of("")["lines"] == 0
    assert style.marks(text) == 8


def looks(index: int, *, formatted: bool) -> Pair:
    plain, fancy = f"word {index} same", f"- **word** {index} same"
    first, second = (fancy, plain) if formatted else (plain, fancy)
    return Pair(
        str(index),
        say("user", "q"),
        say("assistant", first),
        say("assistant", second),
        group=str(index),
    )


def test_a_learned_baseline_of_looks_finds_what_the_fixed_ones_cannot() -> None:
    train = [looks(i, formatted=False) for i in range(40)]
    test = [looks(i, formatted=False) for i in range(40, 60)]
    assert pair_accuracy(baselines.formatted_wins(test)) == 0.0
    learned = baselines.style_logistic(train, test)
    assert learned is not None and pair_accuracy(learned) == 1.0
    turned = [
        Pair(p.row_id, p.prompt, p.rejected, p.chosen, group=p.group) for p in test
    ]
    again = baselines.style_logistic(train, turned)
    assert again == pytest.approx([-gap for gap in learned])


def test_without_training_pairs_baselines_learn_from_the_other_folds() -> None:
    test = [looks(i, formatted=True) for i in range(30)]
    found = baselines.all_of([], test, seed=0)
    assert set(found) == {"longer", "formatted", "style", "tfidf"}
    assert pair_accuracy(found["style"]) == 1.0
    # Labels that say nothing cannot be learned from the row itself.
    draw = np.random.default_rng(1)
    noise = [looks(i, formatted=bool(draw.random() < 0.5)) for i in range(200)]
    accuracy = pair_accuracy(baselines.all_of([], noise, seed=0)["style"])
    assert accuracy == pytest.approx(0.5, abs=0.12)


# --- what some models read besides ----------------------------------------------------


def rows(count: int, **changes: Any) -> list[dict[str, Any]]:
    return [reward_pair(i, **changes) for i in range(count)]


def test_a_context_reaches_the_model_in_pairs_and_in_scores(tmp_path: Path) -> None:
    loaded, _ = small(map="context")
    gaps = {}
    for context in ("Be kind.", "Be true."):
        path = write_rows(tmp_path / "p.parquet", rows(6, context=context))
        pairs = held_out.read_decided(path, "data.test", keep=("context",))
        gaps[context], _ = pair_gaps(loaded, pairs, max_length=128, batch_size=4)
        sides = [
            score_completions(
                loaded,
                [pair.prompt for pair in pairs],
                [getattr(pair, side) for pair in pairs],
                extras=[pair.extra for pair in pairs],
                max_length=128,
                batch_size=4,
            )[0]
            for side in ("chosen", "rejected")
        ]
        difference = [a - b for a, b in zip(*sides, strict=True)]
        assert difference == pytest.approx(gaps[context], abs=1e-5)
    assert gaps["Be kind."] != pytest.approx(gaps["Be true."], abs=1e-4)


def test_a_reference_answer_reaches_the_model(tmp_path: Path) -> None:
    loaded, _ = small(map="reference")
    gaps = []
    for answer in ("one answer", "a garden of letters"):
        path = write_rows(
            tmp_path / "p.parquet", rows(4, reference=say("assistant", answer))
        )
        pairs = held_out.read_decided(path, "data.test", keep=("reference",))
        gaps.append(pair_gaps(loaded, pairs, max_length=128, batch_size=4)[0])
    assert gaps[0] != pytest.approx(gaps[1], abs=1e-5)


def test_whose_opinion_it_is_reaches_the_model(tmp_path: Path) -> None:
    loaded, _ = small(
        "ideal_point",
        names=("ann", "bob"),
        options={"users": 2, "components": 2, "dimension": 8},
    )
    assert isinstance(loaded.model, RewardModel)
    for parameter in loaded.model.head.parameters():
        parameter.data.normal_(0, 1)
    gaps = {}
    for person in ("ann", "bob", "eve"):
        path = write_rows(tmp_path / "p.parquet", rows(4, annotator=person))
        pairs = held_out.read_decided(path, "data.test", keep=("annotator",))
        gaps[person], _ = pair_gaps(loaded, pairs, max_length=128, batch_size=4)
        counts = held_out.unknown_people(loaded, pairs, None)
        assert sum(counts.values()) == (len(pairs) if person == "eve" else 0)
    assert gaps["ann"] != pytest.approx(gaps["bob"], abs=1e-5)


def test_opinions_of_different_people_are_not_pooled_where_they_matter(
    tmp_path: Path,
) -> None:
    both = [pair_row(0, annotator="ann"), pair_row(0, annotator="bob")]
    path = write_rows(tmp_path / "p.parquet", both)
    assert len(held_out.read_decided(path, "data.test")) == 1
    assert len(held_out.read_decided(path, "data.test", keep=("annotator",))) == 2


def test_shots_are_of_the_same_person_and_never_of_the_same_group() -> None:
    def by(person: str, group: str) -> Pair:
        return tagged(group, annotator=person)

    known = [by("ann", "g1"), by("ann", "g2"), by("bob", "g3")]
    found = held_out.histories(
        [by("ann", "g1"), by("bob", "g9"), by("eve", "g9")], known, shots=4, seed=0
    )
    assert [pair.group for pair in found[0]] == ["g2"]
    assert [pair.group for pair in found[1]] == ["g3"]
    assert found[2] == []


@pytest.mark.parametrize("task", ["evaluate", "score"])
def test_rows_without_what_the_model_reads_are_refused(
    workspace: Workspace, task: str
) -> None:
    loaded, _ = small(map="context")
    target = workspace.path / "model"
    save_model(loaded.model, loaded.tokenizer, target)
    run = workspace.run(workspace.spec(task, source=str(target)), "run")
    assert run.code == 2
    assert "context" in run.status["error"]["message"]
    assert run.status["error"]["field"] in ("data.test", "data.rows")


def test_the_report_tells_accuracy_apart_by_tag(
    workspace: Workspace, trained: dict[str, Path]
) -> None:
    named = [
        pair_row(i, split="test", source=f"forum-{i % 2}", criterion="tone")
        for i in range(16)
    ]
    data = workspace.data | {
        "test": str(write_rows(workspace.path / "tagged.parquet", named))
    }
    spec = workspace.spec("evaluate", source=str(trained["reward"]), data=data)
    run = workspace.run(spec, "run")
    assert run.code == 0
    report = json.loads((run.out / "report.json").read_text())
    assert set(report["by_tag"]) == {"source"}
    assert report["by_tag"]["source"]["worst"]["pairs"] == 8
    assert run.status["metrics"]["worst_source/value"] == 1.0
    assert set(report["baselines"]) == {"longer", "formatted", "style", "tfidf"}
    assert report["calibration"]["temperature"] > 0


def test_one_pair_leaves_much_open() -> None:
    one = interval([1.0], [tagged("g")], resamples=100, seed=0)
    assert one.high == 1 and one.low < 0.25


def test_a_damaged_file_is_refused(tmp_path: Path) -> None:
    bad = tmp_path / "p.parquet"
    bad.write_bytes(b"no parquet")
    with pytest.raises(FixableError, match="cannot be read"):
        held_out.read_decided(bad, "data.test")
