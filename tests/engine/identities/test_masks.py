"""Masks of tokens: their limits, and the plain way to the same numbers."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from torch import Tensor

from tests.engine.identities.support import arms, at_reference, draw, gradient, losses
from training.engine.layout import Branch, lay_out
from training.engine.models import load_policy
from training.engine.objectives.batch import Batch
from training.engine.preferences import masks as masking
from training.engine.preferences.masks import TokenMasks, masked_forward, rescaled
from training.engine.preferences.trainer import with_read
from training.engine.spec import ModelPart


def masked(batch: Batch, ratio: Tensor, divergence: Tensor) -> Batch:
    tied = -draw(*batch.mask.shape, seed=9).abs()
    weights = {
        "ratio_mask": ratio,
        "divergence_mask": divergence,
        "divergence": tied,
    }
    return replace(batch, weights=weights)


@pytest.mark.parametrize(
    ("name", "own"), [("sparse-po", {"l1": 0.0}), ("mapo-masks", {})]
)
def test_masked_scores_have_their_limits(name: str, own: dict[str, float]) -> None:
    policy = at_reference(draw(4) - 6)
    batch = arms(
        policy,
        [[0, 1], [2, 3]],
        frozen={"reference": draw(4, seed=1) - 6},
        columns={"soft_label": torch.ones(2).double()},
        lengths=[3, 5, 2, 4],
    )
    one, none = torch.ones(batch.mask.shape), torch.zeros(batch.mask.shape)
    dpo = losses("dpo", batch, beta=0.3)
    bare = losses(name, masked(batch, one, none), beta=0.3, **own)
    assert torch.allclose(bare, dpo, atol=1e-12)
    assert torch.allclose(
        gradient(bare.sum(), policy), gradient(dpo.sum(), policy), atol=1e-12
    )
    # TDPO: each side's log-ratio, and its divergence from the reference on top.
    both = masked(batch, one, one)
    apart = torch.where(batch.mask, both.weights["divergence"], 0.0).sum(-1)
    ratio = torch.where(batch.mask, batch.policy - batch.under("reference"), 0.0)
    h = ratio.sum(-1) - apart
    by_hand = -torch.nn.functional.logsigmoid(0.3 * (h[[0, 2]] - h[[1, 3]]))
    assert torch.allclose(losses(name, both, beta=0.3, **own), by_hand, atol=1e-12)
    if own:  # the norm is of both masks, on tokens that are there
        extra = losses(name, both, beta=0.3, l1=0.5) - by_hand
        assert extra.tolist() == pytest.approx([0.5 * 2 * 8, 0.5 * 2 * 6])


def test_masks_and_divergences_equal_the_plain_way(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    policy, frozen = (
        load_policy(ModelPart(source="tiny:causal"), seed=seed).model.eval()
        for seed in (1, 2)
    )
    items = [
        Branch((5, 6, 7), (8, 9)),
        Branch((5, 6, 7), (9, 10, 11)),
        Branch((4,), (12,)),
    ]
    with torch.no_grad():
        plain = []
        for item in items:
            ids = torch.tensor([item.prompt + item.completion])
            at = slice(len(item.prompt) - 1, ids.shape[1] - 1)
            found = frozen(ids, output_hidden_states=True)
            theirs = found.logits[0, at].log_softmax(-1)
            ours = policy(ids).logits[0, at].log_softmax(-1)
            states = torch.stack([s[0, at] for s in found.hidden_states[1:]])
            plain.append((ours, (theirs.exp() * (ours - theirs)).sum(-1), states))
    torch.manual_seed(0)
    masks = TokenMasks(policy.config.hidden_size, len(plain[0][2]), shared=False)
    for parameter in masks.parameters():
        torch.nn.init.normal_(parameter)
    masked_forward(policy, frozen, masks)
    monkeypatch.setattr(masking, "LOGITS_AT_ONCE", 4 * 900)  # in parts
    read = policy(layout=lay_out(items, pad_token_id=0, groups=[0, 0, 1]))
    for row, (item, (ours, apart, states)) in enumerate(zip(items, plain, strict=True)):
        here = slice(0, len(item.completion))
        chosen = ours.gather(1, torch.tensor(item.completion)[:, None])[:, 0]
        assert torch.allclose(read["policy"][row, here], chosen, atol=1e-5)
        assert torch.allclose(read["divergence"][row, here], apart, atol=1e-5)
        for name, value in zip(("ratio", "divergence"), masks(states), strict=True):
            assert torch.allclose(read[f"{name}_mask"][row, here], value, atol=1e-4)
    assert (read["divergence"] <= 1e-6).all() and (read["ratio_mask"] >= 0).all()
    # Both masks and the policy learn; the reference does not.
    batch = Batch(read["policy"], read["policy"] != 0, torch.tensor([[0, 1]]))
    batch = replace(batch, columns={"soft_label": torch.ones(1)})
    losses("sparse-po", with_read(batch, read)).sum().backward()
    assert masks.ratio.mixer.weight.grad is not None
    assert masks.divergence.mixer.weight.grad is not None
    assert policy.get_input_embeddings().weight.grad is not None
    assert frozen.get_input_embeddings().weight.grad is None
    same = TokenMasks(8, 2, shared=True)
    assert torch.equal(*same(torch.randn(2, 5, 8)))


def test_activations_are_rescaled_in_each_completion() -> None:
    values = draw(3, 4)
    mask = torch.tensor([[1, 1, 1, 1], [1, 1, 1, 0], [1, 0, 0, 0]]).bool()
    found = rescaled(values, mask)
    assert ((found >= 0) & (found <= 1)).all() and (found[~mask] == 0).all()
    for row in (0, 1):
        ends = found[row][mask[row]]
        assert (float(ends.min()), float(ends.max())) == (0.0, 1.0)
    assert found[2, 0] == 1  # alone, it counts
    assert torch.allclose(rescaled(3 * values - 7, mask), found, atol=1e-12)
    standard = (values - values.mean(1, keepdim=True)) / values.std(1, keepdim=True)
    assert torch.allclose(rescaled(standard, mask)[0], found[0], atol=1e-12)
