"""Completions against each other and against opponents: gradients and equilibria."""

from __future__ import annotations

import copy
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from tests.engine.identities.test_online_rows import NAMES, context, draw, update_of
from training.engine import processes
from training.engine.models import load_policy
from training.engine.objectives.dpo import dpo_loss
from training.engine.online import combine, duels, select, transforms
from training.engine.online.opponents import (
    Blend,
    FrozenSampler,
    geometric_mixture,
    looked_ahead,
)
from training.engine.online.pipeline import Pipeline
from training.engine.online.rollout import Drawing, LocalSampler
from training.engine.online.scored import Scored
from training.engine.ppo.actor_critic import Outputs, Reference, build
from training.engine.ppo.experience import sequences
from training.engine.ppo.learner import Totals, losses
from training.engine.sampling import Prompt
from training.engine.spec import ModelPart
from training.engine.tasks import online

CYCLE = torch.tensor([[0.5, 1, 0], [0, 0.5, 1], [1, 0, 0.5]], dtype=torch.float64)
TIE = torch.tensor([0.5, 0.3, 0.2], dtype=torch.float64).log()


def slope(name: str, scored: Scored, references: Tensor, **given: Any) -> Tensor:
    """Return the gradient of a preset's update for all log-probabilities, (N, T)."""
    run = context(name, **given)
    row = online.row_of(run)
    settings = online.update_settings(run, row)
    numbers = online.pipeline_settings(run, row, NAMES)
    experience = Pipeline(row, numbers, lambda _: references)(scored)
    where = [
        next(i for i, old in enumerate(scored.old_logprobs) if torch.equal(old, each))
        for each in experience.old_logprobs
    ]
    new = scored.old_logprobs.clone().requires_grad_()
    outputs = Outputs(new[where], scored.entropy[where], None)
    loss, _ = losses(outputs, experience, settings, Totals.of(experience))
    (found,) = torch.autograd.grad(loss, new)
    return found


def summed(scored: Scored, policy: Tensor) -> tuple[Tensor, Tensor]:
    tokens = scored.sequences.tokens
    return (policy * tokens).sum(1), (scored.reference_logprobs * tokens).sum(1)


def hinge_loss(pairs: duels.Pairs, s: Tensor, beta: float) -> Tensor:
    gaps = torch.stack([s[a] - s[b] for a, b in pairs])
    return F.relu(1 - beta * gaps).mean()


@pytest.mark.parametrize("name", ["online-dpo", "online-ipo", "rso"])
def test_duels_have_the_gradients_of_their_losses(name: str) -> None:
    """An update's gradient is the one autograd finds for the loss as it is written."""
    scored = update_of(4)
    rewards = scored.rewards.sum(1)
    references = torch.sigmoid(draw(8, 3, 2, seed=6))
    given = {"rso": {"accepted": 4, "rejection_beta": 50.0, "beta": 0.5}}
    found = slope(name, scored, references, **given.get(name, {}))
    policy = scored.old_logprobs.clone().requires_grad_()
    lp, lr = summed(scored, policy)
    groups = scored.groups
    if name == "online-dpo":
        pairs = duels.extremes(rewards, groups)
        assert [tuple(p) for p in pairs] == [
            (4 * g + int(part.argmax()), 4 * g + int(part.argmin()))
            for g, part in enumerate(rewards.view(2, 4))
        ]
        won, lost = (torch.tensor(side) for side in zip(*pairs, strict=True))
        loss = dpo_loss(lp[won], lp[lost], lr[won], lr[lost], beta=0.1).mean()
    elif name == "rso":
        kept = select.by_rejection(rewards, groups, beta=50.0, wanted=4, seed="0/0")
        pairs = duels.neighbours(rewards, groups, kept)
        assert pairs and all(rewards[a] > rewards[b] for a, b in pairs)
        loss = hinge_loss(pairs, lp - lr, 0.5)
    else:
        wins = transforms.preference_as_reward(
            scored.rewards[:, 0], references[..., 0], 1.0
        ) + transforms.preference_as_reward(
            scored.rewards[:, 1], references[..., 1], 1.0
        )
        s = lp - lr
        terms = [
            (s[i] - s[j] - (wins[i] - wins[j]) / 0.1) ** 2
            for i in range(8)
            for j in range(i)
            if groups[i] == groups[j]
        ]
        loss = torch.stack(terms).mean()
    (wanted,) = torch.autograd.grad(loss, policy)
    assert float(wanted.abs().max()) > 1e-3
    assert torch.allclose(found, wanted, atol=1e-5)


def test_prompt_whose_completions_score_alike_teaches_nothing() -> None:
    scored = update_of(4)
    scored.rewards = torch.ones(8, 2)
    assert not slope("online-dpo", scored, torch.zeros(8, 1, 2)).any()
    assert duels.extremes(torch.ones(8), scored.groups) == []


