"""Plans: budgets, floors, determinism, and what each policy prefers."""

from __future__ import annotations

import math
from dataclasses import replace
from itertools import combinations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.workers.routing.support import (
    FEATURES,
    NOTHING,
    make_items,
    make_prediction,
)
from workers.routing.items import Budget, Item, State
from workers.routing.planning import cost, plan
from workers.routing.policies import POLICIES, MissingPrediction, default_policy
from workers.routing.prediction import Gain

PREDICTION = make_prediction(np.array([0.2, 0.1, -0.1]), bend=0.02, noise=0.002)
STATE = State(
    prediction=PREDICTION, quotas={"law": 0.5, "*": 0.1}, conflicts=frozenset({3, 4})
)


@settings(max_examples=40, deadline=None)
@given(
    policy=st.sampled_from(list(POLICIES)),
    size=st.integers(1, 60),
    spend=st.one_of(st.none(), st.floats(0, 100)),
    floor=st.floats(0, 0.5),
    seed=st.integers(0, 5),
)
def test_no_policy_spends_more_than_its_budget_or_less_than_its_floor(
    policy: str, size: int, spend: float | None, floor: float, seed: int
) -> None:
    items = make_items(size, seed)
    found = plan(items, Budget(spend, floor), STATE, policy=policy, seed=seed)
    assert found.keys() == {item.id for item in items}
    if spend is not None:
        assert cost(items, found) <= spend + 1e-6
    drawn = [decision for decision in found.values() if decision.floor]
    assert all(decision.route == "human" for decision in drawn)
    wanted = math.ceil(floor * size)
    if spend is None:
        assert len(drawn) == wanted
    else:
        # Fewer only where the money is gone.
        dearest = max(item.human_cost for item in items)
        paid = sum(item.human_cost for item in items if found[item.id].floor)
        assert len(drawn) == wanted or paid + dearest > spend


@pytest.mark.parametrize("policy", POLICIES)
def test_a_plan_is_the_same_again_in_any_order_of_the_items(policy: str) -> None:
    items = make_items(80)
    budget = Budget(40.0)
    first = plan(items, budget, STATE, policy=policy, seed=3)
    assert plan(items, budget, STATE, policy=policy, seed=3) == first
    assert plan(items[::-1], budget, STATE, policy=policy, seed=3) == first
    other = plan(items, budget, STATE, policy=policy, seed=4)
    assert {k for k, v in other.items() if v.floor} != {
        k for k, v in first.items() if v.floor
    }


@pytest.mark.parametrize("people", range(1, 8))
def test_the_linear_optimum_by_brute_force_is_top_b(people: int) -> None:
    draw = np.random.default_rng(people)
    items = [
        Item(n, frozenset(f for f in FEATURES if draw.random() < 0.5))
        for n in range(10)
    ]
    prediction = make_prediction(np.array([0.3, 0.2, 0.1]))
    surface = prediction.surface("linear")
    carried = np.array([[f in i.indicators for f in FEATURES] for i in items], float)

    def value(chosen: tuple[int, ...]) -> float:
        share = carried[list(chosen)].sum(axis=0) / len(items)
        return float(surface.predict(share[None])[0])

    best = max(value(each) for each in combinations(range(10), people))
    found = plan(
        items,
        Budget(float(people), floor=0.0),
        State(prediction=prediction),
        policy="predicted-linear",
    )
    chosen = tuple(int(str(k)) for k, v in found.items() if v.route == "human")
    # Items that carry nothing gain nothing and stay, at no loss.
    assert len(chosen) <= people
    assert value(chosen) == pytest.approx(best, abs=1e-12)


def test_greedy_finds_the_best_of_small_mixes_where_gains_diminish() -> None:
    items = [Item(n, frozenset({FEATURES[n % 3]})) for n in range(9)]
    prediction = make_prediction(np.array([0.3, 0.28, 0.26]), bend=0.3)
    surface = prediction.surface("quadratic")
    carried = np.array([[f in i.indicators for f in FEATURES] for i in items], float)

    def value(chosen: tuple[int, ...]) -> float:
        share = carried[list(chosen)].sum(axis=0) / len(items)
        return float(surface.predict(share[None])[0])

    best = max(value(each) for each in combinations(range(9), 4))
    found = plan(
        items,
        Budget(4.0, floor=0.0),
        State(prediction=prediction),
        policy="predicted-greedy",
    )
    chosen = tuple(int(str(k)) for k, v in found.items() if v.route == "human")
    assert value(chosen) == pytest.approx(best, abs=2e-3)


def test_people_come_first_where_each_policy_looks() -> None:
    doubt = Item("doubt", signals={"margin": 0.0, "judge": 0.99})
    clash = Item("clash", signals={"margin": 4.0, "judge": 0.01})
    loose = Item("loose", signals={"margin": 4.0, "spread": 9.0, "judge": 0.98})
    unsure = Item("unsure", signals={"margin": 5.0, "judge": 0.51})
    law = Item("law", frozenset({"law"}), {"margin": 5.0, "judge": 0.999})
    calm = Item("calm", signals={"margin": 6.0, "judge": 0.999})
    items = [calm, law, unsure, loose, clash, doubt]
    state = State(
        prediction=make_prediction(np.array([0.3, 0.0, 0.0])), quotas={"law": 1.0}
    )
    wanted = {
        "uncertainty": "doubt",
        "disagreement": "clash",
        "variance": "loose",
        "escalation": "unsure",
        "quotas": "law",
        "predicted-linear": "law",
        "predicted-mix": "law",
        "predicted-greedy": "law",
    }
    for policy, first in wanted.items():
        found = plan(items, Budget(1.0, floor=0.0), state, policy=policy)
        asked = [k for k, v in found.items() if v.people]
        assert asked == [first], policy


