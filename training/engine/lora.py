"""Low-rank adapters: the specification's part as a peft configuration."""

from __future__ import annotations

from peft import LoraConfig, PeftModel
from torch.nn import Module
from transformers import PreTrainedModel

from training.engine.spec import LoraPart


def lora_config(part: LoraPart | None, *, reward: bool) -> LoraConfig | None:
    """Return the adapter configuration, or None for full weights.

    A reward head is new, so it is trained whole beside the adapters.
    """
    if part is None:
        return None
    return LoraConfig(
        r=part.r,
        lora_alpha=part.alpha,
        lora_dropout=part.dropout,
        target_modules=list(part.targets) if part.targets else "all-linear",
        task_type="SEQ_CLS" if reward else "CAUSAL_LM",
        bias="none",
    )


def merged(model: Module | None) -> PreTrainedModel:
    """Return the model with its adapters folded into the weights."""
    if isinstance(model, PeftModel):
        plain = model.merge_and_unload()
        assert isinstance(plain, PreTrainedModel)
        return plain
    assert isinstance(model, PreTrainedModel)
    return model
