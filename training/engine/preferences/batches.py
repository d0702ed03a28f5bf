"""Examples to batches: one layout for all their sequences, and padded columns."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import torch
from torch import Tensor

from training.engine.layout import Branch, Layout, lay_out
from training.engine.objectives.batch import Batch
from training.engine.preferences.examples import Example
from training.engine.preferences.frozen import Frozen


@dataclass(frozen=True)
class Collated:
    """A batch before the policy has run.

    Attributes:
        rows: positions of the examples in the training set; none of a filler, with
            which a process takes part in a step that leaves it no rows.
        weights: of the examples, one on average over the training set, shape (B,).
        batch: everything but the policy's log-probabilities, which are zeros.
    """

    layout: Layout
    batch: Batch
    weights: Tensor
    rows: tuple[int, ...] = field(default=())

    def __len__(self) -> int:
        return len(self.rows)

    def to(self, device: torch.device | str) -> Collated:
        """Return the same batch on a device."""

        def moved(found: Mapping[str, Tensor]) -> dict[str, Tensor]:
            return {name: value.to(device) for name, value in found.items()}

        return replace(
            self,
            layout=self.layout.to(device),
            weights=self.weights.to(device),
            batch=replace(
                self.batch,
                policy=self.batch.policy.to(device),
                mask=self.batch.mask.to(device),
                members=self.batch.members.to(device),
                frozen=moved(self.batch.frozen),
                extras=moved(self.batch.extras),
                columns=moved(self.batch.columns),
                weights=moved(self.batch.weights),
            ),
        )


class Collator:
    """Puts examples, by their positions, into batches.

    Args:
        frozen: what frozen models say of them; None if they run at every step.
        shared: whether the completions of an example share their prompt's pass.
        weighted: whether rows count by their weight.
    """

    def __init__(
        self,
        examples: Sequence[Example],
        frozen: Frozen,
        *,
        pad_token_id: int,
        shared: bool,
        weighted: bool,
    ) -> None:
        self._examples = examples
        self._frozen = frozen
        self._pad = pad_token_id
        self._shared = shared
        total = sum(example.weight for example in examples)
        even = not weighted or total <= 0
        self._weights = [
            1.0 if even else example.weight * len(examples) / total
            for example in examples
        ]

    def __call__(self, positions: Sequence[int]) -> dict[str, Collated]:
        if list(positions) == [len(self._examples)]:
            filler = self([0])["batch"]
            weights = torch.zeros_like(filler.weights)
            none = {n: torch.full_like(v, -1) for n, v in filler.batch.extras.items()}
            batch = replace(filler.batch, extras=none)
            return {"batch": replace(filler, weights=weights, rows=(), batch=batch)}
        examples = [self._examples[i] for i in positions]
        branches: list[Branch] = []
        groups: list[int] = []
        members, extras = [], []
        for number, example in enumerate(examples):
            start = len(branches)
            branches += example.branches
            groups += [number] * len(example.branches)
            members.append(list(range(start, start + len(example.members))))
            names = list(example.extras)
            first = start + len(example.members)
            extras.append({name: first + i for i, name in enumerate(names)})
        layout = lay_out(
            branches, pad_token_id=self._pad, groups=groups if self._shared else None
        )
        batch = Batch(
            policy=torch.zeros(layout.mask.shape),
            mask=layout.mask,
            members=_padded(members),
            frozen=self._frozen_rows(positions, layout.mask.shape[1]),
            extras={
                name: torch.tensor([found.get(name, -1) for found in extras])
                for name in {name for found in extras for name in found}
            },
            columns=_columns(examples),
            row_ids=tuple(example.row_id for example in examples),
        )
        weights = torch.tensor([self._weights[i] for i in positions])
        return {"batch": Collated(layout, batch, weights, tuple(positions))}

    def _frozen_rows(self, positions: Sequence[int], width: int) -> dict[str, Tensor]:
        if not positions:
            return {}
        rows: dict[str, list[np.ndarray]] = {}
        for i in positions:
            values, contexts = self._frozen.values[i], self._frozen.contexts[i]
            count = len(self._examples[i].branches)
            for name, found in values.items():
                rows.setdefault(name, []).extend(found)
            for name, found in contexts.items():
                # Members alone were run under other prompts; nothing asks for more.
                rest = [np.zeros(0, np.float32)] * (count - len(found))
                rows.setdefault(name, []).extend([*found, *rest])
        return {name: _rows(found, width) for name, found in rows.items()}


def _rows(values: Sequence[np.ndarray], width: int) -> Tensor:
    table = np.zeros((len(values), width), dtype=np.float32)
    for row, found in zip(table, values, strict=True):
        # A context may have been cut where the member was not.
        row[: len(found)] = found[:width]
    return torch.from_numpy(table)


def _padded(rows: Sequence[Sequence[int]]) -> Tensor:
    width = max(len(row) for row in rows)
    return torch.tensor([[*row, *[-1] * (width - len(row))] for row in rows])


def _columns(examples: Sequence[Example]) -> dict[str, Tensor]:
    columns = {}
    for name in examples[0].columns:
        values = [example.columns[name] for example in examples]
        if isinstance(values[0], tuple):
            lists = [v if isinstance(v, tuple) else (v,) for v in values]
            width = max(len(v) for v in lists)
            columns[name] = torch.tensor(
                [[*v, *[0.0] * (width - len(v))] for v in lists]
            )
        else:
            columns[name] = torch.tensor(values)
    return columns
