"""Rows: pooling labels, tokens, and shortening that is told."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.engine.support import Workspace, pair_row, say, write_rows
from training.engine import subset
from training.engine.data import Pair, pool_pairs, read_pairs, warnings_of
from training.engine.errors import FixableError
from training.engine.evaluate.baselines import longer_wins, tfidf_logistic
from training.engine.evaluate.metrics import pair_accuracy
from training.engine.tiny import build_tokenizer
from training.engine.tokens import pair_tokens, shorten, tokenize


def vote(chosen: str, rejected: str, label: float = 1.0, weight: float = 1.0) -> Pair:
    return Pair(
        row_id="r",
        prompt=say("user", "q"),
        chosen=say("assistant", chosen),
        rejected=say("assistant", rejected),
        soft_label=label,
        weight=weight,
    )


def test_labels_of_one_comparison_become_its_majority() -> None:
    (pooled,) = pool_pairs([vote("x", "y"), vote("y", "x"), vote("y", "x")])
    assert pooled.chosen[0]["content"] == "y"
    assert pooled.soft_label == pytest.approx(2 / 3)
    assert pooled.weight == 3


def test_weights_count_in_the_majority() -> None:
    (pooled,) = pool_pairs([vote("x", "y", weight=5), vote("y", "x"), vote("y", "x")])
    assert pooled.chosen[0]["content"] == "x"
    assert pooled.soft_label == pytest.approx(5 / 7)


def test_even_votes_are_a_tie() -> None:
    (pooled,) = pool_pairs([vote("x", "y"), vote("y", "x"), vote("x", "y", label=0.5)])
    assert not pooled.is_decided


def test_other_prompts_are_not_pooled() -> None:
    same = vote("x", "y")
    other = Pair("r", say("user", "other"), same.chosen, same.rejected)
    assert len(pool_pairs([vote("x", "y"), other])) == 2


@pytest.mark.parametrize("pool", [True, False])
def test_turned_row_takes_all_that_belongs_to_a_side_along(
    tmp_path: Path, pool: bool
) -> None:
    sided = {
        "chosen_factors": [1.0, 0.0],
        "rejected_factors": [0.0, 2.0],
        "chosen_unsafe": True,
        "rejected_unsafe": False,
        "chosen_value": 0.1,
        "rejected_value": 0.9,
        "margins": [0.5],
        "context": "Be kind.",
    }
    turned = write_rows(
        tmp_path / "p.parquet",
        [pair_row(i, soft_label=0.2, margin=-1.0) | sided for i in range(4)],
    )
    pairs = read_pairs(
        turned, field="f", pool=pool, decided_only=True, extra=list(sided)
    ).pairs
    for index, pair in enumerate(pairs):
        assert pair.chosen == pair_row(index)["rejected"]
        assert pair.margin == 1.0
        assert pair.extra == {
            "chosen_factors": [0.0, 2.0],
            "rejected_factors": [1.0, 0.0],
            "chosen_unsafe": False,
            "rejected_unsafe": True,
            "chosen_value": 0.9,
            "rejected_value": 0.1,
            "margins": [-0.5],
            "context": "Be kind.",
        }


def test_ties_keep_each_sides_own_columns(tmp_path: Path) -> None:
    rows = [
        pair_row(i, soft_label=0.5, chosen_value=float(i), rejected_value=-1.0)
        for i in range(8)
    ]
    path = write_rows(tmp_path / "p.parquet", rows)
    columns = ["chosen_value", "rejected_value"]
    pairs = read_pairs(
        path, field="f", pool=True, decided_only=False, extra=columns
    ).pairs
    for index, pair in enumerate(pairs):
        own = pair.chosen == pair_row(index)["chosen"]
        assert pair.extra["chosen_value" if own else "rejected_value"] == index


def test_pair_under_two_contexts_is_two_comparisons(tmp_path: Path) -> None:
    one = pair_row(0, context="Be kind.")
    other = one | {
        "chosen": one["rejected"],
        "rejected": one["chosen"],
        "context": "Be rude.",
    }
    path = write_rows(tmp_path / "p.parquet", [one, other])

    def read(*apart: str) -> list[Pair]:
        return read_pairs(
            path,
            field="f",
            pool=True,
            decided_only=False,
            extra=["context"],
            apart=apart,
        ).pairs

    (tie,) = read()
    assert not tie.is_decided
    first, second = read("context")
    assert (first.chosen, second.chosen) == (one["chosen"], one["rejected"])
    assert (first.extra["context"], second.extra["context"]) == (
        "Be kind.",
        "Be rude.",
    )


def test_reason_that_is_kept_is_one_for_the_side_that_won() -> None:
    said = [
        replace(vote(*sides), extra={"rationale": why})
        for sides, why in [
            (("x", "y"), "x is better"),
            (("y", "x"), "y is better"),
            (("y", "x"), "y is clearer"),
        ]
    ]
    (pooled,) = pool_pairs(said)
    assert pooled.chosen[0]["content"] == "y"
    assert pooled.extra["rationale"] == "y is better"


def test_ties_are_left_out_and_counted(tmp_path: Path) -> None:
    rows = [pair_row(0), pair_row(1, soft_label=0.5), pair_row(2)]
    path = write_rows(tmp_path / "p.parquet", rows)
    found = read_pairs(path, field="data.train", pool=True, decided_only=True)
    assert found.counts() == {
        "read": 3,
        "after_pooling": 3,
        "ties_left_out": 1,
        "used": 2,
    }


def test_row_labelled_the_other_way_is_turned(tmp_path: Path) -> None:
    path = write_rows(
        tmp_path / "p.parquet", [pair_row(0, soft_label=0.2, margin=-1.0)]
    )
    (pair,) = read_pairs(path, field="f", pool=False, decided_only=True).pairs
    assert pair.chosen == pair_row(0)["rejected"]
    assert (pair.soft_label, pair.margin) == (0.8, 1.0)


def test_side_that_turns_takes_its_own_prompt_along(tmp_path: Path) -> None:
    """Where the two completions answer different prompts, each stays with its own."""
    other = say("user", "another question?")
    row = pair_row(0, soft_label=0.2, rejected_prompt=other)
    path = write_rows(tmp_path / "p.parquet", [row])
    for pool in (False, True):
        (pair,) = read_pairs(
            path, field="f", pool=pool, decided_only=True, extra=["rejected_prompt"]
        ).pairs
        assert (pair.chosen, pair.prompt) == (row["rejected"], other)
        assert (pair.rejected, pair.extra["rejected_prompt"]) == (
            row["chosen"],
            row["prompt"],
        )
    # Equal completions of other prompts are another comparison.
    rows = [row, pair_row(0, rejected_prompt=say("user", "a third?"))]
    found = read_pairs(
        write_rows(tmp_path / "q.parquet", rows),
        field="f",
        pool=True,
        decided_only=True,
        extra=["rejected_prompt"],
    )
    assert found.pooled == 2


def test_only_ties_is_an_error_that_says_so(tmp_path: Path) -> None:
    path = write_rows(tmp_path / "p.parquet", [pair_row(0, soft_label=0.5)])
    with pytest.raises(FixableError) as caught:
        read_pairs(path, field="data.train", pool=True, decided_only=True)
    assert "tie" in caught.value.found


def test_completion_follows_the_prompt_exactly() -> None:
    tokenizer = build_tokenizer(encoder=False)
    prompt, (one, other) = tokenize(
        tokenizer, say("user", "hello"), [say("assistant", "x"), say("assistant", "yz")]
    )
    assert str(tokenizer.decode(prompt)).endswith("<|im_start|>assistant\n")
    assert tokenizer.decode(one) == "x<|im_end|>\n"
    assert tokenizer.decode(other) == "yz<|im_end|>\n"


@given(
    st.integers(0, 60),
    st.lists(st.integers(0, 60), min_size=1, max_size=3),
    st.integers(8, 80),
    st.integers(0, 1),
)
def test_shortened_rows_fit_and_share_their_prompt(
    prompt: int, completions: list[int], limit: int, keep: int
) -> None:
    head = list(range(prompt))
    tails = [[1000 + i for i in range(n)] for n in completions]
    short, cut, shortened = shorten(head, tails, limit, keep_first=keep)
    assert all(len(short) + len(tail) <= limit for tail in cut)
    assert shortened == (prompt + max(completions) > limit)
    if not shortened:
        assert (short, cut) == (head, tails)
    # What is left of the prompt is its end, after the tokens that must stay.
    assert short[keep:] == head[len(head) - len(short[keep:]) :]
    for tail, whole in zip(cut, tails, strict=True):
        assert tail == whole[: len(tail)]


def test_shortening_keeps_the_whole_completion_while_the_prompt_can_give() -> None:
    prompt, (tail,), _ = shorten(list(range(100)), [[7] * 40], 64)
    assert prompt == list(range(76, 100))
    assert tail == [7] * 40


def test_shortened_rows_are_counted_not_dropped() -> None:
    tokenizer = build_tokenizer(encoder=True)
    pairs = [vote("x" * 300, "y" * 20), vote("short", "brief")]
    rows, shortened = pair_tokens(tokenizer, pairs, 64)
    assert (len(rows), shortened) == (2, 1)
    assert rows[0].prompt[0] == tokenizer.cls_token_id
    assert max(row.length for row in rows) <= 64


def test_time_limit_keeps_a_seeded_prefix() -> None:
    rows = subset.by_rows(100, None, 5)
    small, large = (
        subset.by_seconds(
            rows,
            [10] * 100,
            tokens_per_second=20,
            seconds=seconds,
            epochs=1,
            at_least=1,
        )
        for seconds in (10, 40)
    )
    # Twenty tokens a pair: one pair a second.
    assert (len(small.indices), len(large.indices)) == (10, 40)
    assert set(small.indices) < set(large.indices)
    assert small.summary() == {
        "kept": 10,
        "of": 100,
        "left_out": 90,
        "seed": 5,
        "limit": "seconds",
        "tokens_per_second": 20,
    }


def test_recorded_subset_of_other_data_is_not_reused(tmp_path: Path) -> None:
    chosen = subset.by_rows(20, 5, 1)
    subset.save(chosen, tmp_path)
    assert subset.load([tmp_path], of=20, seed=1) == chosen
    assert subset.load([tmp_path], of=21, seed=1) is None
    assert subset.load([tmp_path], of=20, seed=2) is None


def test_longer_wins_and_words_win_as_they_should() -> None:
    train = [vote(f"good {i} word", f"bad {i} word") for i in range(20)]
    test = [vote("good thing", "bad thing entirely"), vote("bad", "good")]
    assert longer_wins(test) == [-8.0, -1.0]
    gaps = tfidf_logistic(train, test)
    assert gaps is not None
    assert gaps[0] > 0 > gaps[1]
    assert pair_accuracy(gaps) == 0.5


def test_words_need_something_to_learn_from() -> None:
    assert tfidf_logistic([vote("a", "b")], [vote("a", "b")]) is None


def test_pairs_under_conditions_that_are_not_read_are_counted(tmp_path: Path) -> None:
    kind = pair_row(0, criterion="kind", context=None)
    brief = kind | {"criterion": "brief", "row_id": "other"}
    rows = [kind, brief, pair_row(1, criterion="kind"), pair_row(2)]
    path = write_rows(tmp_path / "p.parquet", rows)
    for pool in (True, False):
        found = read_pairs(path, field="f", pool=pool, decided_only=False)
        assert found.counts()["conditions_mixed"] == 1
        (warning,) = warnings_of(found.counts())
        assert warning.startswith("1 comparison(s)")
    apart = read_pairs(
        path,
        field="f",
        pool=True,
        decided_only=False,
        extra=["context"],
        apart=["context"],
    )
    assert len(apart.pairs) == 4
    assert warnings_of(apart.counts()) == []


def test_run_says_that_conditions_are_not_read(workspace: Workspace) -> None:
    rows = [pair_row(0, criterion="kind"), pair_row(0, criterion="brief", row_id="2")]
    data = {"train": str(write_rows(workspace.path / "mixed.parquet", rows))}
    for task, preset, told in (
        ("dpo", "dpo", True),
        ("reward", "reward-bt", True),
        ("reward", "reward-smoothed", True),
    ):
        spec = workspace.spec(
            task, preset=preset, data=data, limits={"max_steps": 1}, backend=None
        )
        run = workspace.run(spec, preset)
        assert run.code == 0, run.status
        warnings = run.events[0]["warnings"]
        assert any("more than one criterion" in text for text in warnings) == told
