"""The pairs view: the winner first, ties kept, and exactly back from its columns."""

import json
from collections import Counter
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from annotation.judgments import (
    BestWorst,
    Choose,
    Compare,
    Judgment,
    Rank,
    Rate,
    WrittenText,
)
from annotation.projections.columns import (
    as_json,
    column_names,
    from_json,
    schema_of,
)
from annotation.projections.contexts import SPOKEN, context_of
from annotation.projections.pair_rows import PairRow
from annotation.projections.pairs import judgments_of, pairs_of
from annotation.projections.parquet import write_rows
from annotation.projections.rows import Answered, Scales, Source
from tests.annotation.data.strategies import (
    IDS,
    answered,
    answers,
    best_worsts,
    compares,
    ranks,
    rates,
)

A, B, C = IDS[:3]


def test_the_winner_comes_first_whichever_side_it_was_on() -> None:
    for outcome, chosen, flipped in (("a", A, False), ("b", B, True)):
        judgment = Compare(a=A, b=B, outcome=outcome, strength=2)
        (row,) = pairs_of(answered([judgment]))
        assert UUID(row.chosen_id) == chosen
        assert {row.chosen_id, row.rejected_id} == {str(A), str(B)}
        assert (row.soft_label, row.margin, row.flipped) == (1.0, 2.0, flipped)
        assert row.chosen == answered([]).completions[str(chosen)]
        assert row.src == [Source("f1", 0)]


def test_a_tie_is_a_row_with_an_even_label() -> None:
    (row,) = pairs_of(answered([Compare(a=A, b=B, outcome="tie")]))
    assert (row.soft_label, row.margin, row.is_tie) == (0.5, 0.0, True)


@pytest.mark.parametrize("outcome", ["both_bad", "unsure"])
def test_what_says_nothing_of_the_order_is_dropped_and_counted(outcome: str) -> None:
    dropped: Counter[str] = Counter()
    judgment = Compare(a=A, b=B, outcome=outcome)
    assert pairs_of(answered([judgment]), dropped) == []
    assert dropped == {f"compare: {outcome}": 1}


def test_a_scale_maps_strengths_to_margins() -> None:
    judgment = Compare(a=A, b=B, outcome="b", strength=3, scale="compare-7@1")
    (row,) = pairs_of(
        answered([judgment]), scales=Scales(margins={"compare-7@1": {3: 0.9}})
    )
    assert row.margin == 0.9
    (row,) = pairs_of(answered([Compare(a=A, b=B, outcome="a")]))
    assert row.margin is None


def test_reasons_and_unsafe_sides_stand_beside_a_comparison() -> None:
    judgments: list[Judgment] = [
        Compare(a=A, b=B, outcome="b", question="q"),
        WrittenText(role="rationale", content="B is calmer.", targets=[0]),
        WrittenText(role="rationale", content="B is shorter.", question="q"),
        WrittenText(role="rationale", content="Of another.", question="other"),
        WrittenText(role="edit", completion=A, content="Better.", targets=[0]),
        Choose(target=A, category="unsafe"),
        Choose(target=B, category="unsafe"),
        Choose(target=B, category="safe"),
        Choose(target=C, category="unsafe"),
    ]
    (row,) = pairs_of(answered(judgments))
    assert row.rationale == "B is calmer.\nB is shorter."
    assert (row.chosen_unsafe, row.rejected_unsafe) == (False, True)
    mended = [{"role": "assistant", "content": "Better."}]
    assert (row.chosen_edited, row.rejected_edited) == (None, mended)
    assert judgments_of([row]) == {row.src[0]: judgments[0]}
    (bare,) = pairs_of(answered(judgments[:1]))
    assert (bare.rationale, bare.chosen_unsafe) == (None, None)


