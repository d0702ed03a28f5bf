"""What an objective sees of one step: log-probabilities and the rows' columns."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import torch
from torch import Tensor

Params = Mapping[str, float | str | None]


@dataclass(frozen=True)
class Batch:
    """B examples over N sequences of at most T scored tokens.

    Attributes:
        policy: token log-probabilities under the policy, shape (N, T); gradient flows.
        mask: True on scored tokens, shape (N, T).
        frozen: the same under each named frozen model, shape (N, T).
        members: which sequences an example compares, shape (B, K), the best first in
            pairs; -1 where an example has fewer.
        extras: further sequences of an example by name, shape (B,); -1 where absent.
        columns: numbers of the rows by name, shape (B,) or (B, K).
        weights: factors of token scores, shape (N, T), where a method has them.
        read: what else the policy's forward says of sequences, first axis N.
        row_ids: names of the examples, for messages.
    """

    policy: Tensor
    mask: Tensor
    members: Tensor
    frozen: Mapping[str, Tensor] = field(default_factory=dict)
    extras: Mapping[str, Tensor] = field(default_factory=dict)
    columns: Mapping[str, Tensor] = field(default_factory=dict)
    weights: Mapping[str, Tensor] = field(default_factory=dict)
    read: Mapping[str, Tensor] = field(default_factory=dict)
    row_ids: tuple[str, ...] = ()

    @property
    def lengths(self) -> Tensor:
        """Scored tokens of each sequence, at least 1, shape (N,)."""
        return self.mask.sum(-1).clamp(min=1)

    def of(self, values: Tensor, index: Tensor) -> Tensor:
        """Return values (N,) of the sequences at ``index``; 0 where it is -1."""
        found = values[index.clamp(min=0)]
        return torch.where(index >= 0, found, torch.zeros_like(found))

    def column(self, name: str) -> Tensor:
        """Return a column.

        Raises:
            KeyError: if the rows lack it.
        """
        if name not in self.columns:
            raise KeyError(f"the batch has no column {name!r}: {sorted(self.columns)}")
        return self.columns[name]

    def under(self, name: str) -> Tensor:
        """Return the token log-probabilities of a frozen model, shape (N, T).

        Raises:
            KeyError: if the batch has no such model.
        """
        if name not in self.frozen:
            raise KeyError(f"the batch has no model {name!r}: {sorted(self.frozen)}")
        return self.frozen[name]

    def select(self, examples: Tensor) -> Batch:
        """Return the same batch with some of its examples; sequences stay."""
        return replace(
            self,
            members=self.members[examples],
            extras={k: v[examples] for k, v in self.extras.items()},
            columns={k: v[examples] for k, v in self.columns.items()},
            row_ids=tuple(self.row_ids[int(i)] for i in examples)
            if self.row_ids
            else (),
        )


def number(params: Params, name: str) -> float:
    """Return a numeric setting of a method."""
    value = params[name]
    if isinstance(value, str) or value is None:
        raise TypeError(f"expected {name} to be a number, found {value!r}")
    return float(value)
