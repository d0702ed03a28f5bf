"""Every view: its rows lead back to the judgments, from their columns alone."""

import json
from collections import Counter
from pathlib import Path
from typing import Any, get_args

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from annotation.judgments import Judged, Judgment, dump_judgments
from annotation.projections.columns import (
    as_json,
    column_names,
    from_json,
    schema_of,
)
from annotation.projections.parquet import write_rows
from annotation.projections.rows import Answered, Row, Scales, Source
from annotation.projections.views import VIEWS, View, ViewName
from tests.annotation.data.strategies import KINDS, answered, answers

SCALES = Scales(ranges={"stars-5@1": (1.0, 5.0), "percent@1": (0.0, 100.0)})
# Beside its own kinds: what some views take from texts and categories, and flags.
BESIDE = ("text", "choose", "flag")


def answers_for(view: View) -> st.SearchStrategy[Answered]:
    kinds = dict.fromkeys([*view.kinds, *BESIDE])
    drawn = answers(*(KINDS[kind] for kind in kinds), most=4)
    return drawn | reasoned(view) if view.name == "judge" else drawn


def reasoned(view: View) -> st.SearchStrategy[Answered]:
    """A verdict and a text that points at it, which drawing alone seldom brings."""
    verdicts = st.one_of(*(KINDS[kind] for kind in view.kinds))
    texts = KINDS["text"].filter(lambda text: text.content.strip())
    return st.tuples(verdicts, texts).map(
        lambda both: answered(
            [
                both[0],
                both[1].model_copy(update={"role": "rationale", "targets": [0]}),
            ]
        )
    )


def rows_of(
    view: View, answer: Answered, dropped: Counter[str] | None = None
) -> list[Any]:
    rows = view.rows_of(answer, Counter() if dropped is None else dropped, SCALES)
    return list(view.by_actor(rows)) if view.by_actor else rows


def sources(rows: list[Row]) -> set[Source]:
    return {source for row in rows for source in row.src}


def comes_back(view: View, answer: Answered, rows: list[Any]) -> None:
    back = view.judgments_of(rows)
    assert set(back) == sources(rows)
    for source, judgment in back.items():
        assert judgment == answer.judgments[source.judgment]
        assert dump_judgments([judgment]) == dump_judgments(
            [answer.judgments[source.judgment]]
        )


@pytest.mark.parametrize("view", VIEWS.values(), ids=lambda view: view.name)
def test_every_judgment_with_a_row_comes_back_exactly(view: View) -> None:
    found: Counter[str] = Counter()

    @settings(max_examples=60, deadline=None, database=None)
    @given(answers_for(view))
    def check(answer: Answered) -> None:
        dropped: Counter[str] = Counter()
        rows = rows_of(view, answer, dropped)
        comes_back(view, answer, rows)
        # through JSON, where only columns are left
        lines = [json.loads(json.dumps(as_json(row))) for row in rows]
        again = [from_json(view.row, line) for line in lines]
        assert again == rows
        comes_back(view, answer, again)
        # and what gave no row is counted, once each
        behind = {source.judgment for source in sources(rows)}
        silent = [
            judgment
            for place, judgment in enumerate(answer.judgments)
            if judgment.kind in view.kinds and place not in behind
        ]
        assert sum(dropped.values()) >= len(silent)
        if view.name not in ("demonstrations", "judge"):
            assert sum(dropped.values()) == len(silent)
        for row in rows:
            found[row.transform] += 1

    # Few drawn answers have what a row of some views needs: draw on until one has.
    for _ in range(6):
        check()
        if found:
            break
    assert found, "the property was never tried on a row"


@pytest.mark.parametrize("view", VIEWS.values(), ids=lambda view: view.name)
def test_judgments_come_back_from_the_columns_of_a_file(
    view: View, tmp_path: Path
) -> None:
    import pyarrow.parquet

    @settings(max_examples=6, deadline=None, database=None)
    @given(answers_for(view))
    def check(answer: Answered) -> None:
        rows = rows_of(view, answer)
        path = tmp_path / "rows.parquet"
        assert write_rows(path, view.row, rows) == len(rows)
        table = pyarrow.parquet.read_table(path)
        assert tuple(table.column_names) == column_names(view.row)
        comes_back(view, answer, [from_json(view.row, x) for x in table.to_pylist()])

    check()


def test_the_registry_names_what_the_api_offers() -> None:
    assert tuple(VIEWS) == get_args(ViewName)
    for name, view in VIEWS.items():
        assert view.name == name and view.summary and view.kinds


def test_every_view_has_the_columns_of_a_training_row() -> None:
    for view in VIEWS.values():
        schema = schema_of(view.row)
        for name in ("src", "weight", "soft_label", "split", "transform"):
            assert name in schema.names


def test_every_kind_of_judgment_has_a_view() -> None:
    taken = {kind for view in VIEWS.values() for kind in view.kinds}
    # a text is part of the views judge and demonstrations, beside what it is about
    assert taken | {"text"} == set(KINDS)


def test_what_any_judgment_may_carry_is_a_column_of_every_view() -> None:
    for view in VIEWS.values():
        columns = set(column_names(view.row))
        for name in Judged.model_fields:
            assert name in columns


@settings(max_examples=30, deadline=None, database=None)
@given(st.lists(answers(KINDS["compare"], most=3), min_size=2, max_size=20), st.data())
def test_a_users_queries_are_never_in_the_shots(
    given_answers: list[Answered], data: st.DataObject
) -> None:
    view = VIEWS["users"]
    pairs: list[Any] = []
    judgments: dict[Source, Judgment] = {}
    for number, one in enumerate(given_answers):
        answer = answered(
            one.judgments,
            feedback=f"f{number}",
            group=data.draw(st.sampled_from(["g1", "g2", "g3"])),
            split=data.draw(st.sampled_from(["train", "test"])),
        )
        pairs += view.rows_of(answer, Counter(), SCALES)
        for place, judgment in enumerate(answer.judgments):
            judgments[Source(answer.feedback, place)] = judgment
    assert view.by_actor is not None
    rows: list[Any] = list(view.by_actor(pairs))
    shot = {pair.group for row in rows for pair in row.shots}
    asked = {pair.group for row in rows for pair in row.queries}
    assert not shot & asked
    told = [pair.row_id for row in rows for pair in (*row.shots, *row.queries)]
    assert sorted(told) == sorted(pair.row_id for pair in pairs)
    for row in rows:
        assert len(row.shots) <= 8 and len(row.queries) <= 8
        assert {pair.split for pair in (*row.shots, *row.queries)} == {row.split}
    back = view.judgments_of(rows)
    assert back == {source: judgments[source] for source in back}
    assert set(back) == sources(rows)
