"""Random answers for property tests: any judgments a pair can come from."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from hypothesis import strategies as st

from annotation.judgments import BestWorst, Compare, Judgment, Rank, Rate
from annotation.projections.rows import Answered

IDS = [UUID(int=number) for number in range(1, 6)]
names = st.none() | st.sampled_from(["helpful", "safe", "überzeugend"])
carried = {
    "criterion": names,
    "question": names,
    "confidence": st.none() | st.floats(0, 1),
    "targets": st.lists(st.integers(0, 3), max_size=2),
}


def compares() -> st.SearchStrategy[Compare]:
    decided = st.fixed_dictionaries(
        {
            **carried,
            "outcome": st.sampled_from(["a", "b"]),
            "strength": st.none() | st.integers(0, 3),
            "scale": st.none() | st.just("compare-7@1"),
            "sides": st.permutations(IDS),
        }
    )
    others = st.fixed_dictionaries(
        {
            **carried,
            "outcome": st.sampled_from(["tie", "both_bad", "unsure"]),
            "strength": st.none() | st.just(0),
            "scale": st.none() | st.just("compare-7@1"),
            "sides": st.permutations(IDS),
        }
    )

    def make(values: dict[str, Any]) -> Compare:
        a, b, *_ = values.pop("sides")
        return Compare(a=a, b=b, **values)

    return (decided | others).map(make)


@st.composite
def ranks(draw: st.DrawFn) -> Rank:
    order = draw(st.permutations(IDS))
    groups: list[list[UUID]] = []
    unranked: list[UUID] = []
    for item in order:
        place = draw(st.sampled_from(["next", "same", "unranked"]))
        if place == "unranked":
            unranked.append(item)
        elif place == "same" and groups:
            groups[-1].append(item)
        else:
            groups.append([item])
    return Rank(
        groups=groups, unranked=unranked, **draw(st.fixed_dictionaries(carried))
    )


@st.composite
def best_worsts(draw: st.DrawFn) -> BestWorst:
    order = draw(st.permutations(IDS))
    best = draw(st.integers(1, 2))
    worst = draw(st.integers(1, 2))
    return BestWorst(
        best=order[:best],
        worst=order[-worst:],
        **draw(st.fixed_dictionaries(carried)),
    )


def rates() -> st.SearchStrategy[Rate]:
    return st.builds(
        Rate,
        completion=st.sampled_from(IDS),
        value=st.none() | st.integers(-3, 5).map(float),
        scale=st.none() | st.sampled_from(["stars-5@1", "percent@1"]),
        **carried,
    )


def answers(*kinds: st.SearchStrategy[Any]) -> st.SearchStrategy[Answered]:
    """Answers of up to six judgments about five completions."""
    found = st.lists(st.one_of(*kinds), min_size=1, max_size=6)
    return found.map(answered)


def answered(judgments: Sequence[Judgment], **fields: Any) -> Answered:
    """One answer to a task of five completions."""
    values: dict[str, Any] = {
        "feedback": "f1",
        "annotator": "argconv/worker",
        "task": "7",
        "group": "g",
        "split": "train",
    }
    return Answered(
        judgments=judgments,
        prompt=[{"role": "user", "content": "Why?"}],
        completions={
            str(item): [{"role": "assistant", "content": f"Because {place}."}]
            for place, item in enumerate(IDS)
        },
        **(values | fields),
    )
