"""Sequences that share prompts and rows give what sequences alone give."""

from __future__ import annotations

import random
from contextlib import nullcontext
from dataclasses import replace
from typing import Any
from unittest import mock

import pytest
import torch
from torch import Tensor
from transformers import AutoConfig, AutoModelForCausalLM
from transformers.integrations.sdpa_attention import sdpa_attention_forward

from tests.engine.reward_rows import small
from training.engine import logprobs
from training.engine.attention import are_runs, visible
from training.engine.layout import (
    PLAIN_ATTENTION,
    Branch,
    Layout,
    can_share,
    lay_out,
    shared_length,
)
from training.engine.logprobs import token_logprobs
from training.engine.models import load_policy, load_reward
from training.engine.rewards.examples import Collator, Encoded, Example
from training.engine.rewards.model import RewardModel
from training.engine.scorers import pad, reward_scores
from training.engine.scoring import sequence_scores
from training.engine.spec import ModelPart

PAD = 0


def lists(count: int, each: int, seed: int = 0) -> tuple[list[Branch], list[int]]:
    """Completions of prompts, all of unequal length."""
    draw = random.Random(seed)
    found, groups = [], []
    for group in range(count):
        prompt = tuple(draw.randrange(5, 440) for _ in range(draw.randrange(1, 25)))
        for _ in range(each):
            completion = [draw.randrange(5, 440) for _ in range(draw.randrange(12))]
            found.append(Branch(prompt, tuple(completion)))
            groups.append(group)
    return found, groups


def gradient(model: Any, loss: Tensor) -> Tensor:
    model.zero_grad()
    loss.backward()
    parts = [p.grad.flatten() for p in model.parameters() if p.grad is not None]
    return torch.cat(parts)


def close(ours: Tensor, theirs: Tensor, within: float = 1e-6) -> bool:
    """Gradients agree, and there is something to agree on."""
    assert float(theirs.norm()) > 1e-3
    return bool((ours - theirs).norm() / theirs.norm() < within)


@pytest.mark.parametrize("runs", [True, False])
def test_short_lists_stand_beside_each_other_and_see_nothing_of_it(
    runs: bool,
) -> None:
    model = load_policy(ModelPart(source="tiny:causal"), seed=1).model.double()
    items, groups = lists(7, 3)
    items += [Branch(tuple(range(5, 95)), (7,) * n) for n in (3, 5, 0)]
    groups += [7] * 3
    layout = lay_out(items, pad_token_id=PAD, groups=groups, runs=runs)
    assert layout.ids.shape[0] < 5  # several groups in one row
    alone = lay_out(items, pad_token_id=PAD)
    assert layout.ids.numel() < alone.ids.numel() / 2
    weights = torch.randn(layout.mask.shape, generator=torch.Generator().manual_seed(0))
    ours, theirs = token_logprobs(model, layout), token_logprobs(model, alone)
    assert torch.allclose(ours, theirs, atol=1e-12)
    assert close(
        gradient(model, (ours * weights).sum()),
        gradient(model, (theirs * weights).sum()),
    )


@pytest.mark.parametrize(
    "how", [{"runs": True}, {"runs": False}, {"groups": None}], ids=str
)
def test_every_token_of_every_branch_is_found_again(how: dict[str, Any]) -> None:
    items, groups = lists(6, 3, seed=3)
    layout = lay_out(items, pad_token_id=PAD, **{"groups": groups, **how})
    width = max(len(item) for item in items)
    found = layout.ids.flatten()[layout.places(width)]
    positions = layout.positions.flatten()[layout.places(width)]
    for row, at, item in zip(found, positions, items, strict=True):
        assert row[: len(item)].tolist() == [*item.prompt, *item.completion]
        assert at[: len(item)].tolist() == list(range(len(item)))
    assert layout.ids.flatten()[layout.splits].tolist() == [i.prompt[-1] for i in items]


def mask_alone(layout: Layout) -> Layout:
    """The same row under the dense mask that runs stand for."""
    return replace(layout, attention=visible(layout.attention, layout.ids.shape[1]))


