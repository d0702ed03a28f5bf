"""What an update learns from: sampled completions as padded tensors."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace

import torch
from torch import Tensor

from training.engine.ppo.gae import positions
from training.engine.scorers import pad


@dataclass(frozen=True)
class Sequences:
    """Prompts and their completions, right-padded side by side.

    Attributes:
        ids, attention: tokens of prompt and completion, and 1 on real ones, (B, L).
        starts: prompt tokens of each row, so where its completion begins, (B,).
        lengths: completion tokens of each row, at least 1, (B,).
        width: T, the columns of everything that is told token by token.
    """

    ids: Tensor
    attention: Tensor
    starts: Tensor
    lengths: Tensor
    width: int

    @property
    def tokens(self) -> Tensor:
        """True on completion tokens, (B, T)."""
        return positions(self.lengths, self.width)

    def select(self, rows: Tensor) -> Sequences:
        """Return some rows, without the padding that only others needed."""
        attention = self.attention[rows]
        longest = int(attention.sum(1).max()) if len(rows) else 1
        return Sequences(
            self.ids[rows, :longest],
            attention[:, :longest],
            self.starts[rows],
            self.lengths[rows],
            self.width,
        )

    def to(self, device: torch.device) -> Sequences:
        """Return the same on another device."""
        return Sequences(
            self.ids.to(device),
            self.attention.to(device),
            self.starts.to(device),
            self.lengths.to(device),
            self.width,
        )


def sequences(
    prompts: Sequence[Sequence[int]],
    completions: Sequence[Sequence[int]],
    *,
    pad_token_id: int,
    width: int,
) -> Sequences:
    """Return prompts and completions as tensors.

    Raises:
        ValueError: if a completion is empty or longer than ``width``.
    """
    for number, completion in enumerate(completions):
        if not 0 < len(completion) <= width:
            raise ValueError(
                f"expected 1 to {width} tokens in completion {number}, "
                f"found {len(completion)}"
            )
    rows = [[*p, *c] for p, c in zip(prompts, completions, strict=True)]
    ids, attention = pad(rows, pad_token_id)
    return Sequences(
        ids,
        attention,
        torch.tensor([len(p) for p in prompts]),
        torch.tensor([len(c) for c in completions]),
        width,
    )


@dataclass(frozen=True)
class Experience:
    """One update's completions with everything its losses need.

    Attributes:
        sequences: the tokens.
        old_logprobs: under the policy that is being improved, (B, T).
        reference_logprobs: under the frozen reference, (B, T).
        advantages: of every token, (B, T).
        old_values, returns: of every state; None without a critic.
        states: True where a value is learned, (B, T).
        weights: importance weight of every token, (B, T): 1 unless the completions
            were drawn by another program than the one that learns.
        tied: 1 for completions that a penalty in the loss holds to the reference, 0
            for others, (B,); None holds all.
    """

    sequences: Sequences
    old_logprobs: Tensor
    reference_logprobs: Tensor
    advantages: Tensor
    states: Tensor
    weights: Tensor
    old_values: Tensor | None = None
    returns: Tensor | None = None
    tied: Tensor | None = None

    def __len__(self) -> int:
        return len(self.sequences.lengths)

    def select(self, rows: Tensor) -> Experience:
        """Return some rows."""
        changes = {
            field.name: value[rows]
            for field in fields(self)
            if isinstance(value := getattr(self, field.name), Tensor)
        }
        return replace(self, sequences=self.sequences.select(rows), **changes)

    def to(self, device: torch.device) -> Experience:
        """Return the same on another device."""
        changes = {
            field.name: value.to(device)
            for field in fields(self)
            if isinstance(value := getattr(self, field.name), Tensor)
        }
        return replace(self, sequences=self.sequences.to(device), **changes)
