"""What we do before and around TRL's trainers is what TRL does itself."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
import trl.trainer.utils as trl_utils
from datasets import Dataset
from trl.trainer.dpo_config import DPOConfig
from trl.trainer.dpo_trainer import DPOTrainer
from trl.trainer.reward_config import RewardConfig
from trl.trainer.reward_trainer import RewardTrainer

from tests.engine.support import pair_row, write_rows
from training.engine import compat
from training.engine.data import read_pairs
from training.engine.models import load_policy, load_reward
from training.engine.objectives.bradley_terry import (
    bradley_terry_loss,
    centring_penalty,
)
from training.engine.objectives.dpo import dpo_loss
from training.engine.order import RowOrder
from training.engine.reward_trainer import PreferenceRewardTrainer, UniqueSequences
from training.engine.scorers import completion_logprobs, reward_scores
from training.engine.scoring import scores_forward
from training.engine.spec import ModelPart
from training.engine.tokens import pair_tokens

ROWS = [pair_row(i) for i in range(6)]


@pytest.fixture
def original_head() -> Iterator[None]:
    """Put TRL's own choice of positions back."""
    kept = vars(trl_utils)["_use_triton"]
    yield
    vars(trl_utils)["_use_triton"] = kept


def conversational() -> Dataset:
    return Dataset.from_list(
        [{k: row[k] for k in ("prompt", "chosen", "rejected")} for row in ROWS]
    )


def plain(out: Path) -> dict[str, Any]:
    return {
        "output_dir": str(out),
        "bf16": False,
        "gradient_checkpointing": False,
        "report_to": [],
        "per_device_train_batch_size": len(ROWS),
    }


def our_rows(path: Path, tokenizer: Any) -> list[Any]:
    found = read_pairs(
        write_rows(path / "p.parquet", ROWS), field="f", pool=True, decided_only=True
    )
    return pair_tokens(tokenizer, found.pairs, 512)[0]


def dpo_trainer(out: Path) -> Any:
    loaded = load_policy(ModelPart(source="tiny:causal"), seed=1)
    reference = load_policy(ModelPart(source="tiny:causal"), seed=2)
    return DPOTrainer(
        model=loaded.model,
        ref_model=reference.model,
        args=DPOConfig(**plain(out), beta=0.3, max_length=512),
        train_dataset=conversational(),
        processing_class=loaded.tokenizer,
    )


def loss_of(trainer: Any) -> torch.Tensor:
    batch = trainer.data_collator([trainer.train_dataset[i] for i in range(len(ROWS))])
    loss: torch.Tensor = trainer.compute_loss(trainer.model, batch)
    return loss


def test_policy_rows_are_tokenised_as_trl_tokenises_them(tmp_path: Path) -> None:
    trainer = dpo_trainer(tmp_path)
    for ours, theirs in zip(
        our_rows(tmp_path, trainer.processing_class), trainer.train_dataset, strict=True
    ):
        assert ours.prompt == theirs["prompt_ids"]
        assert ours.chosen == theirs["chosen_ids"]
        assert ours.rejected == theirs["rejected_ids"]


@pytest.mark.parametrize("source", ["tiny:causal", "tiny:encoder"])
def test_reward_rows_are_tokenised_as_trl_tokenises_them(
    source: str, tmp_path: Path
) -> None:
    loaded = load_reward(ModelPart(source=source))
    trainer: Any = RewardTrainer(
        model=loaded.model,
        args=RewardConfig(**plain(tmp_path), center_rewards_coefficient=0.5),
        train_dataset=conversational(),
        processing_class=loaded.tokenizer,
    )
    rows = our_rows(tmp_path, loaded.tokenizer)
    for ours, theirs in zip(rows, trainer.train_dataset, strict=True):
        assert ours.prompt + ours.chosen == theirs["chosen_ids"]
        assert ours.prompt + ours.rejected == theirs["rejected_ids"]
    theirs_loss = loss_of(trainer).item()
    pad = int(loaded.tokenizer.pad_token_id or 0)
    chosen, rejected = (
        torch.tensor(
            reward_scores(
                trainer.model,
                [row.prompt + getattr(row, side) for row in rows],
                pad_token_id=pad,
                batch_size=4,
            )
        )
        for side in ("chosen", "rejected")
    )
    ours_loss = bradley_terry_loss(chosen, rejected) + 0.5 * centring_penalty(
        chosen, rejected
    )
    assert theirs_loss == pytest.approx(ours_loss.mean().item(), abs=1e-5)


def test_our_dpo_loss_is_trls(tmp_path: Path, original_head: None) -> None:
    trainer = dpo_trainer(tmp_path)
    rows = our_rows(tmp_path, trainer.processing_class)
    policy = load_policy(ModelPart(source="tiny:causal"), seed=1).model
    reference = load_policy(ModelPart(source="tiny:causal"), seed=2).model

    def logprobs(model: Any, side: str) -> torch.Tensor:
        found = completion_logprobs(
            model,
            [row.prompt for row in rows],
            [getattr(row, side) for row in rows],
            pad_token_id=0,
            batch_size=4,
        )
        return torch.tensor([logprob.total for logprob in found])

    ours = dpo_loss(
        logprobs(policy, "chosen"),
        logprobs(policy, "rejected"),
        logprobs(reference, "chosen"),
        logprobs(reference, "rejected"),
        beta=0.3,
    )
    assert loss_of(trainer).item() == pytest.approx(ours.mean().item(), abs=1e-5)


