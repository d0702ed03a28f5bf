"""Which pairs are chosen: the pure rules."""

from __future__ import annotations

from uuid import UUID, uuid5

import pytest
from hypothesis import given
from hypothesis import strategies as st

from training.services.selection import (
    Candidate,
    candidates,
    choose,
    least_certain_first,
)

SPACE = UUID(int=7)


def name(text: str) -> UUID:
    return uuid5(SPACE, text)


def pool_of(gaps: list[float], *, prompts: int = 1000) -> list[Candidate]:
    return [
        Candidate(place % prompts, name(f"a{place}"), name(f"b{place}"), gap, 0.0)
        for place, gap in enumerate(gaps)
    ]


def test_even_scores_are_even_odds() -> None:
    assert pool_of([0.0])[0].probability == 0.5
    assert pool_of([1000.0])[0].probability == 1.0
    assert pool_of([-1000.0])[0].probability == 0.0


@given(st.floats(-50, 50))
def test_the_two_sides_add_up_to_one(gap: float) -> None:
    one = Candidate(1, name("a"), name("b"), gap, 0.0)
    other = Candidate(1, name("b"), name("a"), 0.0, gap)
    assert one.probability + other.probability == pytest.approx(1)
    assert one.confidence == pytest.approx(other.confidence)


def test_pairs_are_old_against_new_and_worth_asking() -> None:
    old = {1: [name("x"), name("y")], 2: [name("z")]}
    new = {1: [name("y"), name("w")], 3: [name("v")]}
    texts = {name("x"): "a  b", name("y"): "c", name("w"): "a b"}
    scores = dict.fromkeys(texts, 0.0)
    found = candidates(old, new, scores, texts)
    pairs = {frozenset((each.first, each.second)) for each in found}
    # y meets itself never; x and w differ in white space alone.
    assert pairs == {
        frozenset((name("x"), name("y"))),
        frozenset((name("y"), name("w"))),
    }
    asked = {frozenset((name("x"), name("y")))}
    left = candidates(old, new, scores, texts, asked=asked)
    assert [frozenset((each.first, each.second)) for each in left] == [
        frozenset((name("y"), name("w")))
    ]


def test_the_least_certain_come_first_and_chance_has_its_share() -> None:
    pool = pool_of([step / 10 for step in range(1, 101)])
    ranked = least_certain_first(pool[::-1], seed=3)
    chosen = choose(ranked, pairs=20, random_share=0.25, seed=3)
    assert len({each.candidate.first for each in chosen}) == 20
    unsure = [each.candidate for each in chosen if each.why == "uncertainty"]
    assert unsure == pool[:15]
    assert sum(each.why == "random" for each in chosen) == 5


def test_a_share_above_zero_draws_at_least_one() -> None:
    chosen = choose(pool_of([1.0, 2.0, 3.0]), pairs=2, random_share=0.01, seed=0)
    assert [each.why for each in chosen] == ["uncertainty", "random"]


def test_no_prompt_is_asked_twice_before_all_were_once() -> None:
    # The first prompt has the ten least certain pairs of all.
    first = [Candidate(1, name(f"a{n}"), name(f"b{n}"), n / 99, 0) for n in range(10)]
    rest = [Candidate(2 + n, name(f"c{n}"), name(f"d{n}"), 5, 0) for n in range(5)]
    chosen = choose([*first, *rest], pairs=6, random_share=0, seed=1)
    assert {each.candidate.prompt for each in chosen} == {1, 2, 3, 4, 5, 6}


@given(st.integers(0, 2**31 - 1))
def test_the_seed_decides(seed: int) -> None:
    pool = pool_of([0.0] * 30, prompts=10)

    def run() -> object:
        ranked = least_certain_first(pool, seed=seed)
        return choose(ranked, pairs=12, random_share=0.3, seed=seed)

    assert run() == run()


def test_a_share_of_the_pairs_is_of_the_new_policy_alone() -> None:
    old, new = {1: [name("a")]}, {1: [name("x"), name("y"), name("z")]}
    texts = {each: str(each) for each in (*old[1], *new[1])}
    scores = dict.fromkeys(texts, 0.0)
    assert not any(each.on_policy for each in candidates(old, new, scores, texts))
    pool = candidates(old, new, scores, texts, on_policy=True)
    assert [each.on_policy for each in pool] == [False] * 3 + [True] * 3

    def own(share: float, pairs: int) -> int:
        chosen = choose(
            pool, pairs=pairs, random_share=0, seed=0, on_policy_share=share
        )
        assert len(chosen) == pairs
        return sum(each.candidate.on_policy for each in chosen)

    assert [own(share, 2) for share in (0, 0.5, 1)] == [0, 1, 2]
    # What one kind lacks the other gives.
    assert own(0, 5) == 2
    assert own(1, 5) == 3