def test_escalation_keeps_the_judge_and_asks_a_second_person_on_conflict() -> None:
    items = [Item(n, signals={"judge": 0.95 - 0.1 * (n == 0)}) for n in range(4)]
    state = State(conflicts=frozenset({2}), demands=frozenset())
    found = plan(items, Budget(floor=0.0), state, policy="escalation")
    assert (found[0].route, found[0].people) == ("both", 1)
    assert (found[2].route, found[2].people) == ("both", 2)
    assert (found[1].route, found[3].route) == ("ai", "ai")


def test_a_tag_that_demands_a_person_gets_one_however_sure_the_judge() -> None:
    items = [
        Item("sure", frozenset({"safety=high"}), {"judge": 0.9999}),
        Item("even", signals={"judge": 0.5}),
    ]
    state = State(demands=frozenset({"safety=high"}))
    found = plan(items, Budget(1.0, floor=0.0), state, policy="escalation")
    assert {k for k, v in found.items() if v.people} == {"sure"}


def test_without_money_nobody_is_asked_and_the_reason_says_so() -> None:
    found = plan(make_items(5), Budget(0.0), State(), policy="random")
    assert {d.route for d in found.values()} == {"skip"}
    assert "no money" in found[0].reason


def test_the_dearer_item_must_teach_more() -> None:
    cheap = Item("cheap", frozenset({"code"}), human_cost=1.0)
    dear = Item("dear", frozenset({"law"}), human_cost=5.0)
    state = State(prediction=make_prediction(np.array([0.2, 0.1, 0.0])))
    found = plan([dear, cheap], Budget(5.0, 0.0), state, policy="predicted-linear")
    assert found["cheap"].route == "human"
    assert found["dear"].route == "ai"


def test_prediction_policies_need_a_prediction_that_may_route() -> None:
    items = make_items(10)
    with pytest.raises(MissingPrediction, match="found none"):
        plan(items, Budget(), State(), policy="predicted-linear")
    noise = make_prediction(np.zeros(3), noise=0.1)
    with pytest.raises(MissingPrediction, match="Spearman of at least"):
        plan(items, Budget(), State(prediction=noise), policy="predicted-linear")
    few = make_prediction(np.array([0.3, 0.0, 0.0]), mixes=100)
    with pytest.raises(MissingPrediction, match="at least 200"):
        plan(items, Budget(), State(prediction=few), policy="predicted-mix")


def test_no_gain_in_the_trial_leaves_the_floor_alone() -> None:
    items = make_items(100)
    idle = make_prediction(np.array([0.3, 0.2, 0.1]), over_ai=NOTHING)
    for policy in ("predicted-linear", "predicted-mix", "predicted-greedy"):
        found = plan(items, Budget(), State(prediction=idle), policy=policy)
        assert sum(d.people for d in found.values()) == 5, policy
        assert all(d.floor for d in found.values() if d.people), policy


def test_a_trial_too_small_to_tell_is_not_read_as_no_gain() -> None:
    items = make_items(20)
    vague = Gain(0.01, 0.05)
    unlucky = Gain(-0.1, 0.05)
    found = [g.verdict for g in (vague, unlucky, NOTHING, Gain(0.2, 0.05))]
    assert found == ["unclear", "unclear", "no", "yes"]
    state = State(
        prediction=make_prediction(
            np.array([0.3, 0.2, 0.1]), people=vague, over_ai=vague, over_random=vague
        )
    )
    assert default_policy(state)[0] == "escalation"
    for policy in ("predicted-linear", "predicted-mix", "predicted-greedy"):
        with pytest.raises(MissingPrediction, match="cannot tell"):
            plan(items, Budget(), state, policy=policy)


def test_where_people_are_no_better_an_unclear_choice_leaves_the_floor_alone() -> None:
    vague = Gain(0.01, 0.02)
    assert vague.verdict == "unclear"
    doubted = make_prediction(
        np.array([0.3, 0.2, 0.1]), people=NOTHING, over_ai=vague, over_random=vague
    )
    for policy in ("predicted-linear", "predicted-mix", "predicted-greedy", "default"):
        state = State(prediction=doubted)
        found = plan(make_items(100), Budget(), state, policy=policy)
        assert sum(d.people for d in found.values()) == 5, policy


def test_the_default_follows_what_the_trial_says() -> None:
    weights = np.array([0.3, 0.2, 0.1])
    good = make_prediction(weights)
    anywhere = make_prediction(weights, over_random=NOTHING)
    useless = make_prediction(weights, people=NOTHING, over_random=NOTHING)
    assert default_policy(State())[0] == "escalation"
    assert default_policy(State(prediction=good))[0].startswith("predicted")
    assert default_policy(State(prediction=anywhere))[0] == "uncertainty"
    assert default_policy(State(prediction=useless))[0] == "all-ai"
    untried = make_prediction(weights)
    untried.trial = None
    assert default_policy(State(prediction=untried))[0] == "escalation"


def test_bad_arguments_are_named() -> None:
    items = make_items(3)
    with pytest.raises(ValueError, match="Expected one of random"):
        plan(items, Budget(), State(), policy="luck")
    with pytest.raises(ValueError, match="one twice"):
        plan([items[0], items[0]], Budget(), State(), policy="random")
    with pytest.raises(ValueError, match="quota from 0 to 1"):
        plan(items, Budget(), State(quotas={"law": 2.0}), policy="quotas")
    with pytest.raises(ValueError, match="budget of at least 0"):
        Budget(-1)
    with pytest.raises(ValueError, match="costs of at least 0"):
        replace(items[0], ai_cost=-1)
