"""Examples for reward models: token ids and numbers, and batches of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import torch
from torch import Tensor
from transformers import PreTrainedTokenizerBase

from training.engine.data import Messages
from training.engine.layout import Branch, Layout, lay_out, shared_length
from training.engine.rewards.terms import RewardBatch
from training.engine.rewards.value_losses import IGNORED
from training.engine.scorers import pad
from training.engine.tokens import render, shorten, tokenize

Number = float | tuple[float, ...]


@dataclass(frozen=True)
class Encoded:
    """One sequence for the backbone.

    Attributes:
        ids: all its tokens.
        prompt: how many of them are the prompt's.
        ends: last tokens of its segments.
    """

    ids: tuple[int, ...]
    prompt: int
    ends: tuple[int, ...] = ()

    def __len__(self) -> int:
        return len(self.ids)

    @property
    def branch(self) -> Branch:
        """The same sequence, with at least one token given."""
        at = max(self.prompt, 1)
        return Branch(self.ids[:at], self.ids[at:])


@dataclass(frozen=True)
class Example:
    """One example.

    Attributes:
        members: what is compared, of pairs the chosen side first; None for an empty
            place.
        columns: numbers by name.
    """

    row_id: str
    members: tuple[Encoded | None, ...]
    columns: Mapping[str, Number] = field(default_factory=dict)
    weight: float = 1.0

    @property
    def length(self) -> int:
        """Tokens of the longest sequence."""
        return max(len(member) for member in self.members if member is not None)

    @property
    def shared_length(self) -> int:
        """Tokens of all sequences, where equal prompts are run once."""
        there = [member.branch for member in self.members if member is not None]
        return shared_length(list(dict.fromkeys(there)))


class Encoder:
    """Chats to sequences, shortened to fit and counted."""

    def __init__(self, tokenizer: PreTrainedTokenizerBase, max_length: int) -> None:
        self.tokenizer = tokenizer
        self.max_length = max_length
        self.shortened = 0
        self._keep = 1 if tokenizer.cls_token_id is not None else 0

    def sequences(
        self, prompt: Messages, completions: Sequence[Messages]
    ) -> tuple[Encoded, ...]:
        """Return completions of one prompt, which all keep the same part of it."""
        head, tails = tokenize(self.tokenizer, prompt, list(completions))
        head, tails, cut = shorten(head, tails, self.max_length, keep_first=self._keep)
        self.shortened += cut
        return tuple(Encoded((*head, *tail), len(head)) for tail in tails)

    def question(self, messages: Messages) -> Encoded:
        """Return a conversation up to where the model answers; its end is kept."""
        ids = render(self.tokenizer, messages, generation=True)
        if len(ids) > self.max_length:
            self.shortened += 1
            tail = self.max_length - self._keep
            ids = [*ids[: self._keep], *ids[-tail:]]
        return Encoded(tuple(ids), len(ids))

    def cut(self, ids: Sequence[int], prompt: int, ends: Sequence[int]) -> Encoded:
        """Return a segmented sequence that fits; segments that go are not judged."""
        if len(ids) > self.max_length:
            self.shortened += 1
        kept = tuple(ids[: self.max_length])
        return Encoded(
            kept,
            min(prompt, len(kept)),
            tuple(end for end in ends if end < len(kept)),
        )


@dataclass(frozen=True)
class Collator:
    """Puts examples, by their positions, into batches; equal sequences run once.

    Attributes:
        weighted: whether weights count.
        by_name: True where equal texts of different users must be read apart.
        shared: whether sequences of one prompt share its pass.
    """

    examples: Sequence[Example]
    pad_token_id: int
    weighted: bool = False
    by_name: bool = False
    shared: bool = False

    def __call__(self, rows: Sequence[int]) -> dict[str, RewardBatch]:
        if list(rows) == [len(self.examples)]:
            return {"batch": self._filler()}
        return {"batch": self.batch([self.examples[row] for row in rows])}

    def _filler(self) -> RewardBatch:
        """Return what a process without rows takes part in a step with."""
        batch = self.batch(self.examples[:1])
        weights = torch.zeros(len(batch))
        return replace(batch, weights=weights, is_filler=True)

    def mean_weight(self) -> float:
        """Return the mean weight of all examples."""
        return sum(e.weight for e in self.examples) / len(self.examples)

    def batch(self, examples: Sequence[Example]) -> RewardBatch:
        """Return a batch of examples."""
        unique: dict[tuple[Encoded, Number | None], int] = {}
        width = max(len(example.members) for example in examples)
        members = torch.full((len(examples), width), -1, dtype=torch.long)
        for row, example in enumerate(examples):
            name = example.columns.get("named") if self.by_name else None
            for place, member in enumerate(example.members):
                if member is not None:
                    key = (member, name)
                    members[row, place] = unique.setdefault(key, len(unique))
        sequences = [sequence for sequence, _ in unique]
        ids, mask = pad([sequence.ids for sequence in sequences], self.pad_token_id)
        ends = torch.zeros_like(mask, dtype=torch.bool)
        for row, sequence in enumerate(sequences):
            ends[row, list(sequence.ends)] = True
        scale = 1 / self.mean_weight() if self.weighted else 0.0
        weights = [e.weight * scale if self.weighted else 1.0 for e in examples]
        return RewardBatch(
            ids=ids,
            mask=mask,
            prompts=torch.tensor([sequence.prompt for sequence in sequences]),
            members=members,
            columns={
                name: _column(name, [example.columns[name] for example in examples])
                for name in examples[0].columns
            },
            ends=ends,
            row_ids=tuple(example.row_id for example in examples),
            weights=torch.tensor(weights),
            layout=self._layout(sequences),
        )

    def _layout(self, sequences: Sequence[Encoded]) -> Layout | None:
        if not self.shared:
            return None
        return lay_out(
            [sequence.branch for sequence in sequences],
            pad_token_id=self.pad_token_id,
            groups=[0] * len(sequences),
        )


def _column(name: str, values: Sequence[Number]) -> Tensor:
    """Return numbers as a tensor; rows of different lengths are filled up."""
    rows = [value if isinstance(value, tuple) else (value,) for value in values]
    if not isinstance(values[0], tuple):
        return torch.tensor([row[0] for row in rows])
    width = max(len(row) for row in rows)
    filler = float(IGNORED) if name == "token_labels" else float("nan")
    return torch.tensor([[*row, *[filler] * (width - len(row))] for row in rows])
