"""Reports as pages: whole, safe with any text; factors; the study of noise."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.engine.reward_rows import small
from tests.engine.support import Workspace, say
from training.engine.cli import main
from training.engine.data import Pair
from training.engine.evaluate import factors, studies
from training.engine.evaluate.overoptimisation import (
    ENSEMBLES,
    NAMES,
    SHAPED,
    SINGLE,
    World,
    paired,
    study,
    summary,
)
from training.engine.evaluate.pages import document, svg
from training.engine.evaluate.pages.overoptimisation import claim, study_page
from training.engine.evaluate.pages.report import report_page
from training.engine.evaluate.reward_report import reward_report
from training.engine.models import save_model

EVIL = "</pre><script>alert(1)</script><img src=x onerror=y>\"'&\x00\x1b\ud83d"


def is_whole(page: str) -> None:
    """The page is well formed, holds no script and loads nothing."""
    body = page.removeprefix("<!doctype html>\n")
    body = re.sub(r"(<meta [^>]*[^/])>", r"\1/>", body)
    for element in ElementTree.fromstring(body).iter():
        assert element.tag not in {"script", "img", "link", "a", "iframe", "form"}
        assert not {"src", "href", "style"} & set(element.attrib)
        assert not any(name.startswith("on") for name in element.attrib)
    assert "url(" not in document.STYLE and "@import" not in document.STYLE
    assert document.STYLE_HASH in page


def pair(index: int, chosen: str, rejected: str, **extra: Any) -> Pair:
    return Pair(
        str(index),
        say("user", "q"),
        say("assistant", chosen),
        say("assistant", rejected),
        group=str(index),
        extra=extra,
    )


# --- pages ----------------------------------------------------------------------------


def test_what_models_wrote_stays_text_on_a_page() -> None:
    pairs = [
        pair(i, f"{EVIL} {i}", f"plain {i}", source=f"{EVIL}{i % 2}") for i in range(24)
    ]
    draw = np.random.default_rng(0)
    report = reward_report(
        draw.normal(1, 1, 24).tolist(),
        pairs,
        [],
        with_baselines=True,
        resamples=200,
        seed=0,
        tags=["source"],
    )
    report["samples"] = [{"prompt": EVIL, EVIL: EVIL, "gap": -1.5}]
    page = report_page(report, title=EVIL)
    is_whole(page)
    assert "&lt;script&gt;alert(1)" in page and "onerror=y&gt;" in page
    for words in ("Calibration", "Accuracy", "By source", "Most wrong"):
        assert words in page


@given(st.floats(-1e6, 1e6), st.floats(1e-6, 1e6))
def test_ticks_are_round_few_and_inside(low: float, span: float) -> None:
    found = svg.ticks(low, low + span)
    assert len(found) <= 8
    slack = 1e-6 * (abs(low) + span)
    assert all(low - slack <= tick <= low + span + slack for tick in found)


def test_points_stand_where_their_numbers_say() -> None:
    drawn = svg.curves(
        [svg.Series("a", [(0.0, 0.0), (1.0, 1.0)])],
        "told",
        x_label="x",
        y_label="y",
        box=(0, 1, 0, 1),
    )
    first, last = re.findall(r'<circle cx="([\d.]+)" cy="([\d.]+)"', drawn)
    assert (float(first[0]), float(last[0])) == (svg.LEFT, svg.WIDTH - svg.RIGHT)
    assert (float(first[1]), float(last[1])) == (svg.HEIGHT - svg.BOTTOM, svg.TOP)


@pytest.mark.parametrize("seconds", [None, 1e-3], ids=["whole", "cut short"])
def test_a_policys_run_leaves_a_page_with_all_that_was_measured(
    workspace: Workspace, trained: dict[str, Path], seconds: float | None
) -> None:
    loaded, _ = small(
        source="tiny:encoder",
        options={"components": 2},
        components=("kind", "short"),
        aggregation="weighted",
        weights=(0.5, 0.5),
    )
    judge = workspace.path / "judge"
    save_model(loaded.model, loaded.tokenizer, judge)
    spec = workspace.spec(
        "evaluate",
        source=str(trained["policy"]),
        reference={"source": "tiny:causal"},
        models={"gold": {"source": str(trained["reward"])}},
        params={
            "role": "policy",
            "reward_model": str(judge),
            "max_new_tokens": 6,
            "samples": 3,
            "bootstrap": 100,
        },
        limits={"seconds": seconds},
    )
    run = workspace.run(spec, "run")
    assert run.code == 0, run.status
    metrics = run.status["metrics"]
    page = (run.out / "report.html").read_text()
    is_whole(page)
    if seconds is not None:
        # One prompt: no interval of its gain, and nearly all win rates are possible.
        assert "too few to say how surely" in page
        assert metrics["win_rate/high"] - metrics["win_rate/low"] > 0.5
        return
    assert 0 <= metrics["win_rate_length_controlled/value"] <= 1
    assert metrics["ranking_accuracy/ideal/test"] == 1.0
    assert 0 <= metrics["ranking_accuracy/policy/test"] <= 1
    for words in ("Best of n", "Alarms", "Attributes", "at equal length", "nats"):
        assert words in page
    assert "report.html" in run.status["files"]


def test_a_reward_models_distance_to_itself_is_nothing(
    workspace: Workspace, trained: dict[str, Path]
) -> None:
    spec = workspace.spec(
        "evaluate",
        source=str(trained["reward"]),
        models={"other": {"source": str(trained["reward"])}},
        params={"bootstrap": 100},
    )
    run = workspace.run(spec, "run")
    assert run.status["metrics"]["starc"] == pytest.approx(0.0, abs=1e-9)
    page = (run.out / "report.html").read_text()
    is_whole(page)
    assert "STARC distance" in page and "from memory" in page


# --- factors --------------------------------------------------------------------------


def world(weights: list[float], rows: int, seed: int = 0) -> tuple[Any, Any]:
    draw = np.random.default_rng(seed)
    signs = draw.integers(-1, 2, size=(rows, len(weights))).astype(np.float64)
    chance = 1 / (1 + np.exp(-signs @ np.array(weights)))
    return signs, np.where(draw.random(rows) < chance, 1.0, -1.0)


def test_concordance_by_hand_and_of_a_planted_factor() -> None:
    signs = np.array([[1.0], [1.0], [-1.0], [0.0], [1.0]])
    # Concordant: rows 1 and 3; discordant: row 2; a tied verdict: row 5.
    found = factors.concordance(signs, np.array([1.0, -1.0, -1.0, 1.0, 0.0]))
    assert found[0] == pytest.approx((2 - 1) / 4)
    signs, _ = world([0, 0], 500)
    verdicts = np.where(signs[:, 0] != 0, signs[:, 0], 1.0)
    alone = [str(i) for i in range(500)]
    planted, irrelevant = factors.intervals(
        signs, verdicts, alone, resamples=400, seed=0
    )
    assert planted.value == 1.0
    assert irrelevant.low < 0 < irrelevant.high
    mixed = np.random.default_rng(1).permutation(verdicts)
    shuffled = factors.intervals(signs, mixed, alone, resamples=400, seed=0)[0]
    assert shuffled.high < 0.3


def test_pairs_of_one_prompt_are_no_further_evidence_of_a_factor() -> None:
    """Ten copies of every pair leave its interval as wide as it was."""
    signs, verdicts = world([0.5], 60)
    prompts = [str(i) for i in range(60)]
    one, ten = (
        factors.intervals(
            np.repeat(signs, copies, axis=0),
            np.repeat(verdicts, copies),
            np.repeat(prompts, copies).tolist(),
            resamples=400,
            seed=0,
        )[0]
        for copies in (1, 10)
    )
    assert one.high - one.low > 0.2
    assert (ten.low, ten.high) == pytest.approx((one.low, one.high))


def test_posterior_means_agree_with_quadrature() -> None:
    """One factor: the posterior mean is a ratio of two integrals."""
    signs, verdicts = world([0.4], 120)
    for prior in (0.1, 1.0):
        grid = np.linspace(-3, 3, 6001)
        odds = grid[:, None] * (signs[:, 0] * verdicts)[None]
        log = -np.logaddexp(0, -odds).sum(1) - np.abs(grid) / prior
        weight = np.exp(log - log.max())
        exact = float((grid * weight).sum() / weight.sum())
        found = factors.posterior_means(signs, verdicts, prior=prior)
        assert found[0] == pytest.approx(exact, abs=0.02)


def test_weights_are_recovered_and_turning_pairs_round_changes_nothing() -> None:
    planted = [1.5, -0.8, 0.0, 0.4]
    signs, verdicts = world(planted, 2000)
    found = factors.posterior_means(signs, verdicts)
    assert found == pytest.approx(planted, abs=0.25)
    turned = np.where(np.arange(2000) % 2, 1.0, -1.0)
    again = factors.posterior_means(signs * turned[:, None], verdicts * turned)
    assert again == pytest.approx(found, abs=1e-9)
    loose = factors.posterior_means(signs[:200], verdicts[:200], prior=10.0)
    tight = factors.posterior_means(signs[:200], verdicts[:200], prior=0.05)
    assert np.abs(tight).sum() < np.abs(loose).sum()


def test_a_model_that_judges_by_length_is_seen_through() -> None:
    draw = np.random.default_rng(0)
    pairs = []
    for i in range(200):
        good, bad = (
            "fine " * int(draw.integers(1, 9)),
            "poor " * int(draw.integers(1, 9)),
        )
        pairs.append(pair(i, good + ("!" if draw.random() < 0.9 else ""), bad))
    gaps = [
        float(len(p.chosen[0]["content"]) - len(p.rejected[0]["content"]))
        for p in pairs
    ]
    found = factors.factors_report(pairs, gaps, resamples=200, seed=0)
    assert found is not None
    rows = {row["factor"]: row for row in found["rows"]}
    assert rows["characters"]["model"]["value"] == 1.0
    assert rows["exclamation marks"]["people"]["value"] == 1.0
    assert rows["characters"]["model_chance"] == 1.0
    assert abs(rows["words"]["people"]["value"]) < 0.3
    assert "not verified" in found["caution"]
    assert factors.factors_report(pairs[:5], gaps[:5], resamples=9, seed=0) is None


# --- overoptimisation -----------------------------------------------------------------

TINY = replace(
    World(),
    pairs=300,
    members=3,
    size=6,
    width=16,
    epochs=6,
    prompts=4,
    samples=256,
    counts=(1, 16, 128),
)


def test_the_study_starts_at_the_mean_and_repeats_itself() -> None:
    found = study(TINY, 0)
    assert set(found) == set(NAMES)
    for name in NAMES:
        assert found[name][0] == pytest.approx(0.0, abs=1e-6)
    again = study(TINY, 0)
    assert all(np.array_equal(found[name], again[name]) for name in NAMES)
    clean = study(replace(TINY, noise=0.0), 0)
    assert clean[SINGLE][-1] > found[SINGLE][-1]


def test_one_member_alone_is_every_ensemble_however_shaped() -> None:
    found = study(replace(TINY, members=1), 3)
    for name in (*ENSEMBLES, *SHAPED):
        assert found[name] == pytest.approx(found[SINGLE], abs=1e-6), name
    assert found["bootstrap mean"] == pytest.approx(found["bootstrap WCO"])
    assert found["bootstrap mean"] != pytest.approx(found["mean"], abs=1e-6)


def test_the_paired_interval_is_students() -> None:
    # Mean 2, standard deviation 1 of three: t(0.975, 2) = 4.3027.
    found = paired([1.0, 2.0, 3.0])
    assert found["value"] == 2.0
    assert found["high"] == pytest.approx(2 + 4.30265 / 3**0.5, abs=1e-4)
    with pytest.raises(ValueError, match="two or more seeds"):
        paired([1.0])


def test_the_study_is_one_command(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(studies, "WORLDS", {"tiny": TINY})
    page, numbers = tmp_path / "page.html", tmp_path / "numbers.json"
    asked = ["--seeds", "2", "--html", str(page), "--json", str(numbers)]
    assert main(["overoptimisation", *asked]) == 0
    is_whole(page.read_text())
    told = json.loads(numbers.read_text())["tiny"]
    assert [row["n"] for row in told["rows"]] == [1, 16, 128]
    said = capsys.readouterr().out
    assert "n = 128, minus single" in said and "single peaks at n = " in said
    assert main(["overoptimisation", "--seeds", "1"]) == 2


def test_the_studys_page_says_what_was_found() -> None:
    rising = {
        name: np.array([0.0, 1.0, 2.0 if name == SINGLE else 3.0]) for name in NAMES
    }
    curves = {
        seed: {name: values + 0.001 * seed for name, values in rising.items()}
        for seed in range(3)
    }
    told = summary(TINY, curves)
    assert "WCO above 0, UWO above 0" in claim(told, "")
    page = study_page({"small": told})
    is_whole(page)
    assert "does not clearly fall" in page
    worse = {
        s: {n: v if n == SINGLE else v * 0 for n, v in c.items()}
        for s, c in curves.items()
    }
    said = claim(summary(TINY, worse), "bootstrap ")
    assert "bootstrap WCO not clearly above 0" in said
