"""What is kept of tokens while they are drawn, against a pass over them afterwards."""

from dataclasses import replace

import pytest
import torch
from transformers import LogitsProcessor

from training.engine.models import load_policy
from training.engine.online.rollout import Drawing, LocalSampler
from training.engine.sampling import Prompt, Sampling, sample_batch
from training.engine.scorers import completion_logprobs
from training.engine.spec import ModelPart

SETTINGS = Sampling(
    temperature=0.7,
    top_p=0.8,
    max_new_tokens=12,
    max_prompt_tokens=64,
    batch_size=4,
    seed=0,
)


class Pushes(LogitsProcessor):
    """Makes the even tokens likelier than the policy has them."""

    def __call__(self, input_ids: torch.Tensor, scores: torch.Tensor) -> torch.Tensor:
        scores[:, ::2] += 2.0
        return scores


@pytest.mark.parametrize(
    "settings",
    [
        SETTINGS,
        replace(SETTINGS, temperature=0.0),
        replace(SETTINGS, steer=lambda mask: Pushes()),
    ],
    ids=["cut", "greedy", "steered"],
)
def test_the_policy_s_own_log_probabilities_are_kept(settings: Sampling) -> None:
    loaded = load_policy(ModelPart(source="tiny:causal"), seed=0)
    jobs = [
        (Prompt(str(n), [{"role": "user", "content": "one two three " * n}]), 0)
        for n in range(1, 5)
    ]
    drawn = sample_batch(loaded, jobs, settings, seed=3)
    after = completion_logprobs(
        loaded.model,
        [each.prompt_ids for each in drawn],
        [each.ids for each in drawn],
        pad_token_id=int(loaded.tokenizer.pad_token_id or 0),
        batch_size=1,
    )
    for each, expected in zip(drawn, after, strict=True):
        assert each.mean_logprob == pytest.approx(expected.mean, abs=1e-4)


def test_a_model_that_punishes_repetition_is_drawn_from_as_it_is() -> None:
    loaded = load_policy(ModelPart(source="tiny:causal"), seed=0)
    jobs = [(Prompt("p", [{"role": "user", "content": "one two"}]), 0)]
    plain = sample_batch(loaded, jobs, SETTINGS, seed=3)
    settings = loaded.model.generation_config
    assert settings is not None
    settings.repetition_penalty = 5.0
    settings.min_p = 0.9
    settings.no_repeat_ngram_size = 1
    settings.suppress_tokens = plain[0].ids[:2]
    assert sample_batch(loaded, jobs, SETTINGS, seed=3) == plain


def test_what_a_policy_learns_from_is_drawn_from_the_policy_as_it_is() -> None:
    """Old log-probabilities, ratios and divergences are of the whole distribution."""
    loaded = load_policy(ModelPart(source="tiny:causal"), seed=0)
    sampler = LocalSampler(
        loaded, loaded.model, Drawing(1.0, 12, 64, 4), torch.device("cpu")
    )
    prompts = [Prompt("p", [{"role": "user", "content": "one two"}])]

    def drawn() -> list[list[int]]:
        found = sampler.sample(prompts, 4, seed=1, tick=lambda done: None)
        return [one.ids for one in found]

    plain = drawn()
    settings = loaded.model.generation_config
    assert settings is not None
    changes: dict[str, float | list[int]] = {
        "repetition_penalty": 5.0,
        "min_p": 0.9,
        "typical_p": 0.1,
    }
    changes |= {"no_repeat_ngram_size": 1, "suppress_tokens": plain[0][:2]}
    for name, value in changes.items():
        setattr(settings, name, value)
        assert drawn() == plain, name
