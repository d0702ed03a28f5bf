"""Consensus: one row a pair and criterion, whatever order the labels come in."""

from dataclasses import replace
from random import Random

from hypothesis import given
from hypothesis import strategies as st

from annotation.judgments import Choose, Compare, Judgment, Rate, WrittenText
from annotation.projections.consensus import consensus
from annotation.projections.pair_rows import PairRow
from annotation.projections.pairs import pairs_of
from tests.annotation.data.strategies import IDS, answered

A, B = IDS[:2]


def labels(*outcomes: str, criterion: str | None = None) -> list[PairRow]:
    rows = []
    for number, outcome in enumerate(outcomes):
        judgment = Compare(
            a=A,
            b=B,
            outcome=outcome,
            strength=1 if outcome in "ab" else None,
            criterion=criterion,
        )
        rows += pairs_of(answered([judgment], feedback=f"f{number}"))
    return rows


def test_the_majority_is_chosen_and_the_label_is_its_share() -> None:
    (row,) = consensus(labels("b", "b", "a", "b", "tie"))
    assert row.chosen_id == str(B)
    assert row.rejected_id == str(A)
    assert row.soft_label == 0.7  # 3 of 5, and half a tie
    assert row.margin == (3 - 1) / 5
    assert row.votes == 5
    assert row.agreement == 3 / 5
    assert [source.feedback for source in row.src] == ["f0", "f1", "f2", "f3", "f4"]
    assert row.chosen == answered([]).completions[str(B)]


def test_unsafe_is_what_most_say_and_a_reason_is_one_for_the_winner() -> None:
    def row(number: int, outcome: str, *unsafe: bool) -> PairRow:
        said = [
            Choose(target=item, category="unsafe" if bad else "safe")
            for item, bad in zip((A, B), unsafe, strict=False)
        ]
        why = WrittenText(role="rationale", content=f"for {outcome}", targets=[0])
        judgments: list[Judgment] = [Compare(a=A, b=B, outcome=outcome), why, *said]
        (found,) = pairs_of(answered(judgments, feedback=f"f{number}"))
        return found

    (together,) = consensus(
        [row(0, "a", True, False), row(1, "b", True, False), row(2, "b", False, True)]
    )
    assert together.chosen_id == str(B)
    assert (together.chosen_unsafe, together.rejected_unsafe) == (False, True)
    assert together.rationale == "for b"
    (silent,) = consensus([row(0, "a")])
    assert (silent.chosen_unsafe, silent.rejected_unsafe) == (None, None)


def test_ratings_are_averaged_by_side_whoever_won() -> None:
    def row(number: int, outcome: str, **values: tuple[float, float]) -> PairRow:
        said = [
            Rate(completion=item, criterion=name, value=value, scale="s")
            for name, both in values.items()
            for item, value in zip((A, B), both, strict=True)
        ]
        judgments: list[Judgment] = [Compare(a=A, b=B, outcome=outcome), *said]
        return pairs_of(answered(judgments, feedback=f"f{number}"))[0]

    (together,) = consensus(
        [row(0, "b", kind=(1, 4)), row(1, "a", kind=(3, 2)), row(2, "b")]
    )
    assert together.chosen_id == str(B) and together.factors == ["kind"]
    assert (together.chosen_factors, together.rejected_factors) == ([3], [2])
    assert together.margins == [1]
    (silent,) = consensus([row(0, "a")])
    assert (silent.factors, silent.chosen_factors, silent.margins) == ([], None, None)


def test_an_even_split_is_a_tie() -> None:
    (row,) = consensus(labels("a", "b"))
    assert row.is_tie
    assert row.agreement == 0.5
    (row,) = consensus(labels("tie", "tie"))
    assert row.is_tie
    assert row.agreement == 1.0


def test_a_model_asked_in_both_orders_does_not_outvote_a_person() -> None:
    person, forth, back = labels("b", "a", "a")
    judge = [
        replace(row, annotator="judge", annotator_kind="model") for row in (forth, back)
    ]
    (row,) = consensus([person, *judge])
    assert row.is_tie
    assert (row.votes, row.agreement) == (2, 0.5)
    assert len(row.src) == 3
    # Asked twice and of two minds, it says nothing either way.
    torn = [judge[0], replace(person, annotator="judge", annotator_kind="model")]
    (row,) = consensus([person, *torn])
    assert (row.chosen_id, row.soft_label, row.agreement) == (str(B), 0.75, 0.75)


def test_criteria_are_kept_apart() -> None:
    rows = consensus([*labels("a"), *labels("b", criterion="safe")])
    found = {row.criterion: row.chosen_id for row in rows}
    assert found == {None: str(A), "safe": str(B)}


def test_weights_count() -> None:
    heavy, light = labels("a", "b")
    (row,) = consensus([replace(heavy, weight=3.0), light])
    assert (row.chosen_id, row.soft_label) == (str(A), 0.75)


@given(
    st.lists(st.sampled_from(["a", "b", "tie"]), min_size=1, max_size=9), st.randoms()
)
def test_the_order_of_labels_and_sides_does_not_matter(
    outcomes: list[str], random: Random
) -> None:
    rows = labels(*outcomes)
    (one,) = consensus(rows)
    random.shuffle(rows)
    (other,) = consensus(rows)
    share = (outcomes.count("a") + outcomes.count("tie") / 2) / len(outcomes)
    assert abs(one.soft_label - max(share, 1 - share)) < 1e-9
    assert (one.chosen_id, one.soft_label, one.margin, one.src) == (
        other.chosen_id,
        other.soft_label,
        other.margin,
        other.src,
    )
    assert one.soft_label >= 0.5
