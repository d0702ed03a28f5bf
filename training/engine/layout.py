"""Sequences as one batch of rows, with as few positions as the model allows.

A branch is a prompt, which is given, and a completion. Branches of one prompt share
one pass of it, where the model's attention can be told who sees whom. On a CPU they all
stand in one row, with whatever begins alike once, and attention runs each by itself
(attention.py); on an accelerator what is short stands beside something else in one row,
under a mask. Every other model gets a row a branch.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
import torch
from torch import Tensor
from transformers import PreTrainedModel

from training.engine import attention as runs_attention
from training.engine.prefixes import runs_of, standing

_LONG_ROW = 2048
"""Attention of a row this long is taken to cost as much as all the rest of it."""

Rows = list[list[list[int]]]
"""Rows of groups of branches; the branches of a group share their prompt."""


@dataclass(frozen=True)
class Branch:
    """One sequence: ``prompt`` is given (one token at least), ``completion`` scored."""

    prompt: tuple[int, ...]
    completion: tuple[int, ...]

    def __len__(self) -> int:
        return len(self.prompt) + len(self.completion)


@dataclass(frozen=True)
class Layout:
    """N branches as one batch of R rows of L positions.

    Attributes:
        ids, positions: shape (R, L).
        attention: (R, L), 1 on real tokens; or (R, 1, L, L) bool, True where a query
            (third axis) sees a key (fourth); or of one row its runs, (1, 1, N, 4)
            int32, as ``run_attention`` takes them.
        rows, columns: where each scored token is predicted from, shape (M,).
        labels: the scored tokens, shape (M,).
        sequences, indices: which branch each belongs to and its place there, (M,).
        mask: True on the scored tokens of each branch, shape (N, T).
        table: where each branch's tokens stand, counted over all positions; behind
            its end its last one again, (N, W).
        splits: where its prompt's last token stands, which is its own, (N,).
    """

    ids: Tensor
    positions: Tensor
    attention: Tensor
    rows: Tensor
    columns: Tensor
    labels: Tensor
    sequences: Tensor
    indices: Tensor
    mask: Tensor
    table: Tensor
    splits: Tensor

    def to(self, device: torch.device | str) -> Layout:
        """Return the same layout on a device."""
        return Layout(
            **{f.name: getattr(self, f.name).to(device) for f in fields(self)}
        )

    def inputs(self, model: Any) -> dict[str, Any]:
        """Return what the model's backbone is called with."""
        attention = self.attention
        eager = model.config._attn_implementation == "eager"
        if runs_attention.are_runs(attention):
            if eager:
                attention = runs_attention.visible(attention, self.ids.shape[1])
            else:
                runs_attention.install()
        if attention.dim() == 4 and eager:
            hidden_keys = ~attention
            attention = torch.zeros_like(attention, dtype=model.dtype)
            attention = attention.masked_fill(hidden_keys, torch.finfo(model.dtype).min)
        return {
            "input_ids": self.ids,
            "attention_mask": attention,
            "position_ids": self.positions,
            "use_cache": False,
        }

    @property
    def lasts(self) -> Tensor:
        """Where each branch's last token stands, (N,)."""
        return self.table[:, -1]

    def places(self, width: int) -> Tensor:
        """Return where every token of every branch stands, over all positions, (N, W).

        Behind a branch's end its last token is repeated.
        """
        missing = max(width - self.table.shape[1], 0)
        last = self.lasts[:, None].expand(-1, missing)
        return torch.cat([self.table, last], dim=1)[:, :width]


def can_share(model: PreTrainedModel) -> bool:
    """Return True if branches may share a row: plain causal attention only.

    Sliding windows, recurrent layers and kernels without masks would see other tokens
    than a row of its own does.
    """
    config = model.config
    plain = set(getattr(config, "layer_types", None) or []) <= {"full_attention"}
    return (
        plain
        and not getattr(config, "sliding_window", None)
        and not getattr(config, "attention_chunk_size", None)
        and not getattr(config, "alibi", False)
        and getattr(config, "model_type", "") in PLAIN_ATTENTION
        and getattr(config, "_attn_implementation", "") in ("sdpa", "eager")
    )


