"""Scores without training, and contrasts: made of likelihoods and of cosines."""

from __future__ import annotations

import math
from functools import cache
from typing import Any

import pytest
import torch

from tests.engine.reward_rows import items
from tests.engine.support import say
from training.engine.models import Loaded, load_policy
from training.engine.rewards.contrast import contrastive_loss
from training.engine.rewards.free import density_ratio, follow_ups, log_likelihoods
from training.engine.spec import ModelPart
from training.engine.tokens import tokenize

HOW: dict[str, Any] = {"max_length": 128, "batch_size": 2}
ASKED = items(3)
PROMPTS = [item.prompt for item in ASKED]
COMPLETIONS = [item.completion for item in ASKED]


@cache
def model(seed: int = 0) -> Loaded:
    return load_policy(ModelPart(source="tiny:causal"), seed=seed)


@pytest.mark.parametrize("per_token", [False, True])
def test_likelihood_is_minus_the_cross_entropy(per_token: bool) -> None:
    found, shortened = log_likelihoods(
        model(), PROMPTS, COMPLETIONS, per_token=per_token, **HOW
    )
    assert shortened == 0
    for value, item in zip(found, ASKED, strict=True):
        head, (tail,) = tokenize(model().tokenizer, item.prompt, [item.completion])
        with torch.no_grad():
            logits = model().model(torch.tensor([head + tail])).logits[0]
        entropy = torch.nn.functional.cross_entropy(
            logits[len(head) - 1 : -1],
            torch.tensor(tail),
            reduction="mean" if per_token else "sum",
        )
        assert value == pytest.approx(-entropy.item(), rel=1e-5)


def test_ratio_of_equal_models_is_nothing() -> None:
    one, other = (
        log_likelihoods(model(seed), PROMPTS, COMPLETIONS, per_token=False, **HOW)
        for seed in (0, 1)
    )
    assert density_ratio(one, one) == ([0.0, 0.0, 0.0], 0)
    there, back = density_ratio(one, other, 0.5)[0], density_ratio(other, one, 0.5)[0]
    assert any(there)
    assert there == [-value for value in back]
    assert there == pytest.approx(
        [0.5 * (p - q) for p, q in zip(one[0], other[0], strict=True)]
    )


def test_exchanged_follow_ups_turn_the_sign() -> None:
    said: dict[str, Any] = {"kind": ["Thank you!", "Good."], "unkind": ["No."]}
    turned = {"kind": said["unkind"], "unkind": said["kind"]}
    there, back = (
        follow_ups(model(), PROMPTS, COMPLETIONS, per_token=True, **found, **HOW)[0]
        for found in (said, turned)
    )
    assert there == pytest.approx([-value for value in back], abs=1e-9)
    by_hand = [
        log_likelihoods(
            model(),
            [[*p, *c] for p, c in zip(PROMPTS, COMPLETIONS, strict=True)],
            [say("user", text)] * 3,
            per_token=True,
            **HOW,
        )[0]
        for text in ("Thank you!", "Good.", "No.")
    ]
    expected = [(a + b) / 2 - c for a, b, c in zip(*by_hand, strict=True)]
    assert there == pytest.approx(expected, abs=1e-9)


def test_contrast_tells_pairs_apart() -> None:
    alike = torch.ones(4, 3).double()
    assert contrastive_loss(alike, alike, 0.05).tolist() == pytest.approx(
        [math.log(4)] * 4
    )
    apart = torch.eye(4).double()
    expected = math.log(1 + 3 * math.exp(-1 / 0.05))
    assert contrastive_loss(apart, apart, 0.05).tolist() == pytest.approx(
        [expected] * 4
    )
    # How long a difference is says nothing, only where it points.
    longer = torch.tensor([1.0, 5.0, 0.1, 2.0]).double()[:, None] * apart
    assert torch.allclose(
        contrastive_loss(apart, longer, 0.05), contrastive_loss(apart, apart, 0.05)
    )
    # Swapped with another pair, it is least like itself.
    assert (contrastive_loss(apart, apart[[1, 0, 2, 3]], 0.05)[:2] > 19).all()
