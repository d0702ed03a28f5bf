"""Low-rank adapters: the specification's part as a peft configuration."""

from __future__ import annotations

from typing import Any

from peft import LoraConfig, PeftModel
from torch.nn import Module
from transformers import PreTrainedModel

from training.engine.errors import FixableError
from training.engine.spec import LoraPart


def check_targets(part: LoraPart | None, model: Module) -> None:
    """Refuse adapters on layers that the model does not have.

    Raises:
        FixableError: naming the first such target.
    """
    if part is None:
        return
    names = [name for name, _ in model.named_modules() if name]
    for target in part.targets or ():
        if not any(name == target or name.endswith(f".{target}") for name in names):
            last = sorted({name.rpartition(".")[2] for name in names})
            raise FixableError(
                "The model has no layer to put adapters on by this name.",
                expected=f"one of: {', '.join(n for n in last if not n.isdigit())}",
                found=repr(target),
                fix="Correct lora.targets; null means every linear layer.",
                field="lora.targets",
            )


def lora_config(part: LoraPart | None, *, reward: bool) -> LoraConfig | None:
    """Return the adapter configuration, or None for full weights.

    A reward head is new, so it is trained whole beside the adapters.
    """
    if part is None:
        return None
    task = "SEQ_CLS" if reward else "CAUSAL_LM"
    return adapters(part, task, dropout=part.dropout)


def adapters(part: LoraPart, task: str, *, dropout: float) -> LoraConfig:
    """Return the adapter configuration for one of peft's kinds of task."""
    scale: Any = part.alpha  # peft says a whole number, and takes any
    return LoraConfig(
        r=part.r,
        lora_alpha=scale,
        lora_dropout=dropout,
        target_modules=list(part.targets) if part.targets else "all-linear",
        task_type=task,
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
