"""A trial's standard error says how far its gain would be off in another pilot."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from workers.routing.items import Floats
from workers.routing.pilots import Pilot
from workers.routing.prediction import Gain
from workers.routing.simulation import indicators
from workers.routing.trying import LEFT_OUT, gain, trial
from workers.routing.world import WORLDS, World

REPEATS = 24


def error_of(left_out: Floats, hits: Floats) -> float:
    ours = np.column_stack([hits, left_out])
    return gain([{"ours": ours, "theirs": np.zeros_like(ours)}], "ours", "theirs").error


def test_items_that_matter_widen_the_error_and_luck_of_targets_counts_once() -> None:
    draw = np.random.default_rng(0)
    hits = (draw.random(400) < 0.6) * 1.0
    of_targets = hits.std(ddof=1) / 20
    same = np.repeat(hits[:, None], LEFT_OUT, axis=1)
    assert error_of(same, hits) == pytest.approx(of_targets)
    shift = 0.02 * draw.standard_normal(LEFT_OUT)
    of_items = 0.9 * ((shift - shift.mean()) ** 2).sum()
    wanted = np.sqrt(of_targets**2 + of_items * (1 - 1 / 400))
    assert error_of(same + shift, hits) == pytest.approx(wanted)
    # Targets that turn one by one, whichever group is missing, are no luck of items.
    turned = np.abs(same - (draw.random(same.shape) < 0.05))
    assert error_of(turned, hits) < 1.25 * of_targets


def test_errors_are_as_large_as_gains_differ_from_pilot_to_pilot() -> None:
    world = World(replace(WORLDS["people-better"], dimensions=6), 0)
    found: dict[str, list[Gain]] = {"people": [], "linear": [], "mix": []}
    for repeat in range(REPEATS):
        items, targets = world.pairs(300), world.pairs(300)
        names, carried = indicators(world.names, items)
        pilot = Pilot(
            carried,
            items.gaps,
            world.people(items),
            world.judge(items).labels,
            targets.gaps,
            world.people(targets),
        )
        rng = np.random.default_rng([repeat, 3])
        tried = trial(names, pilot, mixes=40, rng=rng, penalty=1.0)
        found["people"].append(tried.people)
        for name in ("linear", "mix"):
            found[name].append(tried.over_random[f"predicted-{name}"])
    ratios, inside = [], []
    for gains in found.values():
        mean = np.array([each.mean for each in gains])
        error = np.array([each.error for each in gains])
        spread = mean.std(ddof=1)
        ratios.append(np.sqrt((error**2).mean()) / spread)
        inside += list(np.abs(mean - mean.mean()) < 1.96 * error)
    # The error over targets alone would be about two thirds of the spread.
    assert 0.85 < np.mean(ratios) < 1.5
    assert np.mean(inside) > 0.88


def test_halves_share_no_prompt_and_its_further_targets_are_no_further_evidence() -> (
    None
):
    world = World(replace(WORLDS["people-better"], dimensions=6), 0)
    items, targets = world.pairs(80), world.pairs(60)
    names, carried = indicators(world.names, items)
    human, judge = world.people(items), world.judge(items).labels
    aimed = world.people(targets)

    def pilot(copies: int) -> Pilot:
        return Pilot(
            carried,
            items.gaps,
            human,
            judge,
            np.repeat(targets.gaps, copies, axis=0),
            np.repeat(aimed, copies),
            np.arange(80) // 2,
            np.repeat(np.arange(60), copies),
        )

    first, second = pilot(3).halves()
    for name in ("groups", "target_groups"):
        one, other = (set(getattr(half, name).tolist()) for half in (first, second))
        assert one and other and not one & other
    once, thrice = (
        trial(
            names,
            pilot(copies),
            mixes=40,
            rng=np.random.default_rng(0),
            penalty=1.0,
        )
        for copies in (1, 3)
    )
    assert thrice.people.mean == pytest.approx(once.people.mean)
    assert thrice.people.error == pytest.approx(once.people.error)
    assert thrice.over_ai["predicted-linear"].error == pytest.approx(
        once.over_ai["predicted-linear"].error
    )
