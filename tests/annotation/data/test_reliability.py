"""Reliability: annotators are believed as far as the others bear them out."""

from dataclasses import replace
from itertools import product

import numpy as np
import pytest

from annotation.judgments import Compare
from annotation.projections.consensus import RELIABILITY, consensus
from annotation.projections.pair_rows import PairRow
from annotation.projections.pairs import pairs_of
from annotation.projections.reliability import (
    FIRST,
    MIRROR,
    SECOND,
    TIE,
    _tables,
    dawid_skene,
    reliability,
)
from tests.annotation.data.strategies import IDS, answered

A, B = IDS[:2]


def planted(
    random: np.random.Generator, items: int, right: list[float]
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Return the truth, and a vote of every voter on every item."""
    truth = random.choice(3, items, p=[0.45, 0.45, 0.1])
    item, voter = np.array(list(product(range(items), range(len(right))))).T
    told = random.random(len(item)) < np.array(right)[voter]
    other = (truth[item] + random.integers(1, 3, len(item))) % 3
    return truth, item, voter, np.where(told, truth[item], other)


def test_planted_reliabilities_are_found_and_beat_the_majority() -> None:
    right = [0.95, 0.9, 0.45, 0.4, 0.35]
    truth, item, voter, opinion = planted(np.random.default_rng(0), 2000, right)
    belief, tables = dawid_skene(item, voter, opinion)
    votes = np.zeros_like(belief)
    np.add.at(votes, (item, opinion), 1)
    ours = (belief.argmax(1) == truth).mean()
    assert ours > (votes.argmax(1) == truth).mean() + 0.1
    found = tables[:, [FIRST, SECOND], [FIRST, SECOND]].mean(1)
    assert np.abs(found - right).max() < 0.05


def test_with_the_tables_known_the_belief_is_bayes_rule() -> None:
    random = np.random.default_rng(1)
    _, item, voter, opinion = planted(random, 300, [0.9, 0.7, 0.6])
    belief, tables = dawid_skene(item, voter, opinion)
    share = belief.mean(0)
    share = (share + share[MIRROR]) / 2
    for at in range(20):
        mine = item == at
        product_of = share * tables[voter[mine], :, opinion[mine]].prod(0)
        assert belief[at] == pytest.approx(product_of / product_of.sum(), abs=1e-3)


def test_tables_are_mirrored_and_sum_to_one() -> None:
    _, item, voter, opinion = planted(np.random.default_rng(2), 50, [0.9, 0.5])
    _, tables = dawid_skene(item, voter, opinion)
    assert tables.sum(2) == pytest.approx(np.ones((2, 3)))
    assert tables[:, MIRROR][:, :, MIRROR] == pytest.approx(tables)


def test_opinions_that_nobody_holds_are_never_believed() -> None:
    votes = np.array([FIRST, FIRST, SECOND, SECOND])
    belief, _ = dawid_skene(np.array([0, 0, 1, 1]), np.array([0, 1, 0, 1]), votes)
    assert belief[:, TIE] == pytest.approx(0)
    assert belief.argmax(1).tolist() == [FIRST, SECOND]


def test_what_nobody_else_answered_bears_nobody_out() -> None:
    """A judge right 6 times in 10, met by three people on 200 of its 8,000 items."""
    random = np.random.default_rng(3)
    right = [0.9, 0.9, 0.9, 0.6]
    _, item, voter, opinion = planted(random, 200, right)
    alone = np.arange(200, 8000)
    belief, tables = dawid_skene(
        np.concatenate([item, alone]),
        np.concatenate([voter, np.full(len(alone), 3)]),
        np.concatenate([opinion, random.integers(0, 2, len(alone))]),
    )
    found = tables[:, [FIRST, SECOND], [FIRST, SECOND]].mean(1)
    assert np.abs(found - right).max() < 0.1
    # Of an item that it answered alone, no more is believed than Bayes' rule allows.
    bayes = 0.45 * 0.6 / (0.45 * 0.6 + 0.45 * 0.2 + 0.1 * 0.2)
    assert belief[200:, [FIRST, SECOND]].max(1) == pytest.approx(bayes, abs=0.08)


def test_a_tie_row_is_held_by_as_many_votes_as_the_others() -> None:
    ties = np.tile([0.0, 0.0, 1.0], (3, 1))
    voters = np.repeat([0, 1], 3)
    said = np.repeat([TIE, FIRST], 3)
    tables = _tables(ties, np.tile(np.arange(3), 2), voters, said, np.ones(6), 2, 3.0)
    # Three ties and three votes' worth of the pooled row, half of which says tie.
    assert tables[0, TIE, TIE] == pytest.approx((3 + 3 * 0.5) / 6)


def labels(task: int, **outcomes: str) -> list[PairRow]:
    rows = []
    for annotator, outcome in outcomes.items():
        judgment = Compare(
            a=A, b=B, outcome=outcome, strength=1 if outcome in "ab" else None
        )
        for row in pairs_of(answered([judgment], feedback=f"{task}-{annotator}")):
            rows.append(replace(row, task=str(task), annotator=annotator))
    return rows


def test_two_who_err_do_not_outvote_two_who_agree_with_everybody() -> None:
    agreed = [
        labels(task, ann="ab"[task % 2], ben="ab"[task % 2], cam="ab"[task % 2])
        + labels(task, dan="aab"[task % 3], eve="bab"[task % 3])
        for task in range(60)
    ]
    split = labels(60, ann="a", ben="a", dan="b", eve="b", fay="b")
    weighed = reliability([row for rows in [*agreed, split] for row in rows])
    (plain,) = consensus(split)
    (row,) = consensus(split, weighed)
    assert plain.chosen_id == str(B)
    assert row.chosen_id == str(A)
    assert row.soft_label > 0.9
    assert row.transform == RELIABILITY
    assert row.votes == 5
    assert weighed.voters["ann"] > weighed.voters["dan"]


def test_the_side_and_the_order_of_labels_do_not_matter() -> None:
    rows = labels(0, ann="a", ben="b", cam="a") + labels(1, ann="b", ben="b", cam="tie")
    turned = [
        replace(
            row,
            chosen=row.rejected,
            rejected=row.chosen,
            chosen_id=row.rejected_id,
            rejected_id=row.chosen_id,
            soft_label=1 - row.soft_label,
        )
        for row in reversed(rows)
    ]
    for given in (rows, turned):
        weighed = reliability(given)
        (row,) = consensus(given[:3] if given is rows else given[3:], weighed)
        assert row.chosen_id == str(A)
        assert row.soft_label > 0.5
    one, other = reliability(rows), reliability(turned)
    assert one.voters == pytest.approx(other.voters)
    assert one.toward(rows[0], str(A)) == pytest.approx(other.toward(rows[0], str(A)))
    ahead, behind, tie = one.toward(rows[0], str(B))
    assert (behind, ahead, tie) == pytest.approx(one.toward(rows[0], str(A)))


def test_a_model_asked_in_both_orders_has_one_vote() -> None:
    def judged(task: int, outcome: str) -> list[PairRow]:
        rows = [*labels(task, judge=outcome), *labels(task, judge=outcome)]
        return [replace(row, annotator_kind="model") for row in rows]

    known = [
        labels(task, ann="ab"[task % 2], ben="ab"[task % 2]) + judged(task, "ab"[said])
        for task in range(40)
        for said in [task % 2 if task % 4 else 1 - task % 2]
    ]
    split = labels(40, ann="b") + judged(40, "a")
    twice = reliability([row for rows in [*known, split] for row in rows])
    once = reliability([row for rows in [*known, split] for row in rows[:-1]])
    assert twice.voters == pytest.approx(once.voters)
    assert twice.toward(split[0], str(A)) == pytest.approx(
        once.toward(split[0], str(A))
    )
    (row,) = consensus(split, twice)
    assert row.chosen_id == str(B)


def test_no_rows_are_no_beliefs() -> None:
    assert reliability([]).voters == {}
