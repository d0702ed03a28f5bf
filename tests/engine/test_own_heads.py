"""Models that change their logits after the head are scored as they score themselves.

Training, evaluation and online learning each have a way past the model's own forward,
which would spend the head on every position; all three must agree with it.
"""

from __future__ import annotations

from typing import Any

import pytest
import torch
import transformers

from training.engine.layout import Branch, lay_out
from training.engine.logprobs import token_logprobs
from training.engine.ppo.actor_critic import completion_states
from training.engine.ppo.actor_critic import token_logprobs as drawn_logprobs
from training.engine.ppo.experience import sequences
from training.engine.scorers import completion_logprobs

SMALL = {
    "vocab_size": 60,
    "hidden_size": 16,
    "intermediate_size": 32,
    "num_hidden_layers": 1,
    "num_attention_heads": 2,
    "num_key_value_heads": 2,
    "max_position_embeddings": 64,
}
FAMILIES: dict[str, dict[str, float | int]] = {
    "Llama": {},
    "Granite": {"logits_scaling": 8.0},
    "HyperCLOVAX": {"logits_scaling": 3.0},
    "Gemma2": {"final_logit_softcapping": 5.0, "head_dim": 8},
    "Cohere": {"logit_scale": 0.25},
}
PROMPT, COMPLETION = (7, 20, 31, 9), (12, 5, 40)


@pytest.mark.parametrize("family", FAMILIES)
@torch.no_grad()
def test_every_way_to_score_is_the_models_own(family: str) -> None:
    torch.manual_seed(0)
    config = getattr(transformers, f"{family}Config")(**SMALL, **FAMILIES[family])
    model: Any = getattr(transformers, f"{family}ForCausalLM")(config).eval()
    # Heads start so small that all tokens are alike, whatever is done to them.
    model.get_output_embeddings().weight.mul_(40)
    own = model(torch.tensor([[*PROMPT, *COMPLETION]])).logits.log_softmax(-1)
    wanted = [
        float(own[0, len(PROMPT) - 1 + place, token])
        for place, token in enumerate(COMPLETION)
    ]
    layout = lay_out([Branch(PROMPT, COMPLETION)], pad_token_id=0)
    assert token_logprobs(model, layout)[0].tolist() == pytest.approx(wanted, abs=1e-4)
    batch = sequences([PROMPT], [COMPLETION], pad_token_id=0, width=len(COMPLETION))
    hidden = completion_states(model.base_model, batch)
    drawn, _ = drawn_logprobs(model, hidden, batch, 1.0)
    assert drawn[0].tolist() == pytest.approx(wanted, abs=1e-4)
    (found,) = completion_logprobs(
        model, [PROMPT], [COMPLETION], pad_token_id=0, batch_size=1
    )
    assert found.total == pytest.approx(sum(wanted), abs=1e-4)
