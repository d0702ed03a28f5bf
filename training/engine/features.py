"""What a backbone makes of completions: one vector each, for small heads on top."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor
from transformers import PreTrainedModel

from training.engine.data import Messages
from training.engine.models import Loaded
from training.engine.rewards.model import RewardModel
from training.engine.scorers import Tick, pad
from training.engine.tokens import shorten, tokenize


@torch.no_grad()
def completion_features(
    loaded: Loaded,
    prompts: Sequence[Messages],
    completions: Sequence[Messages],
    *,
    max_length: int,
    batch_size: int,
    tick: Tick | None = None,
) -> Tensor:
    """Return the mean last hidden state over each completion's tokens, (N, H).

    The completion is read after its prompt. Whatever head a model has is left out,
    so a reward model, an encoder and a language model all have features.

    Args:
        max_length: of a sequence, in tokens; longer ones are shortened as for scores.
        tick: called with the number of completions done after each batch.
    """
    keep = 1 if loaded.tokenizer.cls_token_id is not None else 0
    sequences, starts = [], []
    for prompt, completion in zip(prompts, completions, strict=True):
        head, tails = tokenize(loaded.tokenizer, list(prompt), [list(completion)])
        head, tails, _ = shorten(head, tails, max_length, keep_first=keep)
        sequences.append(head + tails[0])
        starts.append(min(len(head), len(sequences[-1]) - 1))
    loaded.model.eval()
    trunk = trunk_of(loaded.model)
    order = sorted(range(len(sequences)), key=lambda i: -len(sequences[i]))
    found: dict[int, Tensor] = {}
    for at in range(0, len(order), batch_size):
        batch = order[at : at + batch_size]
        ids, mask = pad(
            [sequences[i] for i in batch], int(loaded.tokenizer.pad_token_id or 0)
        )
        device = loaded.model.device
        states = trunk(
            input_ids=ids.to(device), attention_mask=mask.to(device)
        ).last_hidden_state.float()  # (B, T, H)
        place = torch.arange(ids.shape[1])[None]
        begin = torch.tensor([starts[i] for i in batch])[:, None]
        inside = ((place >= begin) & (mask == 1)).to(states)[:, :, None]  # (B, T, 1)
        means = (states * inside).sum(1) / inside.sum(1)
        found.update(zip(batch, means.cpu(), strict=True))
        if tick is not None:
            tick(len(batch))
    return torch.stack([found[i] for i in range(len(sequences))])


def trunk_of(model: PreTrainedModel) -> Any:
    """Return a model without its head."""
    inner: Any = model.backbone if isinstance(model, RewardModel) else model
    return getattr(inner, inner.base_model_prefix, inner)
