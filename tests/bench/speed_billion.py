"""A language model of a billion parameters, and how much of a chip training it uses."""

from __future__ import annotations

from pathlib import Path

import torch
from transformers import LlamaConfig, LlamaForCausalLM
from transformers import PreTrainedTokenizerBase as Tokenizer

from training.engine.layout import Branch, shared_length
from training.engine.models import load_policy
from training.engine.spec import ModelPart
from training.engine.tokens import PairTokens


def save_billion(folder: Path, tokenizer: Tokenizer) -> Path:
    """Write a model of a billion random weights for a tokenizer; return its folder.

    Its shape is that of Llama 3.2's model of a billion.
    """
    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=len(tokenizer),
        hidden_size=2048,
        num_hidden_layers=16,
        num_attention_heads=32,
        num_key_value_heads=8,
        intermediate_size=8192,
        tie_word_embeddings=True,
    )
    LlamaForCausalLM(config).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


def operations(part: ModelPart, pairs: list[PairTokens], epochs: int) -> list[float]:
    """Return the floating-point operations that DPO on pairs needs, ours and TRL's.

    Six a parameter and token that learns, two for the reference's pass, which ours
    makes once and TRL's trainer at every step; attention and padding are left out.
    Ours runs a prompt once for both completions.
    """
    model = load_policy(part).model
    size = sum(weight.numel() for weight in model.parameters())
    whole = sum(2 * len(r.prompt) + len(r.chosen) + len(r.rejected) for r in pairs)
    shared = sum(
        shared_length(
            [Branch(tuple(r.prompt), tuple(side)) for side in (r.chosen, r.rejected)]
        )
        for r in pairs
    )
    return [
        float(size * shared * (6 * epochs + 2)),
        float(size * whole * (6 + 2) * epochs),
    ]
