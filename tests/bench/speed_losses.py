"""Whether both sides of the speed comparison mean the same loss."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch

from tests.bench.speed_arms import BETA
from tests.bench.speed_data import BATCH, SEED
from training.engine.layout import Branch
from training.engine.logprobs_cache import frozen_logprobs
from training.engine.models import load_policy, load_reward
from training.engine.objectives.bradley_terry import bradley_terry_loss
from training.engine.objectives.dpo import dpo_loss
from training.engine.scorers import reward_scores
from training.engine.spec import ModelPart
from training.engine.tokens import PairTokens

Losses = tuple[float, float]


def dpo_losses(
    trainer: Any, trained: Path, part: ModelPart, rows: list[PairTokens]
) -> Losses:
    """Return the mean loss of pairs under a trained model, ours and TRL's."""
    branches = [
        Branch(tuple(row.prompt), tuple(side))
        for row in rows
        for side in (row.chosen, row.rejected)
    ]
    groups = [i // 2 for i in range(len(branches))]

    def sums(scored: Any) -> torch.Tensor:
        found = frozen_logprobs(
            scored, branches, groups, pad_token_id=0, batch_size=BATCH
        )
        return torch.tensor([float(values.sum()) for values in found]).view(-1, 2)

    reference = sums(load_policy(part, seed=SEED).model)
    model = load_policy(ModelPart(source=str(trained))).model
    policy = sums(model)
    losses = dpo_loss(
        policy[:, 0], policy[:, 1], reference[:, 0], reference[:, 1], beta=BETA
    )
    return float(losses.mean()), _theirs(trainer, model, len(rows))


def reward_losses(
    trainer: Any, trained: Path, part: ModelPart, rows: list[PairTokens]
) -> Losses:
    """Return the mean loss of pairs under a trained model, ours and TRL's."""
    loaded = load_reward(ModelPart(source=str(trained)))
    scores = reward_scores(
        loaded.model,
        [row.prompt + side for row in rows for side in (row.chosen, row.rejected)],
        pad_token_id=int(loaded.tokenizer.pad_token_id or 0),
        batch_size=BATCH,
    )
    found = torch.tensor(scores).view(-1, 2)
    mean = float(bradley_terry_loss(found[:, 0], found[:, 1]).mean())
    return mean, _theirs(trainer, loaded.model, len(rows))


def _theirs(trainer: Any, model: Any, count: int) -> float:
    """Return TRL's mean loss of the first pairs under a model, one after the other."""
    trainer.model.load_state_dict(model.state_dict())
    trainer.model.eval()
    total = 0.0
    for i in range(count):
        batch = trainer.data_collator([trainer.train_dataset[i]])
        with torch.no_grad():
            total += float(trainer.compute_loss(trainer.model, batch))
    return total / count