@pytest.mark.parametrize("kind", sorted(PLAIN_ATTENTION))
def test_every_family_that_may_share_reads_runs(
    kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    config: Any = AutoConfig.for_model(
        kind,
        vocab_size=450,
        hidden_size=32,
        intermediate_size=48,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        head_dim=8,
        pad_token_id=0,
        sliding_window=None,
        layer_types=["full_attention"] * 2,
    )
    torch.manual_seed(0)
    model = AutoModelForCausalLM.from_config(config).double().eval()
    assert can_share(model)
    items, groups = lists(4, 3, seed=7)
    layout = lay_out(items, pad_token_id=PAD, groups=groups, runs=True)
    assert are_runs(layout.attention)
    seen: list[torch.Size] = []
    for layer in model.base_model.layers:
        first = next(m for m in layer.mlp.modules() if isinstance(m, torch.nn.Linear))
        first.register_forward_hook(lambda _m, inputs, _o: seen.append(inputs[0].shape))
    ours = token_logprobs(model, layout)
    assert [shape[:2].numel() for shape in seen] == [
        layout.ids.numel(),
        len(layout.labels),  # nobody looks at more of the last layer
    ]
    for name in ("looked_at", "embedding_by_rows"):
        monkeypatch.setattr(logprobs, name, lambda *_: nullcontext())
    theirs = token_logprobs(model, mask_alone(layout))
    assert seen[-1] == seen[-2]
    assert torch.allclose(ours, theirs, atol=1e-6)
    assert close(
        gradient(model, ours.sum()), gradient(model, theirs.sum()), within=1e-5
    )


def test_embedding_that_the_head_shares_gets_the_same_dense_gradient() -> None:
    model: Any = load_policy(ModelPart(source="tiny:causal"), seed=1).model.double()
    table = model.get_input_embeddings()
    assert table.weight is model.get_output_embeddings().weight
    items, groups = lists(6, 3, seed=9)
    weights = torch.randn(18, 12, generator=torch.Generator().manual_seed(0))

    def backward() -> Tensor:
        layout = lay_out(items, pad_token_id=PAD, groups=groups)
        found = token_logprobs(model, layout)
        (found * weights[:, : found.shape[1]]).sum().backward()
        return table.weight.grad.clone()

    ours = backward()
    again = backward()  # on top of the first one, as small forward passes do
    assert not ours.is_sparse and not table.sparse
    assert torch.allclose(again, 2 * ours, atol=1e-12)
    model.zero_grad()
    with mock.patch.object(logprobs, "embedding_by_rows", lambda _: nullcontext()):
        theirs = backward()
    assert close(ours, theirs, within=1e-12)


def test_layers_that_run_again_in_the_backward_pass_are_left_alone() -> None:
    model: Any = load_policy(ModelPart(source="tiny:causal"), seed=1).model.double()
    items, groups = lists(6, 3, seed=4)
    layout = lay_out(items, pad_token_id=PAD, groups=groups)
    plain = token_logprobs(model, layout)
    wanted = gradient(model, plain.square().sum())
    model.train()
    model.gradient_checkpointing_enable()
    again = token_logprobs(model, layout)
    assert torch.allclose(plain, again, atol=1e-12)
    assert close(gradient(model, again.square().sum()), wanted)


def test_library_that_reads_no_runs_refuses_them() -> None:
    query = torch.randn(1, 2, 8, 4)
    runs = torch.tensor([[[[-1, 0, 0, 5], [0, 2, 5, 8]]]], dtype=torch.int32)
    with pytest.raises(RuntimeError, match="mask"):
        sdpa_attention_forward(torch.nn.Module(), query, query, query, runs)


def test_positions_of_a_shared_batch_are_those_of_its_distinct_tokens() -> None:
    items = [Branch((5, 6, 7), (8,)), Branch((5, 6, 7), (9, 9)), Branch((5,), (4,))]
    assert shared_length(items) == (2 + 2 + 3) + 2
    layout = lay_out(items[:2], pad_token_id=PAD, groups=[0, 0])
    assert layout.ids.numel() == shared_length(items[:2])


def test_score_head_reads_the_last_token_of_every_shared_branch() -> None:
    model: Any = load_reward(ModelPart(source="tiny:causal"), seed=1).model.double()
    items, groups = lists(6, 3, seed=5)
    layout = lay_out(items, pad_token_id=PAD, groups=groups)
    assert can_share(model) and layout.attention.dim() == 4
    ids, mask = pad([[*item.prompt, *item.completion] for item in items], PAD)
    ours = sequence_scores(model, layout)
    theirs = model(input_ids=ids, attention_mask=mask).logits
    assert torch.allclose(ours, theirs, atol=1e-12)
    weights = torch.randn(len(items), generator=torch.Generator().manual_seed(0))
    assert close(
        gradient(model, (ours[:, 0] * weights).sum()),
        gradient(model, (theirs[:, 0] * weights).sum()),
    )
    known = reward_scores(
        model,
        [[*item.prompt, *item.completion] for item in items],
        pad_token_id=PAD,
        batch_size=4,
    )
    assert ours[:, 0].tolist() == pytest.approx(known, abs=1e-6)


HEADS: list[tuple[str, dict[str, Any]]] = [
    ("linear", {"components": 2}),
    ("gate", {"components": 3, "gate_width": 8, "gate_layers": 1}),
    ("skew", {"blocks": 2, "gated": True}),
    ("tokens", {}),
    ("verdict", {"answers": [7, 8]}),
]


def segmented(draw: random.Random) -> list[Example]:
    """Lists of three, some with segments to judge, one without a completion."""
    examples = []
    for number in range(5):
        head = tuple(draw.randrange(5, 440) for _ in range(draw.randrange(1, 20)))
        members = []
        for place in range(3):
            tail = tuple(draw.randrange(5, 440) for _ in range(draw.randrange(1, 9)))
            tail = () if number == 2 and place == 1 else tail
            ids = head + tail
            members.append(Encoded(ids, len(head), (len(head) - 1, len(ids) - 1)))
        examples.append(Example(str(number), tuple(members)))
    return examples


@pytest.mark.parametrize("head,options", HEADS, ids=[name for name, _ in HEADS])
def test_every_head_says_the_same_of_shared_sequences(
    head: str, options: dict[str, Any]
) -> None:
    loaded, _ = small(head, options=options)
    model = loaded.model
    assert isinstance(model, RewardModel)
    examples = segmented(random.Random(2))
    batch = Collator(examples, PAD, shared=True).batch(examples)
    assert batch.layout is not None and batch.layout.attention.dim() == 4

    def say(layout: Any) -> Tensor:
        features = model.features(
            batch.ids, batch.mask, batch.prompts, ends=batch.ends, layout=layout
        )
        output = model.head(features)
        if output.tokens is not None:
            return output.tokens[batch.mask.bool()]
        if output.vectors is not None and output.blocks is not None:
            return torch.cat([output.vectors, output.blocks], -1)
        return output.values

    ours, theirs = say(batch.layout), say(None)
    assert torch.allclose(ours, theirs, atol=1e-5)
    weights = torch.randn(ours.shape, generator=torch.Generator().manual_seed(0))
    assert close(
        gradient(model, (ours * weights).sum()),
        gradient(model, (theirs * weights).sum()),
        within=1e-5,
    )
