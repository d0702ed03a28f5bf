"""Meta-learned reward models: the spread of samples, and where gradients are taken."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from tests.engine.reward_rows import reward_pair, small
from tests.engine.support import WORDS, Workspace, say, write_rows
from training.engine.models import load_reward
from training.engine.rewards.examples import Collator, Encoder, Example
from training.engine.rewards.meta import Samples, moved, spread, towards_spread
from training.engine.rewards.model import RewardModel
from training.engine.rewards.objective import reward_loss
from training.engine.spec import ModelPart


def test_spread_of_samples_by_hand() -> None:
    scores = torch.tensor([[0.0, 1.0, 3.0], [2.0, 2.0, 2.0], [-90.0, 0.0, 90.0]])
    sigmoids = [1 / (1 + math.exp(-gap)) for gap in (1, 2, 3)]
    # Alike: 1/2 - 1/(2k); far apart: 1 - 1/k.
    expected = [2 / 9 * sum(sigmoids), 1 / 3, 2 / 3]
    assert spread(scores.double()).tolist() == pytest.approx(expected, abs=1e-12)
    # Neither an offset of all scores nor their order matters.
    assert torch.allclose(spread(scores + 5), spread(scores))
    assert torch.allclose(spread(scores[:, [2, 0, 1]]), spread(scores))


def examples(encoder: Encoder, count: int, members: int, **columns: Any) -> Any:
    return [
        Example(
            row_id=str(i),
            members=encoder.sequences(
                say("user", f"{WORDS[i]}?"),
                [say("assistant", f"{WORDS[3 * i + j]} {j}") for j in range(members)],
            ),
            columns=columns,
        )
        for i in range(count)
    ]


def slopes(model: RewardModel, batch: Any) -> list[Tensor]:
    losses, _ = reward_loss(model, batch, {})
    return list(torch.autograd.grad(losses.mean(), list(model.parameters())))


def test_meta_steps_take_the_gradient_where_samples_stand_apart(
    workspace: Workspace, tmp_path: Path
) -> None:
    loaded, _ = small()
    model = loaded.model
    assert isinstance(model, RewardModel)
    encoder = Encoder(loaded.tokenizer, 64)
    pairs = Collator(examples(encoder, 3, 2, soft_label=1.0), 0)
    samples = Samples(Collator(examples(encoder, 4, 3), 0), 2, rate=50.0, seed=0)
    batch = pairs.batch(pairs.examples)
    apart = samples.at(0)
    learns, ways, before = towards_spread(model, apart)
    # By hand: the same weights, moved, in a model of its own.
    other, _ = small()
    assert isinstance(other.model, RewardModel)
    with torch.no_grad():
        for parameter, way in zip(other.model.parameters(), ways, strict=True):
            if way is not None:
                parameter.add_(way, alpha=50.0)
    kept = [parameter.detach().clone() for parameter in learns]
    with moved(learns, ways, 50.0):
        found = slopes(model, batch)
        assert towards_spread(model, apart)[2] > before
    for one, by_hand in zip(found, slopes(other.model, batch), strict=True):
        assert torch.allclose(one, by_hand, atol=1e-5)
    assert all(map(torch.equal, learns, kept))
    plain = slopes(model, batch)
    assert not all(torch.allclose(a, b) for a, b in zip(found, plain, strict=True))
    # Every forward pass of a step sees the same samples, the next step others.
    assert torch.equal(samples.at(3).ids, samples.at(3).ids)
    assert samples.at(0).row_ids != samples.at(1).row_ids

    data = {
        "train": str(
            write_rows(tmp_path / "p.parquet", [reward_pair(i) for i in range(4)])
        )
    }

    def weights(preset: str, **params: Any) -> dict[str, Tensor]:
        meta = preset == "reward-meta"
        models = {"policy": {"source": "tiny:causal"}} if meta else {}
        shared = {"batch_size": 2, "learning_rate": 1e-2}
        spec = workspace.spec(
            "reward", preset=preset, data=data, models=models,
            params=shared | params, backend="hone",
        )  # fmt: skip
        run = workspace.run(spec, f"{preset}-{len(list(workspace.path.iterdir()))}")
        assert run.code == 0, run.status
        part = ModelPart(source=str(run.out / "model"))
        return dict(load_reward(part).model.state_dict())

    few = {"meta_prompts": 2, "meta_samples": 2, "max_new_tokens": 3}
    base = weights("reward-smoothed", label_smoothing=0.0)
    same = weights("reward-meta", meta_rate=0.0, **few)
    assert all(torch.equal(base[name], same[name]) for name in base)
    bent = weights("reward-meta", meta_rate=50.0, **few)
    assert not all(torch.equal(base[name], bent[name]) for name in base)
