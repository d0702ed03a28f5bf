"""One update of TRL 1.12's PPOTrainer, with everything it computed on the way.

Run by `tests.bench.ppo_vs_trl` in an environment of its own, where that release is
installed; it imports nothing of ours.
"""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import Any
from unittest import mock

import numpy as np
import torch
from datasets import Dataset
from tokenizers import Tokenizer
from tokenizers.models import WordLevel
from transformers import (
    LlamaConfig,
    LlamaForCausalLM,
    LlamaForSequenceClassification,
    PreTrainedTokenizerFast,
    TrainerCallback,
    set_seed,
)

WORDS = 12
PROMPTS = 16
KEPT = (
    *("query_responses", "responses", "context_length", "logprobs", "ref_logprobs"),
    *("values", "scores", "rewards", "advantages", "returns", "sequence_lengths"),
    *("padding_mask", "kl", "pg_loss_stats", "vf_loss_stats", "ratio_stats"),
)


class Watch(TrainerCallback):
    """Keeps the trainer's own variables at the end of its update."""

    def __init__(self) -> None:
        self.kept: dict[str, Any] = {}

    def on_step_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """Find the frame of the loop and copy what it holds."""
        frame: FrameType | None = sys._getframe()
        while frame is not None and "vf_loss_stats" not in frame.f_locals:
            frame = frame.f_back
        if frame is None:
            raise LookupError(
                "expected the trainer's loop, with vf_loss_stats, among the callers; "
                "found none: this reads TRL 1.12"
            )
        for name in KEPT:
            value = frame.f_locals[name]
            if isinstance(value, torch.Tensor):
                value = value.detach().clone()
            self.kept[name] = value


def tokenizer() -> PreTrainedTokenizerFast:
    """Return a vocabulary so small that completions end by chance."""
    words = {"<pad>": 0, "<eos>": 1} | {f"w{i}": i for i in range(2, WORDS)}
    return PreTrainedTokenizerFast(
        tokenizer_object=Tokenizer(WordLevel(words, unk_token="w2")),
        pad_token="<pad>",
        eos_token="<eos>",
        padding_side="left",
    )


@dataclass(frozen=True)
class Models:
    """What an update starts from, the same in every process."""

    policy: LlamaForCausalLM
    reference: LlamaForCausalLM
    value: LlamaForSequenceClassification
    reward: LlamaForSequenceClassification


def fresh_models() -> Models:
    """Return models with random weights that depend on nothing but this code.

    Padding is never written: TRL takes the first one for a completion's end.
    """
    set_seed(0)
    config = LlamaConfig(
        vocab_size=WORDS,
        hidden_size=32,
        intermediate_size=64,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        max_position_embeddings=64,
        pad_token_id=0,
        bos_token_id=None,
        eos_token_id=1,
        initializer_range=0.3,
    )
    config.num_labels = 1
    policy, reference = LlamaForCausalLM(config), LlamaForCausalLM(config)
    for writer in (policy, reference):
        head = torch.nn.Linear(config.hidden_size, WORDS)
        with torch.no_grad():
            head.weight.copy_(writer.lm_head.weight)
            head.bias.zero_()
            head.bias[0] = -1e4
        writer.lm_head = head
    value = LlamaForSequenceClassification(config)
    reward = LlamaForSequenceClassification(config)
    return Models(policy, reference, value, reward)


def main() -> None:
    """Train one update and save what happened."""
    from trl.experimental.ppo import PPOConfig, PPOTrainer

    parser = argparse.ArgumentParser()
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--settings", type=json.loads, required=True)
    arguments = parser.parse_args()
    out: Path = arguments.out
    models = fresh_models()
    draw = np.random.default_rng(0)
    rows = [
        draw.integers(2, WORDS, size=draw.integers(2, 7)).tolist()
        for _ in range(PROMPTS)
    ]
    watch = Watch()
    orders: list[list[int]] = []
    shuffle = np.random.permutation

    def recorded(count: Any) -> Any:
        order = shuffle(count)
        orders.append(order.tolist())
        return order

    trainer = PPOTrainer(
        args=PPOConfig(
            output_dir=str(out / "trl"),
            per_device_train_batch_size=PROMPTS,
            gradient_accumulation_steps=1,
            num_mini_batches=2,
            total_episodes=PROMPTS,
            response_length=8,
            local_rollout_forward_batch_size=PROMPTS,
            stop_token="eos",
            missing_eos_penalty=1.0,
            learning_rate=1e-3,
            adam_epsilon=1e-5,
            bf16=False,
            gradient_checkpointing=False,
            report_to=[],
            num_sample_generations=0,
            save_strategy="no",
            use_cpu=not torch.cuda.is_available(),
            **arguments.settings,
        ),
        processing_class=tokenizer(),
        model=models.policy,
        ref_model=models.reference,
        reward_model=models.reward,
        value_model=models.value,
        train_dataset=Dataset.from_dict({"input_ids": rows}),
        callbacks=[watch],
    )
    with mock.patch.object(np.random, "permutation", recorded):
        trainer.train()
    torch.save(
        {
            "kept": watch.kept,
            "orders": orders,
            "policy": models.policy.state_dict(),
            "value": models.value.state_dict(),
        },
        out / "oracle.pt",
    )


if __name__ == "__main__":
    main()