def test_ratings_of_both_sides_stand_beside_a_comparison() -> None:
    def rate(completion: UUID, criterion: str, value: float | None) -> Rate:
        return Rate(completion=completion, criterion=criterion, value=value, scale="s")

    judgments: list[Judgment] = [
        Compare(a=A, b=B, outcome="b", criterion="kind"),
        *[rate(A, "true", 2), rate(B, "true", 5), rate(A, "kind", 4)],
        *[rate(B, "kind", 1), rate(B, "kind", 3), rate(B, "brief", 1)],
        *[rate(A, "brief", None), rate(C, "true", 9)],
    ]
    found = pairs_of(answered(judgments))
    row = found[0]
    assert row.factors == ["kind", "true"]
    assert (row.chosen_factors, row.rejected_factors) == ([3, 5], [4, 2])
    assert row.margins == [3]  # the pair itself is about the other one
    assert from_json(PairRow, as_json(row)) == row
    assert judgments_of([row]) == {row.src[0]: judgments[0]}
    (bare,) = pairs_of(answered(judgments[:1]))
    assert (bare.factors, bare.chosen_factors, bare.margins) == ([], None, None)


def test_a_ranking_gives_every_pair_once() -> None:
    ranking = Rank(groups=[[C], [A, B]], unranked=IDS[3:])
    rows = pairs_of(answered([ranking]))
    found = {(row.chosen_id, row.rejected_id): row.soft_label for row in rows}
    assert found == {
        (str(C), str(A)): 1.0,
        (str(C), str(B)): 1.0,
        (str(A), str(B)): 0.5,
    }
    assert len({row.row_id for row in rows}) == 3
    assert {row.list_id for row in rows} == {"f1:0"}


def test_best_and_worst_of_n_give_2n_minus_3_pairs() -> None:
    rows = pairs_of(answered([BestWorst(best=[B], worst=[C])]))
    assert len(rows) == 2 * len(IDS) - 3
    assert all(row.chosen_id == str(B) or row.rejected_id == str(C) for row in rows)
    assert all(row.soft_label == 1.0 for row in rows)


def test_ratings_on_one_scale_give_pairs_whose_margin_is_the_difference() -> None:
    judgments = [
        Rate(completion=A, value=2, criterion="safe"),
        Rate(completion=B, value=5, criterion="safe"),
        Rate(completion=C, value=4, criterion="helpful"),
        Rate(completion=C, value=None, criterion="safe"),
    ]
    dropped: Counter[str] = Counter()
    (row,) = pairs_of(answered(judgments), dropped)
    assert (row.chosen_id, row.rejected_id, row.margin) == (str(B), str(A), 3.0)
    assert row.src == [Source("f1", 1), Source("f1", 0)]
    assert dropped == {"rate: nothing to compare": 1, "rate: does not apply": 1}


def test_texts_and_flags_make_no_pairs() -> None:
    text = WrittenText(role="rationale", content="A is shorter")
    dropped: Counter[str] = Counter()
    assert pairs_of(answered([text]), dropped) == []
    assert not dropped


words = st.text(alphabet='ab: "{}é', max_size=8)
plain = st.recursive(
    st.none() | st.booleans() | st.integers() | words,
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(words, inner),
    max_leaves=4,
)
chats = st.lists(
    st.fixed_dictionaries(
        {"role": st.sampled_from(["user", "assistant"]), "content": words}
    ),
    min_size=1,
    max_size=3,
)
contexts = st.none() | st.fixed_dictionaries(
    {},
    optional={
        "criterion": words | st.just("persona: x"),
        "persona": words,
        "passages": st.lists(
            st.fixed_dictionaries(
                {"doc": st.none() | words, "text": words | st.just('{"a": 1}')}
            ),
            max_size=2,
        ),
        "reference": words | chats | plain,
        "calibration": words | chats | plain,
        "rejected_prompt": words | chats | plain,
        "rubric": plain,
    },
)


