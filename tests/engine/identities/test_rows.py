"""Methods that are ways of writing rows: what they do to prompts, sides, boundaries."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from tests.engine.identities.support import gradient, losses
from tests.engine.preference_rows import full_pair
from tests.engine.support import pair_row, say, write_rows
from training.engine import registry
from training.engine.logprobs import token_logprobs
from training.engine.models import Loaded, load_policy
from training.engine.objectives.batch import Batch
from training.engine.preferences.batches import Collator
from training.engine.preferences.examples import Encoder, Example
from training.engine.preferences.frozen import Frozen
from training.engine.preferences.rows import Reader
from training.engine.registry.algebra import Objective
from training.engine.spec import ModelPart


@pytest.fixture(scope="module")
def loaded() -> Loaded:
    return load_policy(ModelPart(source="tiny:causal"), seed=1)


def read(
    preset: str, rows: list[dict[str, Any]], path: Path, loaded: Loaded, **given: Any
) -> list[Example]:
    found = registry.get(preset)
    assert isinstance(found.settings, Objective)
    encoder = Encoder(loaded.tokenizer, 512, found.settings.tokens)
    params = registry.validate(preset, given)
    reader = Reader(found, found.settings, params, encoder, seed=0)
    return reader.read(write_rows(path / "rows.parquet", rows)).examples


def scored(examples: list[Example], loaded: Loaded, seed: int = 2) -> Batch:
    """Return a batch with the policy's and another model's log-probabilities."""
    nothing: list[Any] = [{} for _ in examples]
    collator = Collator(
        examples,
        Frozen(nothing, nothing),
        pad_token_id=0,
        shared=True,
        weighted=False,
    )
    found = collator(range(len(examples)))["batch"]
    other = load_policy(ModelPart(source="tiny:causal"), seed=seed).model
    return Batch(
        **{
            **vars(found.batch),
            "policy": token_logprobs(loaded.model, found.layout),
            "frozen": {"reference": token_logprobs(other, found.layout).detach()},
        }
    )


def slope(loss: torch.Tensor, model: Any) -> torch.Tensor:
    model.zero_grad()
    loss.backward()
    return torch.cat([p.grad.flatten() for p in model.parameters()])


def test_dove_of_equal_instructions_is_dpo(tmp_path: Path, loaded: Loaded) -> None:
    rows = [full_pair(i) for i in range(3)]
    same = [row | {"rejected_prompt": row["prompt"]} for row in rows]
    joint = scored(read("dove", same, tmp_path, loaded), loaded)
    plain = scored(read("dpo", same, tmp_path, loaded), loaded)
    one, two = losses("dove", joint), losses("dpo", plain)
    assert torch.allclose(one, two, atol=1e-6)
    first = slope(one.sum(), loaded.model)
    second = slope(two.sum(), loaded.model)
    assert (first - second).norm() / second.norm() < 1e-4
    # Other instructions have a gradient of their own.
    apart = scored(read("dove", rows, tmp_path, loaded), loaded)
    third = slope(losses("dove", apart).sum(), loaded.model)
    assert (third - second).norm() / second.norm() > 0.1


def test_contrasted_prompts_flip_the_sign(tmp_path: Path, loaded: Loaded) -> None:
    rows = [full_pair(i) for i in range(3)]
    turned = [
        row | {"prompt": row["rejected_prompt"], "rejected_prompt": row["prompt"]}
        for row in rows
    ]
    examples = read("mapl", rows, tmp_path, loaded)
    for example in examples:
        met, unmet = example.members
        assert met.completion == unmet.completion and met.prompt != unmet.prompt
    one = losses("mapl", scored(examples, loaded))
    two = losses("mapl", scored(read("mapl", turned, tmp_path, loaded), loaded))
    # -log sig(z) and -log sig(-z) differ by z.
    z = two - one
    assert torch.allclose(one, -torch.nn.functional.logsigmoid(z), atol=1e-5)
    assert z.abs().max() > 1e-5


@pytest.mark.parametrize(("step", "whole"), [("step-dpo", "dpo"), ("step-ipo", "ipo")])
def test_common_prefix_cancels(
    step: str, whole: str, tmp_path: Path, loaded: Loaded
) -> None:
    rows = [
        pair_row(
            i,
            chosen=say("assistant", f"first we add the list {i} then please"),
            rejected=say("assistant", f"first we add the list {i} no go away now"),
        )
        for i in range(3)
    ]
    suffix = read(step, rows, tmp_path, loaded)
    full = read(whole, rows, tmp_path, loaded)
    for short, long in zip(suffix, full, strict=True):
        assert len(short.members[0].completion) < len(long.members[0].completion) - 5
        assert short.members[0].completion[0] != short.members[1].completion[0]
    one, two = losses(step, scored(suffix, loaded)), losses(whole, scored(full, loaded))
    assert torch.allclose(one, two, rtol=1e-5)


def test_goals_double_the_rows_and_swap_the_sides(
    tmp_path: Path, loaded: Loaded
) -> None:
    rows = [full_pair(i) for i in range(4)]
    examples = read("reward-augmented", rows, tmp_path, loaded)
    assert len(examples) == 8
    for good, bad in zip(examples[0::2], examples[1::2], strict=True):
        assert good.row_id == bad.row_id
        assert good.members[0].completion == bad.members[1].completion
        assert good.members[1].completion == bad.members[0].completion
        goals = [
            loaded.tokenizer.decode(list(example.members[0].prompt))
            for example in (good, bad)
        ]
        assert "0.2" in goals[1] and "0.2" not in goals[0]
    # A policy that ignores the goal has nothing to learn at the start.
    z = torch.zeros(2, requires_grad=True)
    both = -torch.nn.functional.logsigmoid(torch.stack([z[0] - z[1], z[1] - z[0]]))
    assert torch.equal(gradient(both.sum(), z), torch.zeros(2))


def test_shots_are_the_annotators_own(tmp_path: Path, loaded: Loaded) -> None:
    rows = [
        full_pair(i, chosen=say("assistant", f"marker{i} of {i % 2}")) for i in range(8)
    ]
    examples = read("fspo", rows, tmp_path, loaded, shots=2)
    for index, example in enumerate(examples):
        text = loaded.tokenizer.decode(list(example.members[0].prompt))
        shown = [i for i in range(8) if f"marker{i} " in text]
        assert len(shown) == 2 and index not in shown
        assert {i % 2 for i in shown} == {index % 2}
    again = read("fspo", rows, tmp_path, loaded, shots=2)
    assert again == examples
    none = read("fspo", rows, tmp_path, loaded, shots=0)
    assert [e.members for e in none] == [
        e.members for e in read("dpo", rows, tmp_path, loaded)
    ]


def test_small_gaps_are_left_out(tmp_path: Path, loaded: Loaded) -> None:
    rows = [full_pair(i, chosen_value=0.2 + 0.1 * i) for i in range(5)]
    kept = read("dno-prct", rows, tmp_path, loaded, min_gap=0.25)
    assert [example.row_id for example in kept] == ["train-3", "train-4"]
    plain = read("dpo", rows[3:], tmp_path, loaded)
    one, two = losses("dno-prct", scored(kept, loaded)), scored(plain, loaded)
    assert torch.equal(one, losses("dpo", two))


def test_pooled_rows_keep_their_columns_on_the_right_side(
    tmp_path: Path, loaded: Loaded
) -> None:
    row = full_pair(0, chosen_value=0.9, rejected_value=0.1, margins=[0.4])
    other = row | {
        "chosen": row["rejected"],
        "rejected": row["chosen"],
        "chosen_value": 0.6,
        "rejected_value": 0.5,
        "margins": [0.2],
        "weight": 0.5,
    }
    (example,) = read("copg", [row, other], tmp_path, loaded)
    assert example.columns["values"] == pytest.approx((0.7, 0.35))
    (example,) = read("modpo", [row, other], tmp_path, loaded)
    assert example.columns["margins"] == pytest.approx((0.1,))
