"""PPO through a specification: it learns, stays near, stops, resumes and refuses."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import AutoModelForCausalLM

from tests.engine.support import Finished, Workspace
from training.engine.models import Loaded, load_policy, load_reward
from training.engine.online.prompts import batch_of
from training.engine.online.rewards import Lexicon, LikelihoodRatio
from training.engine.online.rollout import Drawing, LocalSampler, rollout
from training.engine.ppo.actor_critic import (
    Reference,
    build,
    token_logprobs,
)
from training.engine.ppo.experience import sequences
from training.engine.ppo.learner import update as learn
from training.engine.sampling import Prompt
from training.engine.scorers import completion_logprobs
from training.engine.spec import LoraPart, ModelPart
from training.engine.tokens import render

PARAMS: dict[str, Any] = {
    "prompts_per_update": 16,
    "rule": "contains",
    "rule_words": "e, a, o",
    "max_new_tokens": 6,
    "learning_rate": 3e-3,
    "critic_learning_rate": 1e-2,
    "critic": "shared",
    "schedule": "constant",
    "warmup": 0.0,
    "minibatch": 8,
    "ppo_epochs": 2,
    "checkpoint_steps": 2,
    "checkpoint_seconds": None,
}


def told(run: Finished, name: str) -> dict[int, float]:
    """Return a metric of every update."""
    return {
        event["step"]: event["metrics"][name]
        for event in run.events
        if event["event"] == "metrics"
    }


def ppo(space: Workspace, name: str, *, updates: int = 4, **parts: Any) -> Finished:
    params = PARAMS | parts.pop("params", {})
    resume: tuple[Path, ...] = parts.pop("resume_from", ())
    limits = {"max_steps": updates} | parts.pop("limits", {})
    spec = space.spec("ppo", params=params, limits=limits, **parts)
    return space.run(spec, name, resume_from=resume)


def test_rule_is_learned_while_the_policy_stays_near_its_reference(
    workspace: Workspace,
) -> None:
    run = ppo(
        workspace,
        "run",
        updates=30,
        params={"prompts_per_update": 48, "minibatch": 16, "checkpoint_steps": None},
    )
    assert run.code == 0, run.status["error"]
    rewards, kl = told(run, "rewards/mean"), told(run, "objective/kl")
    first = sum(rewards[s] for s in range(1, 6)) / 5
    last = sum(rewards[s] for s in range(26, 31)) / 5
    assert last > first + 0.15, (first, last)
    # What is learned is paid for: the reward less the penalty rises too.
    net = told(run, "objective/reward")
    assert sum(net[s] for s in range(26, 31)) > sum(net[s] for s in range(1, 6))
    assert 0.05 < kl[30] < 10
    assert kl[1] == pytest.approx(0.0, abs=1e-4)
    assert all(
        ratio == pytest.approx(1.0, abs=1e-4)
        for ratio in told(run, "policy/first_ratio").values()
    )
    model = AutoModelForCausalLM.from_pretrained(run.out / "model")
    assert not any("lora" in name for name, _ in model.named_parameters())


def weights(run: Finished) -> dict[str, torch.Tensor]:
    loaded = AutoModelForCausalLM.from_pretrained(run.out / "model")
    return dict(loaded.state_dict())


def test_run_that_was_killed_resumes_bit_by_bit(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    params = {
        "kl_target": 0.5,
        "kl_horizon": 100.0,
        "score_scale": "running",
        "missing_end_penalty": 1.0,
    }
    whole = ppo(workspace, "whole", updates=5, params=params)

    def killed(*args: Any, **kwargs: Any) -> Any:
        if kwargs["seed"] == (0, 3):
            raise SystemExit(9)  # as abrupt as a signal: nothing is saved any more
        return learn(*args, **kwargs)

    monkeypatch.setattr("training.engine.online.loop.update", killed)
    with pytest.raises(SystemExit):
        ppo(workspace, "first", updates=5, params=params)
    monkeypatch.undo()
    first = workspace.path / "first"
    assert not (first / "status.json").exists()
    second = ppo(workspace, "second", updates=5, params=params, resume_from=(first,))
    assert second.events[0]["resumed_from"]["step"] == 2
    for name in ("loss", "objective/kl", "objective/kl_coef", "rewards/mean"):
        again, once = told(second, name), told(whole, name)
        assert again == {step: once[step] for step in (3, 4, 5)}, name
    ours, theirs = weights(second), weights(whole)
    assert all(torch.equal(ours[name], theirs[name]) for name in theirs)


@pytest.mark.parametrize(
    ("action", "state"), [("cancel", "cancelled"), ("preempt", "preempted")]
)
def test_run_obeys_its_supervisor_even_while_it_samples(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch, action: str, state: str
) -> None:
    draw = LocalSampler._draw
    calls = []

    def interrupted(self: LocalSampler, heads: list[list[int]]) -> list[list[int]]:
        calls.append(len(heads))
        if len(calls) == 3:  # the first of two batches of the second update
            text = json.dumps({"action": action})
            (workspace.path / "run" / "control.json").write_text(text)
        return draw(self, heads)

    monkeypatch.setattr(LocalSampler, "_draw", interrupted)
    params = {"sampling_batch_size": 8, "checkpoint_steps": None}
    run = ppo(workspace, "run", params=params)
    assert (run.code, run.status["state"], run.status["step"]) == (0, state, 1)
    assert calls == [8, 8, 8]
    kept = (run.out / "checkpoints" / "checkpoint-1").is_dir()
    assert kept == (state == "preempted")


def test_adapters_are_trained_against_the_model_without_them(
    workspace: Workspace,
) -> None:
    run = ppo(
        workspace,
        "run",
        lora={"r": 4, "alpha": 8},
        params={
            "critic": "zero",
            "gradient_checkpointing": True,
            "kl_place": "loss",
            "kl_estimator": "k3",
            "critic_warmup": 1,
        },
    )
    assert run.code == 0, run.status["error"]
    kl = told(run, "objective/kl")
    # Only the critic learned in the first update, so the second still finds no gap.
    assert kl[1] == kl[2] == pytest.approx(0.0, abs=1e-4)
    assert abs(kl[4]) > 1e-4
    assert (
        "loss/kl" in run.events[-1]["metrics"]
        or "last/loss/kl" in (run.status["metrics"])
    )
    model = AutoModelForCausalLM.from_pretrained(run.out / "model")
    assert not any("lora" in name for name, _ in model.named_parameters())


def test_reward_model_starts_the_critic_where_it_can(
    workspace: Workspace, trained: dict[str, Path]
) -> None:
    """An encoder cannot read as a critic does: auto starts from the policy instead."""
    params = {"rule": "none", "critic": "auto", "score_scale": "reference_scaled"}
    models = {"reward": {"source": str(trained["reward"])}}
    run = ppo(workspace, "run", updates=2, params=params, models=models)
    assert run.code == 0, run.status["error"]
    first = told(run, "rewards/mean")[1]
    assert abs(first) < 1.0  # moved to the reference's mean, in its deviations
    params["critic"] = "reward"
    refused = ppo(workspace, "refused", updates=2, params=params, models=models)
    assert refused.code == 2
    assert refused.status["error"]["field"] == "params.critic"
    assert "encoder" in refused.status["error"]["found"]


def test_critic_from_a_reward_model_says_at_first_what_it_says() -> None:
    policy = load_policy(ModelPart(source="tiny:causal"))
    reward = load_reward(ModelPart(source="tiny:causal"), seed=1)
    model = build(policy.model, critic="reward", reward=reward.model)
    batch = sequences([[5, 6, 7]], [[8, 9]], pad_token_id=0, width=3)
    with torch.no_grad():
        values = model(batch).values[0]
        for seen, value in zip(range(3, 6), values.tolist(), strict=True):
            ids = torch.tensor([[5, 6, 7, 8, 9][:seen]])
            said = reward.model(input_ids=ids).logits
            assert value == pytest.approx(float(said), abs=1e-5)
    zero = build(load_policy(ModelPart(source="tiny:causal")).model, critic="zero")
    assert not zero(batch).values.any()
    shared = build(load_policy(ModelPart(source="tiny:causal")).model, critic="shared")
    assert not shared(batch).values.any() and shared.critic is None


def small(**parts: Any) -> tuple[Loaded, Any]:
    policy = load_policy(ModelPart(source="tiny:causal"))
    batch = sequences(
        [[5, 6, 7], [9, 9], [4]], [[8, 9], [3], [5, 6, 7]], pad_token_id=0, width=4
    )
    return policy, batch


def test_log_probabilities_are_those_of_the_engine_at_temperature_one() -> None:
    policy, batch = small()
    model = build(policy.model, critic="none")
    found = model(batch).logprobs.detach()
    expected = completion_logprobs(
        policy.model,
        [[5, 6, 7], [9, 9], [4]],
        [[8, 9], [3], [5, 6, 7]],
        pad_token_id=0,
        batch_size=3,
    )
    totals = [one.total for one in expected]
    assert found.sum(1).tolist() == pytest.approx(totals, abs=1e-4)
    assert not found[~batch.tokens].any()


def test_temperature_divides_the_logits_of_policy_and_reference() -> None:
    policy, batch = small()
    model = build(policy.model, critic="none", temperature=0.5)
    reference = Reference(policy.model, model.policy, 0.5)
    ids = torch.tensor([[5, 6, 7, 8, 9]])
    with torch.no_grad():
        logits = policy.model(input_ids=ids).logits[0, 2:4] / 0.5
    expected = torch.log_softmax(logits, -1).gather(-1, torch.tensor([[8], [9]]))
    for found in (model(batch).logprobs, reference.logprobs(batch)):
        assert torch.allclose(found[0, :2], expected[:, 0], atol=1e-5)


def test_heads_that_cap_or_scale_are_followed() -> None:
    policy, batch = small()
    hidden = torch.randn(3, 4, 64)
    plain, _ = token_logprobs(policy.model, hidden, batch, 1.0)
    policy.model.config.final_logit_softcapping = 0.1
    capped, _ = token_logprobs(policy.model, hidden, batch, 1.0)
    logits = 0.1 * torch.tanh(policy.model.lm_head(hidden[0, :2]) / 0.1)
    expected = torch.log_softmax(logits, -1).gather(-1, torch.tensor([[8], [9]]))
    assert torch.allclose(capped[0, :2], expected[:, 0], atol=1e-5)
    assert not torch.allclose(capped, plain, atol=1e-3)


def test_checkpointed_activations_give_the_same_gradients() -> None:
    gradients = []
    for checkpointing in (False, True):
        policy, batch = small()
        model = build(
            policy.model,
            critic="shared",
            lora=LoraPart(r=2),
            checkpointing=checkpointing,
        )
        torch.manual_seed(0)
        for name, parameter in model.named_parameters():
            if "lora_B" in name or "head" in name:
                torch.nn.init.normal_(parameter, std=0.1)
        model.train()
        outputs = model(batch)
        (outputs.logprobs.sum() + outputs.values.sum()).backward()
        gradients.append(
            [p.grad for p in model.policy_parameters() if p.grad is not None]
        )
    assert gradients[0]
    for one, other in zip(*gradients, strict=True):
        assert torch.allclose(one, other, atol=1e-5)


def test_same_seed_draws_the_same_completions_and_another_does_not() -> None:
    policy = load_policy(ModelPart(source="tiny:causal"))
    drawing = Drawing(1.0, 6, 64, 4)
    sampler = LocalSampler(policy, policy.model, drawing, torch.device("cpu"))
    prompts = [Prompt(str(i), [{"role": "user", "content": f"{i}?"}]) for i in range(3)]
    drawn = [
        [r.ids for r in sampler.sample(prompts, 2, seed=seed, tick=lambda n: None)]
        for seed in (0, 0, 1)
    ]
    assert drawn[0] == drawn[1] != drawn[2]
    assert len(drawn[0]) == 6


def test_completion_ends_behind_its_first_end_token() -> None:
    policy = load_policy(ModelPart(source="tiny:causal"))
    end = int(policy.tokenizer.eos_token_id)
    prompt = Prompt("p", [{"role": "user", "content": "hi"}])
    cut = rollout(policy, prompt, 0, [5], [7, end, 9, end])
    assert (cut.ids, cut.ended) == ([7, end], True)
    assert not rollout(policy, prompt, 0, [5], [7, 9]).ended


def test_every_prompt_is_met_once_a_pass_in_another_order() -> None:
    prompts = [Prompt(str(i), []) for i in range(10)]
    met = [p.prompt_id for step in range(4) for p in batch_of(prompts, step, 5, seed=3)]
    assert sorted(met[:10]) == sorted(met[10:]) == sorted(p.prompt_id for p in prompts)
    assert met[:10] != met[10:]


def test_lexicon_counts_kind_words_against_unkind_ones() -> None:
    policy = load_policy(ModelPart(source="tiny:causal"))
    prompt = Prompt("p", [])
    texts = ["good good bad day", "", "no!"]
    rollouts = [
        rollout(policy, prompt, 0, [5], policy.tokenizer(text)["input_ids"] or [0])
        for text in texts
    ]
    assert Lexicon().score(rollouts) == [0.25, 0.0, -1.0]


def test_likelihood_ratio_is_the_difference_of_two_models() -> None:
    one = load_policy(ModelPart(source="tiny:causal"), seed=0)
    other = load_policy(ModelPart(source="tiny:causal"), seed=1)
    ids = render(one.tokenizer, [{"role": "user", "content": "hi"}])
    answers = [rollout(one, Prompt("p", []), 0, ids, [7, 9])]
    source = LikelihoodRatio(one, other, batch_size=2)
    same = LikelihoodRatio(one, one, batch_size=2)
    assert same.score(answers) == [0.0]
    totals = [
        completion_logprobs(m.model, [ids], [[7, 9]], pad_token_id=0, batch_size=1)[
            0
        ].total
        for m in (one, other)
    ]
    assert source.score(answers) == pytest.approx([totals[0] - totals[1]])


@pytest.mark.parametrize(
    ("params", "field", "found"),
    [
        ({"rule": "none"}, "params.reward_model", "neither"),
        ({"rule_words": " , "}, "params.rule_words", "none"),
        ({"kl_place": "loss"}, "params.kl_estimator", "k1"),
        ({"minibatch": 17}, "params.minibatch", "17"),
        ({"max_new_tokens": 2000}, "params.max_new_tokens", "2000"),
    ],
)
def test_what_cannot_work_is_refused_before_it_starts(
    workspace: Workspace, params: dict[str, Any], field: str, found: str
) -> None:
    run = ppo(workspace, "run", params=params)
    assert run.code == 2
    assert run.status["error"]["field"] == field
    assert found in run.status["error"]["found"]
    assert not any(event["event"] == "started" for event in run.events)


def test_number_that_is_none_stops_the_run_and_names_the_prompts(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    from training.engine.online.rewards import Contains

    def broken(self: Contains, rollouts: Any) -> list[float]:
        return [float("nan") if i == 3 else 1.0 for i in range(len(rollouts))]

    monkeypatch.setattr(Contains, "score", broken)
    run = ppo(workspace, "run")
    assert run.code == 2
    assert "contains" in run.status["error"]["found"]
    assert "prompts of the update" in run.status["error"]["found"]


def test_half_precision_runs_and_keeps_whole_weights(workspace: Workspace) -> None:
    model = {"source": "tiny:causal", "dtype": "bfloat16"}
    run = ppo(workspace, "run", updates=2, model=model, params={"critic": "zero"})
    assert run.code == 0, run.status["error"]
    assert all(value.dtype == torch.float32 for value in weights(run).values())
