"""Values of beginnings: their targets, and what steering by them comes to."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from tests.engine.identities.support import draw
from tests.engine.reward_rows import small
from training.engine.augmented import ValueSteering, augmented
from training.engine.rewards.feature_head import FeatureHead
from training.engine.rewards.heads import Features
from training.engine.rewards.model import RewardModel
from training.engine.rewards.value_losses import td_loss, td_targets

FIRST, LAST = torch.tensor([0, 2]), torch.tensor([3, 2])


def test_targets_run_from_the_next_value_to_the_reward() -> None:
    values, rewards = draw(2, 5, seed=3), torch.tensor([1.0, -2.0]).double()
    whole = td_targets(values, FIRST, LAST, rewards, 1.0)
    assert whole.tolist() == [[1.0, 1.0, 1.0, 1.0, 0.0], [0.0, 0.0, -2.0, 0.0, 0.0]]
    steps = td_targets(values, FIRST, LAST, rewards, 0.0)
    assert torch.equal(steps[0, :3], values[0, 1:4])
    assert steps[0, 3] == 1.0 and steps[1].tolist() == whole[1].tolist()
    # By hand, from the end: G_2 = 0.1 V_3 + 0.9 R.
    mixed = td_targets(values, FIRST, LAST, rewards, 0.9)
    third = 0.1 * values[0, 3] + 0.9
    assert mixed[0, 2].item() == pytest.approx(third.item())
    assert mixed[0, 1].item() == pytest.approx(
        (0.1 * values[0, 2] + 0.9 * third).item()
    )
    # A reward that is always the same is its own value, whatever lambda.
    same = rewards[:, None].expand(2, 5)
    assert td_loss(same, FIRST, LAST, rewards, 0.3).tolist() == [0.0, 0.0]
    off = td_loss(same + 2, FIRST, LAST, rewards, 1.0)
    assert off.tolist() == pytest.approx([2.0, 2.0])
    leaf = values.clone().requires_grad_(True)
    td_loss(leaf, FIRST, LAST, rewards, 0.9).sum().backward()
    assert leaf.grad is not None
    expected = (values - mixed)[0, :4] / 4
    assert torch.allclose(leaf.grad[0, :4], expected)
    assert leaf.grad[0, 4] == 0 and leaf.grad[1, :2].abs().sum() == 0


def test_few_pairs_suffice_for_a_linear_utility() -> None:
    utility = torch.tensor([2.0, -1.0, 0.5, 0.0, 1.0, -2.0, 1.5])
    torch.manual_seed(0)
    head = FeatureHead(1, {"features": 7, "hidden": 16})
    optimizer = torch.optim.Adam(head.parameters(), lr=1e-2)

    def sides(count: int, seed: int) -> tuple[Tensor, Tensor]:
        both = draw(2, count, 7, seed=seed).float()
        better = ((both[0] - both[1]) @ utility > 0)[:, None]
        return (
            torch.where(better, both[0], both[1]),
            torch.where(better, both[1], both[0]),
        )

    def gaps(count: int, seed: int) -> Tensor:
        scores = [
            head(Features(side[:, :1], numbers=side)).values[:, 0]
            for side in sides(count, seed)
        ]
        return scores[0] - scores[1]

    for _ in range(150):
        optimizer.zero_grad()
        (-torch.nn.functional.logsigmoid(gaps(500, 1))).mean().backward()
        optimizer.step()
    assert (gaps(1000, 2) > 0).float().mean() >= 0.93


def test_one_steered_step_is_the_tilted_model() -> None:
    logits, rewards = draw(2, 6, seed=4), draw(2, 6, seed=5)
    every = torch.arange(6).expand(2, 6)
    found = augmented(logits, every, rewards, 1.7).softmax(-1)
    assert torch.allclose(found, (logits + 1.7 * rewards).softmax(-1))
    assert torch.equal(augmented(logits, every, rewards, 0.0), logits)
    # Tokens that are not valued keep their logits.
    top = torch.tensor([[1, 4], [0, 2]])
    some = augmented(logits, top, rewards[:, :2], 1.7)
    assert torch.equal(some[0, [0, 2, 3, 5]], logits[0, [0, 2, 3, 5]])
    assert some[0, 1] - logits[0, 1] == pytest.approx(
        (1.7 * (rewards[0, 0] - rewards[0, :2].mean())).item()
    )


def test_steered_tree_lies_between_the_model_and_the_optimum() -> None:
    beta, branches = 2.0, 3
    first = torch.log_softmax(draw(branches, seed=6), -1)
    second = torch.log_softmax(draw(branches, branches, seed=7), -1)
    rewards = draw(branches, branches, seed=8).sigmoid()

    def worth(one: Tensor, two: Tensor) -> tuple[float, float]:
        """Return the mean reward, and the same less the tie to the model."""
        both = (one[:, None] + two).exp()
        mean = (both * rewards).sum().item()
        tie = (both * (one[:, None] + two - first[:, None] - second)).sum().item()
        return mean, mean - tie / beta

    def steered(logits: Tensor, values: Tensor) -> Tensor:
        rows = logits.view(-1, branches)
        every = torch.arange(branches).expand(rows.shape)
        found = augmented(rows, every, values.view(rows.shape), beta)
        return found.log_softmax(-1).view(logits.shape)

    values = (second.exp() * rewards).sum(1)  # of the model as it is
    soft = torch.logsumexp(second + beta * rewards, 1) / beta
    model = worth(first, second)
    augmented_model = worth(steered(first, values), steered(second, rewards))
    best = worth(steered(first, soft), steered(second, rewards))
    assert model[1] < augmented_model[1] <= best[1]
    assert model[0] < augmented_model[0]
    # The optimum of the tie, whose value is known in closed form.
    closed = torch.logsumexp(first + beta * soft, 0).item() / beta
    assert best[1] == pytest.approx(closed)


def test_steering_reads_every_beginning_with_its_next_token() -> None:
    loaded, _ = small("value")
    model = loaded.model
    assert isinstance(model, RewardModel)
    prompts = [[9, 8, 7], [6, 5]]
    ids = torch.tensor([[9, 8, 7, 11], [0, 6, 5, 12]])
    mask = torch.tensor([[1, 1, 1], [0, 1, 1]])
    scores = draw(2, 40, seed=9).float()
    steering = ValueSteering(loaded, mask, 1.5, 3)
    found = steering(ids, scores)
    for row, (prompt, drawn) in enumerate(zip(prompts, (11, 12), strict=True)):
        top = scores[row].topk(3).indices
        alone = torch.tensor([[*prompt, drawn, int(token)] for token in top])
        with torch.no_grad():
            features = model.features(
                alone, torch.ones_like(alone), torch.tensor([1, 1, 1])
            )
            values = model.head(features).values[:, 0]
        expected = scores[row, top] + 1.5 * (values - values.mean())
        assert torch.allclose(found[row, top], expected, atol=1e-5)
        others = torch.ones(40, dtype=torch.bool)
        others[top] = False
        assert torch.equal(found[row, others], scores[row, others])
    assert torch.equal(ValueSteering(loaded, mask, 0.0, 3)(ids, scores), scores)
