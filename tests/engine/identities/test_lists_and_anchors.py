"""Lists of completions, and terms about single sequences."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from tests.engine.identities.support import arms, draw, gradient, losses
from training.engine.objectives.anchors import token_rewards
from training.engine.objectives.batch import Batch
from training.engine.objectives.list_links import (
    attribute_weights,
    lambda_weights,
    list_terms,
)

K = 5
POLICY, REFERENCE = draw(K, seed=1) - 4, draw(K, seed=2) - 4
LENGTHS = [3, 5, 2, 7, 4]
FROZEN = {"reference": REFERENCE, "previous": draw(K, seed=3) - 4}
PAIRS = [[0, 1], [2, 3], [4, 0]]


def listed(
    members: list[list[int]], values: list[list[float]], policy: Tensor = POLICY
) -> Batch:
    columns = {"values": torch.tensor(values, dtype=torch.float64)}
    return arms(policy, members, frozen=FROZEN, columns=columns, lengths=LENGTHS)


def paired(policy: Tensor = POLICY, **columns: Tensor) -> Batch:
    return arms(policy, PAIRS, frozen=FROZEN, columns=columns, lengths=LENGTHS)


def test_pro_of_two_is_logistic() -> None:
    batch = listed([[0, 1], [3, 2]], [[0.9, 0.2], [0.1, 0.4]])
    found = losses("pro", batch, nll_weight=0)
    q = POLICY / torch.tensor(LENGTHS)
    wanted = -F.logsigmoid(torch.stack([0.7 * (q[0] - q[1]), 0.3 * (q[2] - q[3])]))
    assert torch.allclose(found, wanted, atol=1e-15)
    # Fine-tuning on the best grows with the square of the list.
    more = losses("pro", batch, nll_weight=0.05) - found
    assert torch.allclose(more, -0.05 * POLICY[[0, 2]])


def test_pro_of_equal_gaps_is_plackett_luce_and_ignores_padding() -> None:
    # Values 1, 0 for one against all others: a softmax over q.
    batch = listed([[0, 1, 2, -1]], [[1.0, 0.0, 0.0, 0.0]])
    q = (POLICY / torch.tensor(LENGTHS))[:3]
    wanted = -torch.log_softmax(q, 0)[0]
    assert torch.allclose(losses("pro", batch, nll_weight=0), wanted)


def test_lipo_of_two_is_proportional_to_dpo() -> None:
    batch = listed([[0, 1], [2, 3], [4, 0]], [[1.0, 0.0]] * 3)
    ratio = losses("lipo", batch, beta=0.1) / losses("dpo", paired())
    assert torch.allclose(ratio, ratio[0], atol=1e-12)
    s = 0.1 * (POLICY - REFERENCE)[None, :]
    values = torch.tensor([[1.0, 0.5, 0.0, 0.5, 1.0]], dtype=torch.float64)
    weights = lambda_weights(s, values, torch.ones_like(values).bool())
    assert torch.equal(weights, weights.transpose(1, 2))
    assert weights[0, 0, 4] == weights[0, 1, 3] == 0 < weights[0, 0, 2]
    leaf = s.clone().requires_grad_(True)
    assert not lambda_weights(leaf, values, values > -1).requires_grad


def test_learning_by_lipo_sorts_the_list() -> None:
    policy = REFERENCE.clone()
    values = [[0.0, 0.25, 0.5, 0.75, 1.0]]
    for _ in range(200):
        leaf = policy.clone().requires_grad_(True)
        batch = listed([[0, 1, 2, 3, 4]], values, leaf)
        policy = policy - 20 * gradient(losses("lipo", batch).sum(), leaf)
    scores = policy - REFERENCE
    assert torch.equal(scores.argsort(), torch.arange(K))


def test_tree_of_two_leaves_is_dpo() -> None:
    batch = listed(PAIRS, [[1.0, 0.0], [0.7, 0.0], [0.2, 0.1]])
    assert torch.allclose(losses("tree-po", batch), losses("dpo", paired()), atol=1e-12)
    # Leaves of one value say nothing of each other.
    even = listed([[0, 1, 2]], [[0.5, 0.5, 0.5]])
    assert losses("tree-po", even).item() == 0


def test_trpa_pairs_levels_and_starts_without_kl() -> None:
    q = (POLICY - REFERENCE) / torch.tensor(LENGTHS)
    # Levels 1, 1, 2: the best has value 0.
    batch = listed([[0, 1, 2]], [[0.0, 0.0, -1.0]])
    found = losses("trpa", batch, kl_weight=0)
    pairs = torch.stack([q[0] - q[2], q[1] - q[2]])
    wanted = -F.logsigmoid(0.1 * 2.5 * pairs).mean()
    assert torch.allclose(found, wanted, atol=1e-15)
    lower = listed([[0, 1]], [[-1.0, -2.0]])
    wanted = -F.logsigmoid(0.1 * (q[0] - q[1]))
    assert torch.allclose(losses("trpa", lower, kl_weight=0), wanted)
    # One level alone: up if it is the best, else down.
    best, worst = listed([[0, 1]], [[0.0, 0.0]]), listed([[0, 1]], [[-1.0, -1.0]])
    up = -F.logsigmoid(q[:2]).mean()
    assert torch.allclose(losses("trpa", best, kl_weight=0), up)
    down = -F.logsigmoid(-q[:2]).mean()
    assert torch.allclose(losses("trpa", worst, kl_weight=0), down)
    start = listed([[0, 1, 2]], [[0.0, 0.0, -1.0]], FROZEN["previous"])
    without = losses("trpa", start, kl_weight=0)
    assert torch.equal(losses("trpa", start, kl_weight=1.0), without)
    assert losses("trpa", batch, kl_weight=1.0) > found
    two = listed([[0, 1]], [[0.0, -1.0]])
    same = losses("trpa", two, best_weight=1, kl_weight=0)
    assert torch.allclose(same, losses("ln-dpo", paired(), beta=0.1)[:1])


def test_steerlm2_gradient_vanishes_at_its_target() -> None:
    values = draw(K, seed=4)
    # Q = P(y | a, x), known up to a constant of the prompt.
    target = values + REFERENCE - 0.7
    leaf = target.clone().requires_grad_(True)
    batch = listed([[0, 1, 2, 3, 4], [4, 2, 1, -1, -1]], [], leaf)
    columns = torch.stack([values, values[[4, 2, 1, 0, 0]]])
    batch = Batch(**{**vars(batch), "columns": {"values": columns}})
    weights = attribute_weights(list_terms(batch, leaf))
    assert weights.abs().max() < 1e-15
    assert gradient(losses("steerlm2", batch).sum(), leaf).abs().max() < 1e-15
    elsewhere = listed([[0, 1, 2]], [[0.3, 0.1, -2.0]])
    off = attribute_weights(list_terms(elsewhere, POLICY))
    assert off.abs().max() > 0.05 and off.sum().abs() < 1e-15


def test_copg_of_a_list_of_two_is_copg() -> None:
    values = [[0.3, 0.1], [-1.0, 2.0], [0.0, 0.0]]
    pairs = paired(values=torch.tensor(values, dtype=torch.float64))
    two = losses("copg-lists", listed(PAIRS, values))
    assert torch.allclose(two, losses("copg", pairs), atol=1e-14)
    three = losses("copg-lists", listed([[0, 1, 2]], [[0.3, 0.1, -0.2]]))
    each = [
        losses("copg-lists", listed([pair], [value]))
        for pair, value in (
            ([0, 1], [0.3, 0.1]),
            ([0, 2], [0.3, -0.2]),
            ([1, 2], [0.1, -0.2]),
        )
    ]
    assert torch.allclose(three, sum(each, torch.zeros(1).double()) / 2, atol=1e-14)


@pytest.mark.parametrize("norm", ["sum", "mean"])
def test_rpo_gradient_at_the_reference(norm: str) -> None:
    leaf = REFERENCE.clone().requires_grad_(True)
    batch = arms(leaf, [[0, 1]], frozen=FROZEN, lengths=LENGTHS)
    loss = losses("rpo", batch, beta=0.3, nll_weight=0.05, nll_norm=norm).sum()
    found = gradient(loss, leaf)
    eta = 0.05 / (3 if norm == "mean" else 1)
    assert found[0].item() == pytest.approx(-0.15 - eta)
    assert found[1].item() == pytest.approx(0.15)
    none = losses("rpo", paired(), nll_weight=0)
    assert torch.equal(none, losses("dpo", paired()))


def test_vpo_on_the_chosen_is_rpo() -> None:
    leaf = POLICY.clone().requires_grad_(True)
    vpo = losses("vpo", paired(leaf), alpha=0.5, beta=0.2).sum()
    rpo = losses("rpo", paired(leaf), beta=0.2, nll_weight=0.1, nll_norm="sum").sum()
    assert torch.allclose(gradient(vpo, leaf), gradient(rpo, leaf), atol=1e-15)
    up, down = (
        losses("vpo", paired(), alpha=0.5, direction=way)
        for way in ("optimism", "pessimism")
    )
    assert torch.allclose((up + down) / 2, losses("dpo", paired()), atol=1e-15)


def test_selm_bonus_gradient() -> None:
    leaf = POLICY.clone().requires_grad_(True)
    batch = arms(
        leaf,
        [[0, 1]],
        frozen=FROZEN,
        lengths=LENGTHS,
        extras={"calibration": torch.tensor([3])},
    )
    found = gradient(losses("selm", batch, alpha=0.01, beta=0.5).sum(), leaf)
    assert found[3].item() == pytest.approx(0.005, abs=1e-15)
    plain = losses("selm", batch, alpha=0, beta=0.5)
    assert torch.equal(plain, losses("dpo", batch, beta=0.5))


def test_rows_without_a_calibration_take_the_chosen_one_in_any_batch() -> None:
    def batch(members: list[list[int]], named: list[int] | None) -> Batch:
        extras = {} if named is None else {"calibration": torch.tensor(named)}
        return arms(POLICY, members, frozen=FROZEN, lengths=LENGTHS, extras=extras)

    together = losses("vpo", batch([[0, 1], [2, 3]], [4, -1]), alpha=0.5)
    alone = losses("vpo", batch([[2, 3]], None), alpha=0.5)
    named = losses("vpo", batch([[0, 1]], [4]), alpha=0.5)
    assert torch.equal(together, torch.cat([named, alone]))


@pytest.mark.parametrize("preset", ["dpo-rationale", "orpo-rationale"])
def test_rationale_gradient_stays_in_its_band(preset: str) -> None:
    gamma, found = 0.1, []
    for length in (0.0, -1.0, -10.0, -100.0, -1000.0):
        reason = torch.tensor(length, dtype=torch.float64, requires_grad=True)
        policy = torch.cat([POLICY, reason[None]])
        batch = arms(
            policy,
            [[0, 1]],
            frozen={"reference": torch.zeros(6).double()},
            lengths=[*LENGTHS, 1],
            extras={"rationale": torch.tensor([5])},
        )
        loss = losses(preset, batch, gamma=gamma)
        found.append(-gradient(loss.sum(), reason).item())
        exact = losses(preset, batch, gamma=gamma, rationale_form="nll")
        assert -gradient(exact.sum(), reason).item() == pytest.approx(gamma)
    assert found[0] == pytest.approx(gamma / 2)
    assert found == sorted(found) and found[-1] == pytest.approx(gamma)
    without = Batch(**{**vars(batch), "extras": {"rationale": torch.tensor([-1])}})
    base = preset.split("-")[0]
    assert torch.equal(losses(preset, without), losses(base, without))


def test_token_rewards_are_bounded_and_vanish_for_equal_prompts() -> None:
    better, worse = draw(K, 7, seed=5) * 50, draw(K, 7, seed=6) * 50
    found = token_rewards(better, worse)
    assert found.abs().max() <= 0.5 and found.abs().max() > 0.4
    mask = paired().mask
    batch = paired()
    same = Batch(**{**vars(batch), "frozen": {**FROZEN_TOKENS, **two(better, better)}})
    assert torch.equal(losses("t-reg", same), losses("dpo", same))
    leaf = batch.policy.clone().requires_grad_(True)
    changed = Batch(
        **{
            **vars(batch),
            "policy": leaf,
            "frozen": {**FROZEN_TOKENS, **two(better, worse)},
        }
    )
    extra = gradient(
        (losses("t-reg", changed, alpha=0.25) - losses("dpo", changed)).sum(), leaf
    )
    # Tokens that earned the preference go up, and by how much they earned it.
    h = (POLICY - REFERENCE)[[0, 2, 4]] - (POLICY - REFERENCE)[[1, 3, 0]]
    weight = 0.25 * torch.sigmoid(-0.1 * h)
    assert torch.allclose(
        extra[2], torch.where(mask[2], -weight[1] * 0.1 * found[2], 0.0)
    )
    assert losses("t-reg", changed, alpha=0).allclose(losses("dpo", changed))


FROZEN_TOKENS = dict(paired().frozen)


def two(better: Tensor, worse: Tensor) -> dict[str, Tensor]:
    return {"better": better, "worse": worse}