PLAIN_ATTENTION = (
    *("llama", "mistral", "qwen2", "qwen3", "gemma", "phi", "phi3", "olmo", "olmo2"),
    *("granite", "smollm3", "stablelm", "gpt_neox", "starcoder2"),
)
"""Model types whose layers attend to all that came before, and to nothing else."""


def shared_length(branches: Sequence[Branch]) -> int:
    """Return the tokens of branches whose equal prompts are run once."""
    prompts = {branch.prompt for branch in branches}
    own = sum(1 + len(branch.completion) for branch in branches)
    return sum(len(prompt) - 1 for prompt in prompts) + own


def lay_out(
    branches: Sequence[Branch],
    *,
    pad_token_id: int,
    groups: Sequence[int] | None = None,
    runs: bool | None = None,
) -> Layout:
    """Return branches as rows, right-padded.

    Args:
        groups: branches of one number and one prompt may share that prompt's pass,
            and groups a row, where it saves work; None gives every branch a row.
        runs: whether all stand in one row without padding, whose attention runs each
            by itself, and share whatever they have in common at their beginning, of
            whichever group; None does so where there is no accelerator.

    Raises:
        ValueError: if a branch has an empty prompt, from which nothing is predicted.
    """
    for number, branch in enumerate(branches):
        if not branch.prompt:
            raise ValueError(f"expected a prompt for branch {number}, found none")
    alone: Rows = [[[i]] for i in range(len(branches))]
    if groups is None:
        return _rows(branches, alone, pad_token_id)
    together: dict[tuple[int, tuple[int, ...]], list[int]] = {}
    for i, branch in enumerate(branches):
        together.setdefault((groups[i], branch.prompt), []).append(i)
    shared = list(together.values())
    if runs is None:
        runs = not torch.accelerator.is_available()
    if runs:
        return _one_row(branches)
    ways = [alone, [[group] for group in shared], _packed(branches, shared)]
    # Of equal ones the first, whose attention is the plainest.
    return _rows(branches, min(ways, key=lambda w: _cost(branches, w)), pad_token_id)


def _packed(branches: Sequence[Branch], groups: Sequence[list[int]]) -> Rows:
    """Put groups into rows no longer than the longest of them, longest first."""
    lengths = [_length(branches, group) for group in groups]
    order = sorted(range(len(groups)), key=lambda g: -lengths[g])
    room: list[int] = []
    rows: Rows = []
    for g in order:
        fitting = [r for r, left in enumerate(room) if left >= lengths[g]]
        if not fitting:
            rows.append([])
            room.append(lengths[order[0]])
            fitting = [len(rows) - 1]
        best = min(fitting, key=lambda r: room[r])
        rows[best].append(groups[g])
        room[best] -= lengths[g]
    return rows


def _length(branches: Sequence[Branch], group: Sequence[int]) -> int:
    return shared_length([branches[i] for i in group])


def _width(branches: Sequence[Branch], rows: Rows) -> int:
    return max(sum(_length(branches, group) for group in row) for row in rows)


def _cost(branches: Sequence[Branch], rows: Rows) -> float:
    width = _width(branches, rows)
    return len(rows) * width * (1 + width / _LONG_ROW)


def _one_row(branches: Sequence[Branch]) -> Layout:
    """Return branches as runs of one row; every common beginning stands there once."""
    sequences = [branch.prompt + branch.completion for branch in branches]
    # A branch has its prompt's last token to itself, which predicts its first own one.
    runs = runs_of(sequences, [len(branch.prompt) - 1 for branch in branches])
    ids = np.zeros(runs[-1].end, dtype=np.int64)
    positions = np.zeros_like(ids)
    places = standing(runs)
    for run in runs:
        sequence = sequences[run.sequence]
        ids[run.begin : run.end] = sequence[run.past :]
        positions[run.begin : run.end] = np.arange(run.past, len(sequence))
    told = [[run.parent, run.past, run.begin, run.end] for run in runs]
    return _layout(
        branches,
        ids[None],
        positions[None],
        torch.tensor([[told]], dtype=torch.int32),
        [places[i] for i in range(len(branches))],
    )


