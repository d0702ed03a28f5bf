"""Steering a frozen model while it samples, by what its beginnings are worth."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from transformers import LogitsProcessor

from training.engine.context import RunContext
from training.engine.errors import FixableError
from training.engine.models import Loaded, load_reward
from training.engine.rewards.model import RewardModel
from training.engine.scorers import pad

_FORWARD = 64
"""Beginnings that the value model reads side by side."""


def augmented(logits: Tensor, top: Tensor, values: Tensor, beta: float) -> Tensor:
    """Return logits + beta (V - mean V) at the top tokens, the others as they are.

    Args:
        logits: shape (B, V).
        top: tokens that were valued, shape (B, K).
        values: of the beginning with each of them behind it, shape (B, K).

    Source: Han et al. 2024, Value Augmented Sampling, the authors' code, which centres
    over the top tokens alone.
    """
    gain = beta * (values - values.mean(1, keepdim=True))
    return logits.scatter_add(1, top, gain.to(logits))


@dataclass
class ValueSteering(LogitsProcessor):
    """Adds values of the next token to a generating model's logits, step by step.

    Attributes:
        values: a model of reward-values, of the same vocabulary.
        mask: of the prompts, 0 on the padding at the left, shape (B, P).
        beta: how much a unit of value counts; 0 changes nothing.
        top: K, the likeliest tokens, which are valued.
    """

    values: Loaded
    mask: Tensor
    beta: float
    top: int

    @torch.no_grad()
    def __call__(self, input_ids: Tensor, scores: Tensor) -> Tensor:
        """Return steered logits, (B, V)."""
        if not self.beta:
            return scores
        top = scores.topk(min(self.top, scores.shape[1])).indices  # (B, K)
        starts = (self.mask == 0).sum(1).tolist()
        beginnings = [
            [*row[start:], token]
            for row, start, tokens in zip(
                input_ids.tolist(), starts, top.tolist(), strict=True
            )
            for token in tokens
        ]
        found = torch.cat(
            [
                self._valued(beginnings[at : at + _FORWARD])
                for at in range(0, len(beginnings), _FORWARD)
            ]
        )
        return augmented(scores, top, found.view(top.shape), self.beta)

    def _valued(self, beginnings: list[list[int]]) -> Tensor:
        """Return each beginning's value, (N,)."""
        model = self.values.model
        assert isinstance(model, RewardModel)
        ids, mask = pad(beginnings, int(self.values.tokenizer.pad_token_id or 0))
        ids, mask = ids.to(model.device), mask.to(model.device)
        output = model.head(model.features(ids, mask, mask.sum(1)))
        return model.value(output)


def value_model(context: RunContext, policy: Loaded) -> Loaded:
    """Return the model that steers a run, on the policy's device.

    Raises:
        FixableError: if it values no beginnings, or of another vocabulary.
    """
    loaded = load_reward(context.spec.models["value"], seed=context.spec.seed)
    model = loaded.model
    why = ""
    if not isinstance(model, RewardModel) or model.description.head != "value":
        why = "a model that does not value beginnings"
    elif loaded.tokenizer.get_vocab() != policy.tokenizer.get_vocab():
        why = "a model of another vocabulary"
    if why:
        raise FixableError(
            "This model cannot steer.",
            expected="a model of reward-values, with the policy's vocabulary",
            found=why,
            fix="Train reward-values from the model that is to be steered.",
            field="models.value",
        )
    model.requires_grad_(False).eval().to(policy.model.device)
    return loaded
