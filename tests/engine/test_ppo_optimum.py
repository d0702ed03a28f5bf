"""PPO's own code on tabular policies, whose optimum is known in closed form."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor, nn

from training.engine.ppo.actor_critic import Outputs
from training.engine.ppo.experience import Experience, Sequences, sequences
from training.engine.ppo.gae import advantages_and_returns, state_mask, token_rewards
from training.engine.ppo.kl import kl_estimate
from training.engine.ppo.learner import UpdateSettings, update

WORDS, BETA = 3, 0.5
STEPS = 100
PROMPT = [0]


class Table(nn.Module):
    """A policy of two-token completions: a row of logits and a value a prefix.

    Row 0 is the empty prefix, row 1 + w follows the first token w.
    """

    def __init__(self, seed: int = 0) -> None:
        super().__init__()
        start = torch.randn(
            1 + WORDS, WORDS, generator=torch.Generator().manual_seed(seed)
        )
        self.logits = nn.Parameter(start)
        self.values = nn.Parameter(torch.zeros(1 + WORDS))

    def forward(self, batch: Sequences, *, with_entropy_gradient: bool = False) -> Any:
        words = batch.ids[:, 1:] - 1  # (B, 2); ids are 1 .. WORDS
        rows = torch.stack([torch.zeros_like(words[:, 0]), 1 + words[:, 0]], 1)
        every = torch.log_softmax(self.logits[rows], -1)  # (B, 2, WORDS)
        logprobs = every.gather(-1, words[..., None])[..., 0]
        entropy = -(every.exp() * every).sum(-1)
        return Outputs(logprobs, entropy, self.values[rows])

    def joint(self) -> Tensor:
        """Return the probability of every completion, (WORDS, WORDS)."""
        first = torch.softmax(self.logits[0].detach(), -1)
        return first[:, None] * torch.softmax(self.logits[1:].detach(), -1)


def draw(probabilities: Tensor, count: int, seed: int) -> Sequences:
    flat = torch.multinomial(
        probabilities.flatten(),
        count,
        replacement=True,
        generator=torch.Generator().manual_seed(seed),
    )
    completions = [[1 + k // WORDS, 1 + k % WORDS] for k in flat.tolist()]
    return sequences([PROMPT] * count, completions, pad_token_id=0, width=2)


def optimum(reference: Tensor, rewards: Tensor) -> Tensor:
    weights = reference * (rewards / BETA).exp()
    return weights / weights.sum()


@pytest.mark.parametrize(
    ("kl_place", "whiten", "trace"),
    [("reward", False, 0.95), ("reward", True, 1.0), ("loss", False, 1.0)],
)
def test_tabular_policy_reaches_the_kl_regularised_optimum(
    kl_place: str, whiten: bool, trace: float
) -> None:
    """Sampled completions lead to ref * exp(r / beta), in total variation.

    With the penalty in the reward advantages vanish at the optimum, and so does their
    noise; in the loss they do not.
    """
    table, reference = Table(), Table()
    rewards = 1.5 * torch.randn(
        WORDS, WORDS, generator=torch.Generator().manual_seed(1)
    )
    if kl_place == "loss":
        # A penalty in the loss is blind to what a token makes later ones cost, so the
        # optimum is reached where only the first token is rewarded.
        rewards = torch.tensor([[1.5], [-1.5], [0.5]]).expand(WORDS, WORDS)
    target = optimum(reference.joint(), rewards)
    begun = float((table.joint() - target).abs().sum() / 2)
    settings = UpdateSettings(
        epochs=2,
        minibatch=512,
        forward=512,
        value_coef=1.0,
        value_clip=None,
        kl_coef=BETA if kl_place == "loss" else 0.0,
        # Advantages of unit variance would weigh less against a penalty in the loss.
        max_grad_norm=10.0,
        reduction="sequence_sum",
    )
    optimizer = torch.optim.Adam(
        [
            {"params": [table.logits], "lr": 0.05},
            {"params": [table.values], "lr": 0.1},
        ]
    )
    decay = torch.optim.lr_scheduler.LinearLR(optimizer, 1.0, 0.05, STEPS)
    tail = torch.zeros(WORDS, WORDS)
    for step in range(STEPS):
        batch = draw(table.joint(), 1024, seed=step)
        with torch.no_grad():
            old, frozen = table(batch), reference(batch)
            words = batch.ids[:, 1:] - 1
            scores = rewards[words[:, 0], words[:, 1]]
            kl = kl_estimate(old.logprobs, frozen.logprobs, "k1")
            penalties = -BETA * kl if kl_place == "reward" else torch.zeros_like(kl)
            states = state_mask(batch.lengths, 2, "last")
            advantages, returns = advantages_and_returns(
                token_rewards(scores, penalties, batch.lengths, "last"),
                old.values,
                tokens=batch.tokens,
                states=states,
                discount=1.0,
                trace=trace,
                whiten_rewards=False,
                whiten_advantages=whiten,
            )
        experience = Experience(
            batch,
            old.logprobs,
            frozen.logprobs,
            advantages,
            states,
            torch.ones_like(advantages),
            old.values,
            returns,
        )
        update(
            table,
            list(table.parameters()),
            optimizer,
            experience,
            settings,
            seed=(0, step),
        )
        decay.step()
        if step >= STEPS - 20:
            tail += table.joint() / 20
    found = float((tail - target).abs().sum() / 2)
    assert begun > 0.15
    assert found < (0.002 if kl_place == "reward" else 0.03)
