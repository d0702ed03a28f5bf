"""Rows that nobody can learn from are refused by name before anything is loaded."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pytest
import torch

from tests.engine.preference_rows import list_row, unary_row
from tests.engine.support import Workspace, pair_row, say, write_rows
from training.engine import reward_trainer
from training.engine.data import PAIR_COLUMNS, read_pairs, read_table
from training.engine.errors import FixableError
from training.engine.models import load_policy, load_reward, save_model
from training.engine.spec import ModelPart

WRONG_PAIRS: dict[str, tuple[dict[str, Any], str]] = {
    "prompt of null": ({"prompt": None}, "row train-2"),
    "prompt of no message": ({"prompt": []}, "row train-2"),
    "completion of null": ({"rejected": None}, "row train-2"),
    "nobody speaks": ({"chosen": [{"role": None, "content": "x"}]}, "row train-2"),
    "label above one": ({"soft_label": 2.0}, "2.0 in row train-2"),
    "label below zero": ({"soft_label": -0.5}, "-0.5 in row train-2"),
    "label that is none": ({"soft_label": math.nan}, "nan in row train-2"),
    "weight below zero": ({"weight": -1.0}, "-1.0 in row train-2"),
    "weight without end": ({"weight": math.inf}, "inf in row train-2"),
    "margin that is none": ({"margin": math.nan}, "nan in row train-2"),
}
WRONG_TYPES: dict[str, tuple[dict[str, Any], str]] = {
    "texts for chats": ({"prompt": "Why?"}, "string in every row"),
    "one message for a chat": ({"prompt": say("user", "Why?")[0]}, "struct<"),
    "parts for a text": (
        {"chosen": [{"role": "assistant", "content": [{"text": "x"}]}]},
        "content: list<",
    ),
    "no content": ({"chosen": [{"role": "assistant", "text": "x"}]}, "text: string"),
    "a word for a label": ({"soft_label": "yes"}, "string"),
    "a word for a margin": ({"margin": "big"}, "string"),
}


def refused(path: Path, columns: tuple[str, ...] = PAIR_COLUMNS) -> FixableError:
    with pytest.raises(FixableError) as caught:
        read_table(path, columns, "data.train")
    assert caught.value.fix and caught.value.field == "data.train"
    return caught.value


@pytest.mark.parametrize("case", WRONG_PAIRS)
def test_pair_that_cannot_be_used_is_named(case: str, tmp_path: Path) -> None:
    change, told = WRONG_PAIRS[case]
    rows = [pair_row(i, margin=1.0) for i in range(4)]
    rows[2] |= change
    error = refused(write_rows(tmp_path / "rows.parquet", rows))
    (column,) = change
    assert error.expected.startswith(column) and told in error.found


@pytest.mark.parametrize("case", WRONG_TYPES)
def test_column_of_another_type_is_told_with_what_it_must_be(
    case: str, tmp_path: Path
) -> None:
    change, told = WRONG_TYPES[case]
    rows = [pair_row(i) | change for i in range(3)]
    error = refused(write_rows(tmp_path / "rows.parquet", rows))
    assert told in error.found and "README" in error.fix


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"candidates": None}, "nothing (null)"),
        ({"candidates": [say("assistant", "a"), None]}, "a completion of null"),
        ({"groups": [0, 1]}, "another length"),
        ({"groups": [0.0, math.nan, 1.0, 2.0]}, "NaN"),
        ({"groups": None}, "another length"),
    ],
)
def test_list_that_cannot_be_used_is_named(
    change: dict[str, Any], told: str, tmp_path: Path
) -> None:
    rows = [list_row(i) for i in range(3)]
    rows[1] |= change
    path = write_rows(tmp_path / "rows.parquet", rows)
    error = refused(path, ("prompt", "candidates", "groups"))
    assert told in error.found and "row list-1" in error.found


@pytest.mark.parametrize("label", ["no", 0.5, 2])
def test_label_that_is_neither_good_nor_bad_is_refused(
    label: object, tmp_path: Path
) -> None:
    """As truth goes, the word no is true: such a row taught the opposite."""
    rows = [unary_row(i) | {"label": label} for i in range(2)]
    path = write_rows(tmp_path / "rows.parquet", rows)
    error = refused(path, ("prompt", "completion", "label"))
    assert error.expected == "label: true, false, or null for neither"


def test_row_without_a_name_is_counted(tmp_path: Path) -> None:
    rows = [pair_row(i) for i in range(3)]
    rows[2]["weight"] = -1.0
    for row in rows:
        del row["row_id"]
    error = refused(write_rows(tmp_path / "rows.parquet", rows))
    assert error.found == "-1.0 in row 2 (counted from 0)"


def test_text_that_is_preferred_to_itself_teaches_nothing(tmp_path: Path) -> None:
    rows = [pair_row(i) for i in range(3)]
    rows[1]["rejected"] = rows[1]["chosen"]
    how: dict[str, Any] = {"field": "data.train", "pool": True, "decided_only": True}
    found = read_pairs(write_rows(tmp_path / "some.parquet", rows), **how)
    assert [pair.row_id for pair in found.pairs] == ["train-0", "train-2"]
    assert found.counts()["equal_sides_left_out"] == 1
    alike = [row | {"rejected": row["chosen"]} for row in rows]
    with pytest.raises(FixableError, match="No row can be used"):
        read_pairs(write_rows(tmp_path / "all.parquet", alike), **how)


def test_rows_that_all_weigh_nothing_are_refused(tmp_path: Path) -> None:
    rows = [pair_row(i, weight=0.0) for i in range(3)]
    path = write_rows(tmp_path / "rows.parquet", rows)
    with pytest.raises(FixableError, match="No row can be used"):
        read_pairs(path, field="data.train", pool=False, decided_only=False)


@pytest.mark.parametrize("backend", ["trl", "hone"])
def test_reward_model_learns_from_no_empty_completion(
    workspace: Workspace, backend: str
) -> None:
    rows = [pair_row(0), pair_row(1, rejected=say("assistant", " \n"))]
    data = {"train": str(write_rows(workspace.path / "empty.parquet", rows))}
    preset = {"trl": "reward-bt", "hone": "reward-smoothed"}[backend]
    run = workspace.run(workspace.spec("reward", preset=preset, data=data), "run")
    assert run.code == 2
    assert run.status["error"]["found"] == "an empty completion in row train-1"


def test_reward_that_is_no_number_stops_the_run_and_names_rows(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(chosen: torch.Tensor, *others: Any) -> torch.Tensor:
        return chosen * math.nan

    monkeypatch.setattr(reward_trainer, "soft_bradley_terry_loss", broken)
    run = workspace.run(workspace.spec("reward"), "run")
    assert run.code == 2 and not (run.out / "model").exists()
    assert run.status["error"]["message"] == "The loss is not a number."
    assert "train-" in run.status["error"]["found"]


@pytest.mark.parametrize("task", ["reward", "score", "generate", "evaluate", "ppo"])
def test_no_task_runs_a_model_with_weights_that_are_no_numbers(
    workspace: Workspace, task: str
) -> None:
    policy = task in ("generate", "ppo")
    load = load_policy if policy else load_reward
    loaded = load(ModelPart(source="tiny:causal"))
    with torch.no_grad():
        list(loaded.model.parameters())[3][0] = math.inf
    broken = workspace.path / "broken"
    save_model(loaded.model, loaded.tokenizer, broken)
    params = {"rule": "length"} if task == "ppo" else {}
    spec = workspace.spec(task, source=str(broken), params=params)
    run = workspace.run(spec, "run")
    assert run.code == 2
    assert [event["event"] for event in run.events] == ["failed"]
    assert "NaN or infinity in" in run.status["error"]["found"]