def test_scoring_completion_tokens_only_changes_nothing_but_time(
    tmp_path: Path, original_head: None
) -> None:
    def step() -> tuple[float, torch.Tensor]:
        trainer = dpo_trainer(tmp_path)
        trainer.model.train()
        loss = loss_of(trainer)
        loss.backward()
        gradient = torch.cat(
            [p.grad.flatten() for p in trainer.model.parameters() if p.grad is not None]
        )
        return loss.item(), gradient

    every_loss, every_gradient = step()
    compat.score_completion_tokens_only()
    some_loss, some_gradient = step()
    assert some_loss == pytest.approx(every_loss, abs=1e-6)
    assert torch.allclose(some_gradient, every_gradient, atol=1e-6)


def test_only_completion_positions_reach_the_head(
    tmp_path: Path, original_head: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = []
    kernel: Any = vars(trl_utils)["_ChunkedLogProbFunction"]

    class Spy:
        @staticmethod
        def apply(hidden: torch.Tensor, *rest: Any) -> Any:
            seen.append(hidden.shape[0])
            return kernel.apply(hidden, *rest)

    monkeypatch.setattr(trl_utils, "_ChunkedLogProbFunction", Spy)
    compat.score_completion_tokens_only()
    trainer = dpo_trainer(tmp_path)
    loss_of(trainer)
    wanted = sum(
        len(row["chosen_ids"]) + len(row["rejected_ids"])
        for row in trainer.train_dataset
    )
    assert seen == [wanted, wanted]


@pytest.mark.parametrize("soft", [False, True])
@pytest.mark.parametrize(
    "source", ["tiny:causal", "tiny:causal/shared", "tiny:encoder"]
)
def test_running_equal_tokens_once_changes_no_loss_and_no_gradient(
    source: str, soft: bool, tmp_path: Path
) -> None:
    source, _, shared = source.partition("/")
    texts = [[*range(5, 11), *range(20 + i, 22 + 3 * i)] for i in range(4)]
    pairs = [(0, 1), (0, 2), (3, 1), (2, 3), (0, 1)]
    rows: dict[str, list[Any]] = {
        "chosen_ids": [texts[a] for a, _ in pairs],
        "rejected_ids": [texts[b] for _, b in pairs],
        "margin": [0.5 * i for i in range(len(pairs))],
    }
    names = [f"row {i}" for i in range(len(pairs))]
    ours_rows = {**rows, "prompt_tokens": [6] * len(pairs), "row_id": names}
    if soft:
        ours_rows["soft_label"] = [1.0] * len(pairs)

    def step(trainer_class: Any, **options: Any) -> tuple[float, torch.Tensor]:
        loaded = load_reward(ModelPart(source=source), seed=5)
        trainer = trainer_class(
            model=loaded.model,
            args=RewardConfig(
                **plain(tmp_path),
                center_rewards_coefficient=0.1,
                remove_unused_columns=False,
            ),
            processing_class=loaded.tokenizer,
            **options,
        )
        if shared:
            scores_forward(trainer.model)
        examples = [trainer.train_dataset[i] for i in range(len(pairs))]
        loss = trainer.compute_loss(trainer.model, trainer.data_collator(examples))
        loss.backward()
        return loss.item(), torch.cat(
            [p.grad.flatten() for p in trainer.model.parameters() if p.grad is not None]
        )

    collator = UniqueSequences(0, shared=bool(shared))
    ours = step(
        PreferenceRewardTrainer,
        train_dataset=Dataset.from_dict(ours_rows),
        data_collator=collator,
    )
    batch = collator([{k: v[0] for k, v in ours_rows.items()}] * 3)
    assert batch["input_ids"].shape[0] == 2
    if shared:
        assert batch["layout"].ids.numel() < batch["input_ids"].numel()
    theirs = step(RewardTrainer, train_dataset=Dataset.from_dict(rows))
    assert ours[0] == pytest.approx(theirs[0], abs=1e-6)
    assert torch.allclose(ours[1], theirs[1], atol=1e-6)


def test_rows_of_one_prompt_share_batches() -> None:
    names = [f"p{i % 5}" for i in range(103)]
    order = list(RowOrder([1] * 103, 4, seed=0, grouped=True, together=names))
    assert sorted(order) == list(range(103))
    batches = [order[i : i + 4] for i in range(0, 100, 4)]
    pure = sum(len({names[i] for i in batch}) == 1 for batch in batches)
    assert pure == 25
    assert [names[b[0]] for b in batches] != sorted(names[b[0]] for b in batches)


def test_order_depends_on_seed_and_epoch_alone() -> None:
    def order(seed: int, epoch: int) -> list[int]:
        rows = RowOrder(range(100), 8, seed=seed, grouped=True)
        rows.set_epoch(epoch)
        torch.manual_seed(epoch * 7 + 1)
        return list(rows)

    assert order(0, 1) == order(0, 1)
    assert order(0, 1) != order(0, 2) != order(1, 2)
    assert sorted(order(3, 0)) == list(range(100))


def test_grouped_order_puts_like_lengths_together_and_the_longest_first() -> None:
    lengths = [(i * 37) % 101 for i in range(400)]
    grouped, mixed = (
        [
            [lengths[i] for i in rows[start : start + 8]]
            for start in range(0, 400, 8)
            for rows in [list(RowOrder(lengths, 8, seed=0, grouped=kind))]
        ]
        for kind in (True, False)
    )

    def padding(batches: list[list[int]]) -> int:
        return sum(max(batch) * len(batch) - sum(batch) for batch in batches)

    assert padding(grouped) < padding(mixed) / 5
    assert max(grouped[0]) == max(lengths)
    # Not from long to short: the order of the groups is random.
    firsts = [batch[0] for batch in grouped]
    assert firsts != sorted(firsts, reverse=True)