def test_a_weight_of_nothing_is_the_limit_of_small_weights() -> None:
    """What is weighed down by ADORA is still tied, and still counts in the mean."""
    scored, nothing = update_of(4), torch.zeros(8, 1, 2)
    # The first prompt's right answers are not the longer ones, so it is flagged.
    scored.rewards[:] = torch.tensor([[0.0], [1], [0], [0], [0], [1], [0], [1]])
    none, few = (
        slope("adora", scored, nothing, weight=weight, success=1.0)
        for weight in (0.0, 1e-7)
    )
    assert torch.allclose(none, few, atol=1e-6)
    assert none.any()


# --- equilibria -------------------------------------------------------------------


def equilibrium(beta: float) -> Tensor:
    """Return log pi = ref * exp(P pi / beta) / Z of the cycle, by damped iteration."""
    logits = TIE.clone()
    for _ in range(4000):
        best = TIE + CYCLE @ logits.softmax(-1) / beta
        logits = 0.99 * logits + 0.01 * best.log_softmax(-1)
    return logits.log_softmax(-1)


def last_iterate(beta: float, rate: float, steps: int, *, ahead: bool) -> Tensor:
    """Return log pi after squared duels of all arms against the policy itself."""
    logits = nn.Parameter(torch.tensor([1.0, 0.0, -1.0], dtype=torch.float64))
    optimizer = torch.optim.SGD([logits], lr=rate)
    group = torch.zeros(3, dtype=torch.long)

    def wins() -> Tensor:
        return CYCLE @ logits.detach().softmax(-1)

    def step(values: Tensor) -> None:
        logprobs = logits.log_softmax(-1)
        ratios = (logprobs - TIE).detach()
        advantages = duels.squared(values, ratios, group, beta)
        optimizer.zero_grad()
        (-(advantages * logprobs).sum()).backward()
        optimizer.step()

    def look() -> Tensor:
        step(wins())
        return wins()

    for _ in range(steps):
        step(looked_ahead([logits], optimizer, look) if ahead else wins())
    return logits.detach().log_softmax(-1)


def test_extragradient_reaches_the_equilibrium_of_a_cycle() -> None:
    beta = 0.01

    def short_of(logits: Tensor) -> float:
        """Return how far ref * exp(P pi / beta) / Z is from pi itself."""
        answer = (TIE + CYCLE @ logits.exp() / beta).softmax(-1)
        return float((answer - logits.exp()).abs().max())

    # The step of the log-probabilities is 2 * rate / beta = 0.5.
    assert short_of(last_iterate(beta, 0.0025, 1500, ahead=True)) < 1e-6
    assert short_of(last_iterate(beta, 0.0025, 1500, ahead=False)) > 0.1


def test_trial_step_leaves_nothing_behind_but_what_it_found() -> None:
    weights = nn.Parameter(torch.ones(3))
    optimizer = torch.optim.AdamW([weights], lr=0.1)

    def step() -> Tensor:
        optimizer.zero_grad()
        (weights * torch.tensor([1.0, 2.0, 3.0])).sum().backward()
        optimizer.step()
        return weights.detach().clone()

    assert not torch.equal(looked_ahead([weights], optimizer, step), torch.ones(3))
    assert torch.equal(weights, torch.ones(3)) and not optimizer.state
    first = step()
    kept = {k: v.clone() for k, v in optimizer.state[weights].items()}
    tried = looked_ahead([weights], optimizer, step)
    assert torch.equal(weights, first)
    assert all(torch.equal(v, kept[k]) for k, v in optimizer.state[weights].items())
    assert torch.equal(step(), tried)


def test_nash_md_is_as_far_off_as_its_step_is_long() -> None:
    beta = 0.2
    wanted = equilibrium(beta).exp()

    def bias(step: float) -> float:
        logits = TIE.clone()
        for _ in range(int(150 / step)):
            mixed = geometric_mixture(logits, TIE, step * beta)
            logits = (mixed + step * (CYCLE @ mixed.exp())).log_softmax(-1)
        return float((logits.exp() - wanted).abs().max())

    coarse, fine = bias(0.2), bias(0.1)
    assert coarse > 1e-4
    assert coarse / fine == pytest.approx(2.0, abs=0.3)


def test_mixture_runs_from_self_play_to_the_reference() -> None:
    one, other = draw(4, 7, seed=1), draw(4, 7, seed=2)
    assert torch.allclose(geometric_mixture(one, other, 0.0), one.log_softmax(-1))
    assert torch.allclose(geometric_mixture(one, other, 1.0), other.log_softmax(-1))
    half = geometric_mixture(one, other, 0.5)
    assert torch.allclose(half.exp().sum(-1), torch.ones(4))
    # The same draws as from the model at either end, prompts of unequal length.
    loaded = load_policy(ModelPart(source="tiny:causal"), seed=1)
    frozen = load_policy(ModelPart(source="tiny:causal"), seed=2)
    reference = Reference(frozen.model, loaded.model, 1.0)
    drawing = Drawing(1.0, 6, 64, 8)
    device = torch.device("cpu")
    prompts = [
        Prompt(str(n), [{"role": "user", "content": "good " * n}]) for n in (1, 4)
    ]

    def drawn(sampler: Any) -> list[list[int]]:
        found = sampler.sample(prompts, 2, seed=3, tick=lambda done: None)
        return [rollout.ids for rollout in found]

    def blended(weight: float) -> list[list[int]]:
        return drawn(
            LocalSampler(
                loaded,
                loaded.model,
                drawing,
                device,
                blend=lambda mask: Blend(reference, mask, weight),
            )
        )

    own = drawn(LocalSampler(loaded, loaded.model, drawing, device))
    theirs = drawn(FrozenSampler(loaded, reference, drawing, device))
    assert own != theirs
    assert blended(0.0) == own
    assert blended(1.0) == theirs


