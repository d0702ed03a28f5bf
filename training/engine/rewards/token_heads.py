"""Heads that say something of every token: whether a part is fine, what is to come."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from training.engine.rewards.heads import Features, Head, Options, Output


class TokenHead(Head):
    """Says of each token whether what ends there is fine; class 1 is an error.

    A segment earns +1 if it is fine and -1 if not, at its last token; the component
    is their sum.

    Source: Wu et al. 2023, Fine-Grained Human Feedback Gives Better Rewards.
    """

    wants = frozenset({"tokens"})

    def __init__(self, width: int, options: Options) -> None:
        super().__init__()
        self.linear = nn.Linear(width, 2)

    def forward(self, features: Features) -> Output:
        logits = self.linear(self.needed(features.tokens, "tokens"))
        ends = self.needed(features.ends, "ends")
        rewards = token_rewards(logits, ends)
        return Output(rewards.sum(-1, keepdim=True), tokens=logits)


def token_rewards(logits: Tensor, ends: Tensor) -> Tensor:
    """Return +1 or -1 at every segment's last token and 0 elsewhere, (U, T).

    Args:
        logits: of fine and error, shape (U, T, 2).
        ends: True at segments' last tokens, shape (U, T).
    """
    fine = logits[..., 0] >= logits[..., 1]
    return torch.where(fine, 1.0, -1.0).to(logits.dtype) * ends


class ValueHead(Head):
    """Says at every token what the completion will have earned when it ends.

    Its one component is what it says at the last token, of the whole.

    Source: Han et al. 2024, Value Augmented Sampling, the authors' code.
    """

    wants = frozenset({"tokens"})

    def __init__(self, width: int, options: Options) -> None:
        super().__init__()
        self.linear = nn.Linear(width, 1)
        nn.init.normal_(self.linear.weight, std=1 / (width + 1))
        nn.init.zeros_(self.linear.bias)

    def forward(self, features: Features) -> Output:
        states = self.needed(features.tokens, "tokens")
        return Output(self.linear(features.last), tokens=self.linear(states))