@settings(max_examples=100)
@given(contexts)
def test_a_prompts_context_comes_back_from_its_columns(
    context: dict[str, Any] | None,
) -> None:
    answer = answered([Compare(a=A, b=B, outcome="b")], context=context)
    (row,) = pairs_of(answer)
    (row,) = [from_json(PairRow, as_json(row))]
    expected = dict(context or {})
    columns = [row.reference, row.calibration, row.rejected_prompt]
    for (name, speaker), column in zip(SPOKEN.items(), columns, strict=True):
        said = expected.get(name)
        if column is not None and isinstance(said, list):
            alone = len(said) == 1 and said[0]["role"] == speaker
            expected[name] = said[0]["content"] if alone else said
    assert context_of(row.context, *columns) == (expected or None)


@pytest.mark.parametrize(
    ("context", "text"),
    [
        ({"passages": [{"doc": None, "text": "Be kind."}]}, "Be kind."),
        ({"criterion": "Shorter."}, "criterion: Shorter."),
        (
            {"persona": "A cook", "criterion": "x"},
            '{"criterion": "x", "persona": "A cook"}',
        ),
        ({"reference": "Because."}, None),
        (None, None),
    ],
)
def test_what_a_pair_was_judged_under_is_a_text(
    context: dict[str, Any] | None, text: str | None
) -> None:
    (row,) = pairs_of(answered([Compare(a=A, b=B, outcome="a")], context=context))
    assert row.context == text
    known = [{"role": "assistant", "content": "Because."}]
    assert row.reference == (known if context and "reference" in context else None)


@settings(max_examples=300)
@given(answers(compares(), ranks(), best_worsts(), rates()))
def test_every_judgment_with_a_pair_comes_back_exactly(answer: Answered) -> None:
    rows = pairs_of(answer)
    back = judgments_of(rows)
    behind = {source for row in rows for source in row.src}
    assert set(back) == behind
    for source in behind:
        assert back[source] == answer.judgments[source.judgment]


@settings(max_examples=200)
@given(answers(compares(), ranks(), best_worsts(), rates()))
def test_what_gives_no_pair_says_nothing_of_two_completions(answer: Answered) -> None:
    dropped: Counter[str] = Counter()
    rows = pairs_of(answer, dropped)
    behind = {source.judgment for row in rows for source in row.src}
    silent = len(answer.judgments) - len(behind)
    assert sum(dropped.values()) == silent
    for row in rows:
        assert row.chosen_id != row.rejected_id
        assert 0.5 <= row.soft_label <= 1


@settings(max_examples=100)
@given(answers(compares(), ranks(), best_worsts(), rates()))
def test_rows_survive_json(answer: Answered) -> None:
    for row in pairs_of(answer):
        assert from_json(PairRow, json.loads(json.dumps(as_json(row)))) == row


@settings(max_examples=25, deadline=None)
@given(answers(compares(), ranks(), best_worsts(), rates()))
def test_judgments_come_back_from_the_columns_of_a_file(answer: Answered) -> None:
    import tempfile

    import pyarrow.parquet

    rows = pairs_of(answer)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "rows.parquet"
        assert write_rows(path, PairRow, rows) == len(rows)
        table = pyarrow.parquet.read_table(path)
    assert tuple(table.column_names) == column_names(PairRow)
    back = judgments_of(from_json(PairRow, item) for item in table.to_pylist())
    assert back == judgments_of(rows)


def test_the_engine_finds_the_columns_it_reads() -> None:
    import pyarrow as pa

    schema = schema_of(PairRow)
    chat = pa.list_(pa.struct([("role", pa.string()), ("content", pa.string())]))
    for name in ("prompt", "chosen", "rejected"):
        assert schema.field(name).type == chat
    for name in ("row_id", "criterion", "annotator", "group", "split", "task"):
        assert schema.field(name).type == pa.string()
    for name in ("soft_label", "margin", "weight"):
        assert schema.field(name).type == pa.float64()
    source = pa.struct([("feedback", pa.string()), ("judgment", pa.int32())])
    assert schema.field("src").type == pa.list_(source)


def test_rows_of_another_rule_have_no_inverse() -> None:
    from annotation.projections.consensus import consensus

    rows = consensus(pairs_of(answered([Compare(a=A, b=B, outcome="a")])))
    with pytest.raises(ValueError, match="consensus@1 has no inverse"):
        judgments_of(rows)
