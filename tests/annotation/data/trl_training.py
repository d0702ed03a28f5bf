"""Tiny models and settings for TRL's own trainers."""

from pathlib import Path
from typing import Any


def load(path: Path) -> Any:
    """Return an exported file as `datasets` loads it."""
    from datasets import load_dataset

    return load_dataset(
        "json" if path.suffix == ".jsonl" else "parquet",
        data_files=str(path),
        split="train",
        cache_dir=str(path.parent / "cache"),
    )


def tiny(kind: str, folder: Path) -> Any:
    """Save a tiny random model, causal or for rewards; return its directory."""
    import torch
    from transformers import LlamaForCausalLM, LlamaForSequenceClassification

    from training.engine.tiny import build_tokenizer, causal_config

    torch.manual_seed(0)
    tokenizer = build_tokenizer(encoder=False)
    config = causal_config(tokenizer)
    if kind == "causal":
        model: Any = LlamaForCausalLM(config)
    else:
        config.num_labels = 1
        model = LlamaForSequenceClassification(config)
    model.save_pretrained(folder / kind)
    tokenizer.save_pretrained(folder / kind)
    return str(folder / kind)


def settings(folder: Path, **more: Any) -> dict[str, Any]:
    return {
        "output_dir": str(folder / "out"),
        "max_steps": 2,
        "per_device_train_batch_size": 4,
        "logging_steps": 1,
        "save_strategy": "no",
        "report_to": "none",
        "use_cpu": True,
        "bf16": False,
        "disable_tqdm": True,
    } | more


def losses(trainer: Any) -> list[float]:
    return [item["loss"] for item in trainer.state.log_history if "loss" in item]
