"""Log-probabilities: fast paths against the naive one, and what is kept on disk."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from training.engine import logprobs
from training.engine.attention import are_runs
from training.engine.errors import FixableError
from training.engine.layout import Branch, can_share, lay_out, shared_length
from training.engine.logprobs import (
    scoring_forward,
    sequence_logprobs,
    token_logprobs,
)
from training.engine.logprobs_cache import LogprobCache, frozen_logprobs, model_hash
from training.engine.lora import lora_config
from training.engine.models import load_policy
from training.engine.spec import LoraPart, ModelPart

PAD = 0


def policy(seed: int = 1) -> Any:
    return load_policy(ModelPart(source="tiny:causal"), seed=seed).model


def branches(prompts: int, each: int) -> tuple[list[Branch], list[int]]:
    """Completions of unequal length, some empty, for prompts of unequal length."""
    draw = random.Random(prompts * 10 + each)
    found, groups = [], []
    for group in range(prompts):
        prompt = tuple(draw.randrange(5, 440) for _ in range(draw.randrange(1, 30)))
        for number in range(each):
            length = 0 if number == 3 else draw.randrange(1, 12)
            completion = tuple(draw.randrange(5, 440) for _ in range(length))
            found.append(Branch(prompt, completion))
            groups.append(group)
    return found, groups


def naive(model: Any, items: list[Branch]) -> Tensor:
    """One sequence at a time, every position through the head."""
    longest = max(len(item.completion) for item in items)
    rows = []
    for item in items:
        ids = torch.tensor([[*item.prompt, *item.completion]])
        every = torch.log_softmax(model(input_ids=ids).logits, -1)
        scored = range(len(item.prompt), len(item))
        values = [every[0, t - 1, ids[0, t]] for t in scored]
        values += [every.new_zeros(())] * (longest - len(values))
        rows.append(torch.stack(values))
    return torch.stack(rows)


def gradient(model: Any, loss: Tensor) -> Tensor:
    model.zero_grad()
    loss.backward()
    return torch.cat([p.grad.flatten() for p in model.parameters()])


@pytest.mark.parametrize("kernel", ["sdpa", "eager"])
@pytest.mark.parametrize("each", [2, 4])
@pytest.mark.parametrize("how", ["runs", "rows", "alone"])
def test_values_and_gradients_equal_the_naive_path(
    how: str, each: int, kernel: str
) -> None:
    model = policy().double()
    model.config._attn_implementation = kernel
    items, groups = branches(5, each)
    layout = lay_out(
        items,
        pad_token_id=PAD,
        groups=None if how == "alone" else groups,
        runs=how == "runs",
    )
    assert are_runs(layout.attention) == (how == "runs")
    assert layout.attention.dim() == (2 if how == "alone" else 4)
    torch.manual_seed(0)
    weights = torch.randn(layout.mask.shape)
    fast, slow = token_logprobs(model, layout), naive(model, items)
    # The kernels take some of their sums in single precision.
    assert torch.allclose(fast, slow, atol=1e-12 if kernel == "sdpa" else 1e-6)
    ours = gradient(model, (fast * weights).sum())
    theirs = gradient(model, (slow * weights).sum())
    assert (ours - theirs).norm() / theirs.norm() < 1e-6
    assert theirs.norm() > 10


def test_single_precision_stays_close_to_the_naive_path() -> None:
    model = policy()
    items, groups = branches(5, 4)
    layout = lay_out(items, pad_token_id=PAD, groups=groups)
    found = token_logprobs(model, layout)
    assert torch.allclose(found, naive(model, items), atol=2e-5)


def test_sharing_a_prompt_runs_fewer_positions_and_none_twice() -> None:
    prompt = tuple(range(5, 105))
    items = [Branch(prompt, (7,) * n) for n in (3, 5, 2, 4)]
    shared = lay_out(items, pad_token_id=PAD, groups=[0] * 4, runs=False)
    alone = lay_out(items, pad_token_id=PAD)
    assert shared.ids.numel() == 99 + sum(n + 1 for n in (3, 5, 2, 4))
    assert alone.ids.numel() == 4 * 105
    apart = lay_out(items, pad_token_id=PAD, groups=[0, 1, 2, 3], runs=False)
    assert apart.ids.shape == alone.ids.shape


def test_prompt_is_shared_only_where_that_saves_positions() -> None:
    items = [Branch((5,), (7,) * 40), Branch((5,), (8,) * 2)]
    layout = lay_out(items, pad_token_id=PAD, groups=[0, 0], runs=False)
    assert layout.ids.shape == (1, 44)
    # One long list beside many short rows would pad all of them to its length.
    items += [Branch((n,), (7,) * 30) for n in range(6, 20)]
    named = [0, 0, *range(1, 15)]
    layout = lay_out(items, pad_token_id=PAD, groups=named, runs=False)
    assert layout.ids.shape == (16, 41)
    # Runs need no padding at all.
    layout = lay_out(items, pad_token_id=PAD, groups=named, runs=True)
    assert layout.ids.shape == (1, shared_length(items))
    # What prompts of two groups begin with is run once, and so is a whole completion
    # that another goes on from.
    items = [Branch((5, 6, 7), (8, 8)), Branch((5, 6, 9), (8,)), Branch((5, 6, 7), ())]
    layout = lay_out(items, pad_token_id=PAD, groups=[0, 1, 0], runs=True)
    assert layout.ids.tolist() == [[5, 6, 7, 7, 8, 8, 9, 8]]
    assert layout.table.tolist() == [[0, 1, 3, 4, 5], [0, 1, 6, 7, 7], [0, 1, 2, 2, 2]]


def test_only_predicting_positions_reach_the_head(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    model = policy()
    items, groups = branches(4, 2)
    seen = []
    head = model.get_output_embeddings()
    head.register_forward_hook(lambda _m, inputs, _o: seen.append(inputs[0].shape))
    token_logprobs(model, lay_out(items, pad_token_id=PAD, groups=groups))
    assert seen == [(sum(len(item.completion) for item in items), 64)]


def test_head_in_parts_changes_no_value_and_no_gradient(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    model = policy()
    items, groups = branches(4, 2)
    layout = lay_out(items, pad_token_id=PAD, groups=groups)
    whole = token_logprobs(model, layout)
    wanted = gradient(model, whole.square().sum())
    monkeypatch.setattr(logprobs, "LOGITS_AT_ONCE", 1500)
    parts = token_logprobs(model, layout)
    assert torch.allclose(parts, whole, atol=1e-6)
    found = gradient(model, parts.square().sum())
    assert torch.allclose(found, wanted, rtol=1e-4, atol=1e-4)


def test_model_that_changes_its_logits_is_scored_by_its_own_head() -> None:
    from transformers import Gemma2Config, Gemma2ForCausalLM

    torch.manual_seed(0)
    model = Gemma2ForCausalLM(
        Gemma2Config(
            vocab_size=450,
            hidden_size=32,
            intermediate_size=32,
            num_hidden_layers=2,
            num_attention_heads=2,
            num_key_value_heads=1,
            head_dim=16,
            final_logit_softcapping=0.5,
        )
    )
    items, _ = branches(3, 2)
    assert not can_share(model)
    found = token_logprobs(model, lay_out(items, pad_token_id=PAD))
    assert torch.allclose(found, naive(model, items), atol=1e-5)


def test_adapters_score_through_the_same_forward() -> None:
    from peft import get_peft_model

    config = lora_config(LoraPart(r=2, alpha=4), reward=False)
    assert config is not None
    adapted: Any = get_peft_model(policy(), config)
    for name, value in adapted.named_parameters():
        if "lora_B" in name:
            torch.nn.init.normal_(value, std=0.2)
    items, groups = branches(3, 2)
    layout = lay_out(items, pad_token_id=PAD, groups=groups)
    slow = naive(adapted, items)
    scoring_forward(adapted)
    found = adapted(layout=layout)
    assert torch.allclose(found, slow, atol=1e-5)
    assert not torch.allclose(found, token_logprobs(policy(), layout), atol=1e-2)


def test_moving_the_boundary_counts_prompt_tokens_or_a_suffix() -> None:
    model = policy()
    ids = tuple(range(20, 32))
    every, tail = Branch(ids[:1], ids[1:]), Branch(ids[:8], ids[8:])
    values = token_logprobs(model, lay_out([every, tail], pad_token_id=PAD))
    assert torch.allclose(values[0, 7:11], values[1, :4], atol=1e-5)
    assert values[1, 4:].eq(0).all()


def test_branch_without_a_prompt_is_refused() -> None:
    with pytest.raises(ValueError, match="expected a prompt for branch 1"):
        lay_out([Branch((1,), (2,)), Branch((), (2,))], pad_token_id=PAD)


def test_sums_means_and_weights_worked_by_hand() -> None:
    tokens = torch.tensor([[-1.0, -2.0, -9.0], [-3.0, -9.0, -9.0], [-9.0] * 3])
    mask = torch.tensor([[1, 1, 0], [1, 0, 0], [0, 0, 0]]).bool()
    assert sequence_logprobs(tokens, mask).tolist() == [-3.0, -3.0, 0.0]
    assert sequence_logprobs(tokens, mask, norm="mean").tolist() == [-1.5, -3.0, 0.0]
    weights = torch.tensor([[0.5, 2.0, 7.0]] * 3)
    found = sequence_logprobs(tokens, mask, weights=weights)
    assert found.tolist() == [-4.5, -1.5, 0.0]
    with pytest.raises(ValueError, match="equal shapes"):
        sequence_logprobs(tokens, mask[:, :2])


class Counting:
    """Counts the rows a model is given."""

    def __init__(self, model: Any) -> None:
        self.rows = 0
        model.base_model.register_forward_pre_hook(self._count, with_kwargs=True)

    def _count(self, _model: Any, _args: Any, kwargs: Any) -> None:
        self.rows += len(kwargs["input_ids"])


def run_frozen(model: Any, items: list[Branch], groups: list[int], **kw: Any) -> Any:
    return frozen_logprobs(model, items, groups, pad_token_id=PAD, batch_size=2, **kw)


def test_frozen_model_runs_once_over_each_sequence(tmp_path: Path) -> None:
    model = policy()
    items, groups = branches(5, 2)
    cache = LogprobCache(model_hash(model), tmp_path)
    first = run_frozen(model, items, groups, cache=cache)
    slow = naive(model, items)
    for row, values, item in zip(slow, first, items, strict=True):
        expected = row[: len(item.completion)].detach().numpy()
        assert np.allclose(values, expected, atol=1e-5)
    counting = Counting(model)
    cache.close()
    again = run_frozen(
        model, items, groups, cache=LogprobCache(model_hash(model), tmp_path)
    )
    assert counting.rows == 0
    assert all((a == b).all() for a, b in zip(first, again, strict=True))
    run_frozen(model, items + items, groups + groups)
    assert counting.rows <= len(items)


def test_cache_tells_models_and_sequences_apart() -> None:
    one, same, other = policy(1), policy(1), policy(2)
    assert model_hash(one) == model_hash(same) != model_hash(other)
    assert model_hash(one) != model_hash(policy(1).bfloat16())
    with torch.no_grad():
        next(iter(same.parameters()))[0, 0] += 1e-6
    assert model_hash(one) != model_hash(same)


def damage(path: Path, how: str) -> None:
    import sqlite3

    if how == "bytes":
        raw = bytearray(path.read_bytes())
        raw[: len(raw) // 2] = b"\0" * (len(raw) // 2)
        path.write_bytes(raw)
        return
    file = sqlite3.connect(path)
    if how == "values":
        file.execute("UPDATE logprobs SET tokens = zeroblob(length(tokens))")
    elif how == "version":
        file.execute("PRAGMA user_version = 99")
    else:
        file.execute("UPDATE logprobs SET tokens = x'', crc = 0")
    file.commit()
    file.close()


@pytest.mark.parametrize("how", ["bytes", "values", "version", "length"])
def test_damaged_cache_is_refused_with_a_remedy(tmp_path: Path, how: str) -> None:
    model = policy()
    items, groups = branches(3, 2)
    cache = LogprobCache(model_hash(model), tmp_path)
    run_frozen(model, items, groups, cache=cache)
    cache.close()
    damage(cache.path, how)
    with pytest.raises(FixableError, match="damaged") as caught:
        run_frozen(
            model, items, groups, cache=LogprobCache(model_hash(model), tmp_path)
        )
    assert str(cache.path) in caught.value.fix and "Delete" in caught.value.fix
    cache.path.unlink()
    run_frozen(model, items, groups, cache=LogprobCache(model_hash(model), tmp_path))


def test_cache_nobody_can_write_says_so(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(FixableError, match="cannot be used") as caught:
        LogprobCache("x", tmp_path / "file" / "below")
    assert "HONE_VAR" in caught.value.fix


def test_frozen_model_of_nan_weights_is_refused() -> None:
    model = policy()
    with torch.no_grad():
        model.get_output_embeddings().weight[3, 3] = float("nan")
    items, groups = branches(2, 2)
    with pytest.raises(FixableError, match="no numbers"):
        run_frozen(model, items, groups)