def _rows(branches: Sequence[Branch], rows: Rows, pad_token_id: int) -> Layout:
    width = _width(branches, rows)
    ids = np.full((len(rows), width), pad_token_id, dtype=np.int64)
    positions = np.zeros((len(rows), width), dtype=np.int64)
    # Which group of the row a position belongs to, -1 padding; and which branch of
    # the group, 0 its prompt.
    group = np.full((len(rows), width), -1, dtype=np.int64)
    owner = np.zeros((len(rows), width), dtype=np.int64)
    places = [np.zeros(0, dtype=np.int64)] * len(branches)
    for row, groups in enumerate(rows):
        at = 0
        for number, members in enumerate(groups):
            prompt = branches[members[0]].prompt
            base, start = at, len(prompt) - 1
            at += start
            ids[row, base:at] = prompt[:-1]
            positions[row, base:at] = np.arange(start)
            for branch, i in enumerate(members, 1):
                # Each branch says the prompt's last token again, at that token's own
                # position, so that its first scored token has a predictor of its own.
                end = at + 1 + len(branches[i].completion)
                ids[row, at] = prompt[-1]
                ids[row, at + 1 : end] = branches[i].completion
                positions[row, at:end] = np.arange(start, start + end - at)
                owner[row, at:end] = branch
                own = [np.arange(base, base + start), np.arange(at, end)]
                places[i] = np.concatenate(own) + row * width
                at = end
            group[row, base:at] = number
    plain = all(len(groups) == 1 and len(groups[0]) == 1 for groups in rows)
    if plain:
        attention = torch.from_numpy(group >= 0).long()
    else:
        attention = _visible(torch.from_numpy(group), torch.from_numpy(owner))
    return _layout(branches, ids, positions, attention, places)


def _layout(
    branches: Sequence[Branch],
    ids: np.ndarray,
    positions: np.ndarray,
    attention: Tensor,
    places: Sequence[np.ndarray],
) -> Layout:
    """Return a layout from its rows, and where each branch's tokens stand in them."""
    width = ids.shape[1]
    lengths = np.array([len(branch.completion) for branch in branches])
    splits = np.array(
        [p[len(branch.prompt) - 1] for p, branch in zip(places, branches, strict=True)]
    )
    scored = [token for branch in branches for token in branch.completion]
    indices = np.arange(len(scored)) - np.repeat(lengths.cumsum() - lengths, lengths)
    # A branch's own part stands together, so each token is predicted one place before.
    predictors = np.repeat(splits, lengths) + indices
    longest = max(len(found) for found in places)
    table = np.stack([np.pad(p, (0, longest - len(p)), mode="edge") for p in places])
    return Layout(
        ids=torch.from_numpy(ids),
        positions=torch.from_numpy(positions),
        attention=attention,
        rows=torch.from_numpy(predictors // width),
        columns=torch.from_numpy(predictors % width),
        labels=torch.tensor(scored, dtype=torch.long),
        sequences=torch.from_numpy(np.repeat(np.arange(len(branches)), lengths)),
        indices=torch.from_numpy(indices),
        mask=torch.from_numpy(np.arange(lengths.max())[None] < lengths[:, None]),
        table=torch.from_numpy(table),
        splits=torch.from_numpy(splits),
    )


def _visible(group: Tensor, owner: Tensor) -> Tensor:
    """Return which key each query sees, (R, 1, L, L): its prompt and its own branch.

    Padding sees padding, because a row of attention weights must not be empty.

    Args:
        group: which group a position belongs to, -1 for padding, shape (R, L).
        owner: which branch of the group, 0 for its prompt, shape (R, L).
    """
    width = group.shape[1]
    past = torch.ones(width, width, dtype=torch.bool).tril()
    key, query = owner[:, None, :], owner[:, :, None]
    together = group[:, None, :] == group[:, :, None]
    return (past & together & ((key == 0) | (key == query)))[:, None]
