"""What a segment model says of every part of a text."""

from __future__ import annotations

from collections.abc import Sequence

import torch

from training.engine.data import Messages
from training.engine.models import Loaded
from training.engine.rewards.examples import Collator, Encoder, Example
from training.engine.rewards.model import RewardModel
from training.engine.rewards.segments import segmented
from training.engine.rewards.token_heads import token_rewards


@torch.no_grad()
def segment_rewards(
    loaded: Loaded,
    prompts: Sequence[Messages],
    completions: Sequence[Messages],
    *,
    max_length: int,
    batch_size: int,
) -> list[list[tuple[int, float]]]:
    """Return each text's parts: where one ends, in code points, and +1 or -1.

    Parts that do not fit into ``max_length`` tokens earn nothing.

    Args:
        completions: of one message each.

    Source: Wu et al. 2023, Fine-Grained Human Feedback Gives Better Rewards.
    """
    model = loaded.model
    assert isinstance(model, RewardModel)
    told = model.description.texts
    encoder = Encoder(loaded.tokenizer, max_length)
    collator = Collator([], int(loaded.tokenizer.pad_token_id or 0))
    sequences, places = [], []
    for prompt, completion in zip(prompts, completions, strict=True):
        found = segmented(
            loaded.tokenizer,
            list(prompt),
            list(completion),
            density=told["density"],
            min_words=int(told["min_words"]),
        )
        sequences.append(encoder.cut(found.ids, found.prompt, found.ends))
        places.append([end for _, (_, end) in found.places])
    model.eval()
    device = model.device
    result: list[list[tuple[int, float]]] = []
    for start in range(0, len(sequences), batch_size):
        chosen = sequences[start : start + batch_size]
        batch = collator.batch(
            [Example(str(i), (sequence,)) for i, sequence in enumerate(chosen)]
        )
        assert batch.ends is not None
        ends = batch.ends.to(device)
        features = model.features(
            batch.ids.to(device),
            batch.mask.to(device),
            batch.prompts.to(device),
            ends=ends,
        )
        logits = model.head(features).tokens
        assert logits is not None
        rewards = token_rewards(logits, ends).cpu()  # (U, T)
        for offset, row in enumerate(batch.members[:, 0].tolist()):
            # What was cut off at the end has no place among the ends that are left.
            parts = zip(chosen[offset].ends, places[start + offset], strict=False)
            result.append([(end, float(rewards[row, at])) for at, end in parts])
    return result