# --- where the tie is felt, gaps, constraints -------------------------------------


def test_tie_to_a_teacher_is_felt_where_it_is_earned() -> None:
    scored = update_of(4)
    nothing = torch.zeros(8, 1, 2)
    scores = scored.rewards.sum(1)
    middle = float(scores.median())
    free = slope("kepo", scored, nothing, success=middle, kl_coef=0.0)
    held = slope("kepo", scored, nothing, success=middle, kl_coef=0.5)
    felt = (held - free).abs().sum(1) > 1e-9
    assert torch.equal(felt, scores >= middle)
    everywhere = slope("kepo", scored, nothing, success=-1e6, kl_coef=0.5)
    grpo = slope("grpo", scored, nothing, kl_coef=0.5)
    assert torch.allclose(everywhere, grpo, atol=1e-7)


def test_gap_to_itself_is_nothing() -> None:
    rewards = draw(6, seed=1)
    assert not transforms.gap(rewards, rewards[:, None].expand(6, 3)).any()
    offset = transforms.gap(rewards, torch.full((6, 2), 3.0))
    assert torch.allclose(offset, rewards - 3.0)


def test_inflated_constraint_asks_for_more_the_less_is_known() -> None:
    def pushed(inflation: float, rewards: Tensor) -> float:
        rule = combine.Constrained(
            [0.0], equality=False, rate=1.0, inflation=inflation, confidence=0.95
        )
        rule.observe(rewards)
        return float(rule.raw[0])

    few, many = draw(5, 1, seed=1), draw(500, 1, seed=1)
    few, many = few - few.mean(), many - many.mean()
    assert pushed(0.0, few) == pytest.approx(0.0, abs=1e-6)
    assert pushed(2.0, few) > pushed(2.0, many) > pushed(0.0, many)
    # t(0.95, 4) = 2.1318; the slope of sigmoid at 0 is 1/4.
    margin = 2 * 2.131847 * float(few.std()) / 5**0.5
    assert pushed(2.0, few) == pytest.approx(margin / 4, rel=1e-5)


def test_constraints_of_several_processes_are_those_of_all_completions(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Two processes with equal completions: every sum over processes is twice one's."""

    def multipliers(rewards: Tensor) -> list[float]:
        rule = combine.Constrained(
            [0.1, -0.2], equality=False, rate=1.0, inflation=1.0, confidence=0.9
        )
        rule.observe(rewards)
        return rule.multipliers().tolist()

    own = draw(6, 2, seed=3)
    together = multipliers(torch.cat([own, own]))
    monkeypatch.setattr(processes, "across", lambda value: value * 2)
    assert multipliers(own) == pytest.approx(together, rel=1e-6)


def test_distance_is_that_of_whole_distributions() -> None:
    """SuperHF's tie: sum_v ref(v) log(ref(v) / pi(v)) at every completion token."""
    loaded = load_policy(ModelPart(source="tiny:causal"), seed=1)
    frozen = load_policy(ModelPart(source="tiny:causal"), seed=2).model
    batch = sequences([[5, 6], [7]], [[8, 9, 10], [11]], pad_token_id=0, width=4)
    model = build(loaded.model, critic="none")
    model.tied_to = Reference(frozen, loaded.model, 1.0)
    found = model(batch).distance
    ids = torch.tensor([[5, 6, 8, 9, 10]])
    ours, theirs = (m(ids).logits.log_softmax(-1) for m in (loaded.model, frozen))
    wanted = (theirs.exp() * (theirs - ours)).sum(-1)[0, 1:4]
    assert torch.allclose(found[0, :3], wanted, atol=1e-5)
    assert (found[batch.tokens] > 1e-4).all()
    assert not found[~batch.tokens].any()
    one, other = (
        torch.cat([g.flatten() for g in torch.autograd.grad(total, parameters)])
        for parameters in [[p for p in loaded.model.parameters() if p.requires_grad]]
        for total in (found[0].sum(), wanted.sum())
    )
    assert float(other.norm()) > 1e-2
    assert torch.allclose(one, other, atol=1e-4)
    model.tied_to = Reference(copy.deepcopy(loaded.model), loaded.model, 1.0)
    assert float(model(batch).distance.abs().max()) < 1e-6
    with torch.no_grad():
        assert model(batch).distance is None
