"""What we export is what `datasets` loads and TRL trains on, unchanged."""

import gzip
import math
from itertools import islice
from pathlib import Path
from typing import Any

import pytest

from annotation.projections.trl import Shape
from annotation.services.exporting import Export
from annotation.services.importing import import_file
from annotation.services.projects import create_project
from tests.annotation.data.trl_training import load, losses, settings, tiny

pytestmark = [pytest.mark.django_db, pytest.mark.trl]
SHAPES: tuple[Shape, ...] = ("trl", "trl-conversational")


@pytest.fixture
def exported(data_dir: Path, tmp_path: Path) -> Path:
    """Real chats with one human label each, in both shapes and both formats."""
    project = create_project(slug="chats")
    with gzip.open(data_dir / "hh_harmless/pairs_train.jsonl.gz", "rb") as file:
        (tmp_path / "rows.jsonl").write_bytes(b"".join(islice(file, 120)))
    import_file(project=project, path=tmp_path / "rows.jsonl")
    for shape in SHAPES:
        export = Export(project, shape=shape)
        export.write_parquet(tmp_path / f"{shape}.parquet")
        (tmp_path / f"{shape}.jsonl").write_bytes(b"".join(export.jsonl()))
    return tmp_path


def loaded(folder: Path, shape: str, form: str) -> Any:
    return load(folder / f"{shape}.{form}")


def test_datasets_loads_every_file_and_finds_the_same_rows(exported: Path) -> None:
    for shape in SHAPES:
        lines, table = (loaded(exported, shape, form) for form in ("jsonl", "parquet"))
        assert set(lines.column_names) == {"prompt", "chosen", "rejected"}
        assert len(lines) == len(table) == 120
        assert lines.to_list() == table.to_list()


def test_trl_knows_the_formats(exported: Path) -> None:
    from trl.data_utils import is_conversational

    for shape in SHAPES:
        row = loaded(exported, shape, "parquet")[0]
        assert is_conversational(row) == (shape == "trl-conversational")


@pytest.mark.parametrize(
    ("shape", "form"), [("trl", "jsonl"), ("trl-conversational", "parquet")]
)
def test_the_dpo_trainer_takes_it_as_it_is(
    exported: Path, shape: str, form: str
) -> None:
    from trl import DPOConfig, DPOTrainer

    trainer = DPOTrainer(
        model=tiny("causal", exported),
        args=DPOConfig(**settings(exported)),
        train_dataset=loaded(exported, shape, form).select(range(24)),
    )
    trainer.train()
    first = next(item["loss"] for item in trainer.state.log_history if "loss" in item)
    assert trainer.state.global_step == 2
    assert first == pytest.approx(math.log(2), abs=0.02)


@pytest.mark.parametrize(
    ("shape", "form"), [("trl", "parquet"), ("trl-conversational", "jsonl")]
)
def test_the_reward_trainer_takes_it_as_it_is(
    exported: Path, shape: str, form: str
) -> None:
    from trl import RewardConfig, RewardTrainer

    trainer = RewardTrainer(
        model=tiny("reward", exported),
        args=RewardConfig(**settings(exported)),
        train_dataset=loaded(exported, shape, form).select(range(24)),
    )
    trainer.train()
    assert trainer.state.global_step == 2
    assert all(0 < loss < 5 for loss in losses(trainer))
