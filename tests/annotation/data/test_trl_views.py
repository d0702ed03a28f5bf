"""The other views in TRL's formats, loaded unchanged and stepped by TRL's trainers.

TRL 1.16 has no trainer for stepwise supervision: that format is loaded and held
against TRL's own description of it.
"""

from pathlib import Path
from typing import Any

import pytest

from annotation.projections.trl import FORMATS, Shape, shapes_of
from annotation.services.exporting import Export
from tests.annotation.data.everything import everything
from tests.annotation.data.trl_training import load, losses, settings, tiny

pytestmark = [pytest.mark.django_db, pytest.mark.trl]
COLUMNS = {
    "pairs": {"prompt", "chosen", "rejected"},
    "unary": {"prompt", "completion", "label"},
    "demonstrations": {"prompt", "completion"},
    "judge": {"prompt", "completion"},
    "steps": {"prompt", "completions", "labels"},
    "prompts": {"prompt"},
}


@pytest.fixture
def exported(tmp_path: Path) -> Path:
    """A file of each view in each of TRL's shapes, in both formats."""
    project = everything(tmp_path, rows=8)
    for view in FORMATS:
        for shape in shapes_of(view)[1:]:
            export = Export(project, view=view, shape=shape)
            export.write_parquet(tmp_path / f"{view}-{shape}.parquet")
            lines = b"".join(export.jsonl())
            (tmp_path / f"{view}-{shape}.jsonl").write_bytes(lines)
    return tmp_path


def test_datasets_and_trl_know_every_file(exported: Path) -> None:
    from trl.data_utils import is_conversational

    assert set(FORMATS) == set(COLUMNS)
    for view in FORMATS:
        for shape in shapes_of(view)[1:]:
            lines = load(exported / f"{view}-{shape}.jsonl")
            table = load(exported / f"{view}-{shape}.parquet")
            assert set(lines.column_names) == COLUMNS[view]
            assert len(lines) >= 8
            assert lines.to_list() == table.to_list()
            assert is_conversational(table[0]) == (shape == "trl-conversational")


def stepped(trainer: Any) -> None:
    trainer.train()
    assert trainer.state.global_step == 2
    assert all(0 < loss < 20 for loss in losses(trainer))


@pytest.mark.parametrize("shape", ["trl", "trl-conversational"])
def test_the_kto_trainer_takes_good_and_bad(exported: Path, shape: Shape) -> None:
    from trl import KTOConfig, KTOTrainer

    stepped(
        KTOTrainer(
            model=tiny("causal", exported),
            args=KTOConfig(**settings(exported)),
            train_dataset=load(exported / f"unary-{shape}.jsonl"),
        )
    )


@pytest.mark.parametrize(
    ("view", "shape"), [("demonstrations", "trl"), ("judge", "trl-conversational")]
)
def test_the_sft_trainer_takes_examples(
    exported: Path, view: str, shape: Shape
) -> None:
    from trl import SFTConfig, SFTTrainer

    stepped(
        SFTTrainer(
            model=tiny("causal", exported),
            args=SFTConfig(**settings(exported)),
            train_dataset=load(exported / f"{view}-{shape}.parquet"),
        )
    )


def test_steps_are_what_trl_calls_stepwise_supervision(exported: Path) -> None:
    for row in load(exported / "steps-trl.parquet"):
        assert len(row["completions"]) == len(row["labels"]) > 0
        assert all(isinstance(step, str) and step for step in row["completions"])
        assert all(isinstance(label, bool) for label in row["labels"])
        assert False not in row["labels"][:-1]


def test_the_rloo_trainer_takes_prompts_alone(exported: Path) -> None:
    from trl import RLOOConfig, RLOOTrainer

    def brevity(completions: list[str], **columns: Any) -> list[float | None]:
        return [-float(len(completion)) for completion in completions]

    trainer = RLOOTrainer(
        model=tiny("causal", exported),
        reward_funcs=brevity,
        args=RLOOConfig(
            **settings(exported, max_steps=1),
            num_generations=2,
            max_completion_length=4,
        ),
        train_dataset=load(exported / "prompts-trl.jsonl"),
    )
    trainer.train()
    assert trainer.state.global_step == 1
