"""Running frozen models over token ids: scores of sequences, log-probabilities."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from typing import TypeVar

import torch
from torch import Tensor
from transformers import PreTrainedModel

from training.engine.logprobs import vocabulary_logits

Tick = Callable[[int], None]
Item = TypeVar("Item", bound=Hashable)


def _batches(lengths: Sequence[int], batch_size: int) -> list[list[int]]:
    """Group positions by length, longest first, so that padding is short."""
    order = sorted(range(len(lengths)), key=lambda i: -lengths[i])
    return [order[i : i + batch_size] for i in range(0, len(order), batch_size)]


def _places(items: Sequence[Item]) -> dict[Item, list[int]]:
    """Return each distinct item with the positions it stands at."""
    places: dict[Item, list[int]] = {}
    for position, item in enumerate(items):
        places.setdefault(item, []).append(position)
    return places


def pad(rows: Sequence[Sequence[int]], value: int) -> tuple[Tensor, Tensor]:
    """Return right-padded ids and a mask that is 1 on real tokens, both (B, T)."""
    width = max(len(row) for row in rows)
    ids = torch.full((len(rows), width), value, dtype=torch.long)
    mask = torch.zeros((len(rows), width), dtype=torch.long)
    for i, row in enumerate(rows):
        ids[i, : len(row)] = torch.tensor(row, dtype=torch.long)
        mask[i, : len(row)] = 1
    return ids, mask


@torch.no_grad()
def reward_scores(
    model: PreTrainedModel,
    sequences: Sequence[Sequence[int]],
    *,
    pad_token_id: int,
    batch_size: int,
    tick: Tick | None = None,
) -> list[float]:
    """Return one score per sequence, in the given order; equal ones are run once.

    Args:
        tick: called with the number of sequences done after each batch; it may raise
            to end early.
    """
    model.eval()
    scores = [0.0] * len(sequences)
    places = _places([tuple(s) for s in sequences])
    unique = list(places)
    for batch in _batches([len(s) for s in unique], batch_size):
        ids, mask = pad([unique[i] for i in batch], pad_token_id)
        logits = model(
            input_ids=ids.to(model.device), attention_mask=mask.to(model.device)
        ).logits
        covered = 0
        for i, score in zip(batch, logits[:, 0].float().tolist(), strict=True):
            for place in places[unique[i]]:
                scores[place] = score
                covered += 1
        if tick is not None:
            tick(covered)
    return scores


@dataclass(frozen=True)
class CompletionLogprob:
    """The log-probability of one completion, in nats.

    Attributes:
        total: summed over its tokens.
        tokens: how many there are.
    """

    total: float
    tokens: int

    @property
    def mean(self) -> float:
        """Per token; 0 for an empty completion."""
        return self.total / self.tokens if self.tokens else 0.0


@torch.no_grad()
def completion_logprobs(
    model: PreTrainedModel,
    prompts: Sequence[Sequence[int]],
    completions: Sequence[Sequence[int]],
    *,
    pad_token_id: int,
    batch_size: int,
    tick: Tick | None = None,
) -> list[CompletionLogprob]:
    """Return log p(completion | prompt) at temperature 1, in the given order.

    Equal pairs of prompt and completion are run once.
    Only positions that predict a completion token go through the language-model head:
    the head is most of the work for small models with large vocabularies.
    """
    model.eval()
    results = [CompletionLogprob(0.0, 0)] * len(prompts)
    places = _places(
        [(tuple(p), tuple(c)) for p, c in zip(prompts, completions, strict=True)]
    )
    unique = list(places)
    for batch in _batches([len(p) + len(c) for p, c in unique], batch_size):
        rows = [[*unique[i][0], *unique[i][1]] for i in batch]
        ids, mask = pad(rows, pad_token_id)
        target = torch.zeros_like(ids, dtype=torch.bool)
        for row, i in enumerate(batch):
            target[row, len(unique[i][0]) : len(rows[row])] = True
        totals = _masked_logprob(model, ids, mask, target)
        covered = 0
        for row, i in enumerate(batch):
            found = CompletionLogprob(totals[row], int(target[row, 1:].sum()))
            for place in places[unique[i]]:
                results[place] = found
                covered += 1
        if tick is not None:
            tick(covered)
    return results


def _masked_logprob(
    model: PreTrainedModel, ids: Tensor, mask: Tensor, target: Tensor
) -> list[float]:
    """Return each row's summed log-probability of the tokens where target is True.

    Args:
        ids, mask, target: shape (B, T).
    """
    device = model.device
    ids, mask, target = ids.to(device), mask.to(device), target.to(device)
    hidden = model.base_model(
        input_ids=ids, attention_mask=mask, use_cache=False
    ).last_hidden_state[:, :-1]  # (B, T-1, H): position t predicts token t+1
    wanted = target[:, 1:]  # (B, T-1)
    logits = vocabulary_logits(model, hidden[wanted])  # (N, V)
    labels = ids[:, 1:][wanted]  # (N,)
    token = torch.log_softmax(logits, -1).gather(-1, labels[:, None])[:, 0]  # (N,)
    rows = wanted.nonzero()[:, 0]  # (N,)
    totals = torch.zeros(ids.shape[0], dtype=torch.float64, device=device)
    totals.index_add_(0, rows, token.double())
    return [float(value) for value in totals.tolist()]
