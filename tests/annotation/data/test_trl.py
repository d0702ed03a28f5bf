"""What we export is what `datasets` loads and TRL trains on, unchanged."""

import gzip
import math
from itertools import islice
from pathlib import Path
from typing import Any

import pytest

from annotation.services.exporting import Export
from annotation.services.importing import import_file
from annotation.services.projects import create_project

pytestmark = [pytest.mark.django_db, pytest.mark.trl]
SHAPES = ("trl", "trl-conversational")


@pytest.fixture
def exported(data_dir: Path, tmp_path: Path) -> Path:
    """Real chats with one human label each, in both shapes and both formats."""
    project = create_project(slug="chats")
    with gzip.open(data_dir / "hh_harmless/pairs_train.jsonl.gz", "rb") as file:
        (tmp_path / "rows.jsonl").write_bytes(b"".join(islice(file, 120)))
    import_file(project=project, path=tmp_path / "rows.jsonl")
    for shape in SHAPES:
        export = Export(project, shape=shape)  # type: ignore[arg-type]
        export.write_parquet(tmp_path / f"{shape}.parquet")
        (tmp_path / f"{shape}.jsonl").write_bytes(b"".join(export.jsonl()))
    return tmp_path


def load(folder: Path, shape: str, form: str) -> Any:
    from datasets import load_dataset

    return load_dataset(
        "json" if form == "jsonl" else "parquet",
        data_files=str(folder / f"{shape}.{form}"),
        split="train",
        cache_dir=str(folder / "cache"),
    )


def test_datasets_loads_every_file_and_finds_the_same_rows(exported: Path) -> None:
    for shape in SHAPES:
        lines, table = (load(exported, shape, form) for form in ("jsonl", "parquet"))
        assert set(lines.column_names) == {"prompt", "chosen", "rejected"}
        assert len(lines) == len(table) == 120
        assert lines.to_list() == table.to_list()


def test_trl_knows_the_formats(exported: Path) -> None:
    from trl.data_utils import is_conversational

    for shape in SHAPES:
        row = load(exported, shape, "parquet")[0]
        assert is_conversational(row) == (shape == "trl-conversational")


def tiny(kind: str, folder: Path) -> Any:
    """Save a tiny random model for DPO or for rewards; return its directory."""
    import torch
    from transformers import LlamaForCausalLM, LlamaForSequenceClassification

    from training.engine.tiny import build_tokenizer, causal_config

    torch.manual_seed(0)
    tokenizer = build_tokenizer(encoder=False)
    config = causal_config(tokenizer)
    if kind == "dpo":
        model: Any = LlamaForCausalLM(config)
    else:
        config.num_labels = 1
        model = LlamaForSequenceClassification(config)
    model.save_pretrained(folder / kind)
    tokenizer.save_pretrained(folder / kind)
    return str(folder / kind)


@pytest.mark.parametrize(
    ("shape", "form"), [("trl", "jsonl"), ("trl-conversational", "parquet")]
)
def test_the_dpo_trainer_takes_it_as_it_is(
    exported: Path, shape: str, form: str
) -> None:
    from trl import DPOConfig, DPOTrainer

    trainer = DPOTrainer(
        model=tiny("dpo", exported),
        args=DPOConfig(**settings(exported)),
        train_dataset=load(exported, shape, form).select(range(24)),
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
        train_dataset=load(exported, shape, form).select(range(24)),
    )
    trainer.train()
    losses = [item["loss"] for item in trainer.state.log_history if "loss" in item]
    assert trainer.state.global_step == 2
    assert all(0 < loss < 5 for loss in losses)


def settings(folder: Path) -> dict[str, Any]:
    return {
        "output_dir": str(folder / "out"),
        "max_steps": 2,
        "per_device_train_batch_size": 4,
        "logging_steps": 1,
        "save_strategy": "no",
        "report_to": "none",
        "use_cpu": True,
        "bf16": False,
        "disable_tqdm": True,
    }
