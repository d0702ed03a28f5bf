"""Averaged weights: as worked out by hand, resumed, and off unless asked for."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from peft.tuners.lora import LoraLayer
from torch import Tensor
from transformers import TrainerControl, TrainerState, TrainingArguments

from tests.engine.support import Finished, Workspace
from tests.engine.test_online_runs import train as online
from training.engine import checkpoints, loop
from training.engine.averaging import (
    FILE,
    Average,
    AveragedWeights,
    averaged_weights,
    tail_start,
)
from training.engine.data import read_pairs
from training.engine.errors import FixableError
from training.engine.evaluate import metrics
from training.engine.models import load_policy, load_reward
from training.engine.online.loop import OnlineLoop
from training.engine.scorers import reward_scores
from training.engine.spec import ModelPart
from training.engine.tokens import pair_tokens

Weights = dict[str, Tensor]
PARAMS: dict[str, Any] = {
    "batch_size": 8,
    "learning_rate": 3e-3,
    "epochs": 2,
    "checkpoint_seconds": None,
}
STEPS = 12
KINDS: dict[str, dict[str, Any]] = {
    "ema": {"averaging": "ema", "averaging_decay": 0.5},
    "tail": {"averaging": "tail", "averaging_share": 0.3},
}


def copied(model: torch.nn.Module) -> Weights:
    return {name: p.detach().double().clone() for name, p in model.named_parameters()}


@pytest.fixture
def steps(monkeypatch: pytest.MonkeyPatch) -> list[Weights]:
    """The live weights of the runs of this test: before the first step, after each."""
    found: list[Weights] = []

    def noted(name: str, wanted: Callable[[TrainerState], bool]) -> None:
        plain = getattr(loop.RunCallback, name)

        def noting(
            self: Any, args: Any, state: TrainerState, control: Any, **kwargs: Any
        ) -> None:
            if wanted(state):
                found.append(copied(kwargs["model"]))
            plain(self, args, state, control, **kwargs)

        monkeypatch.setattr(loop.RunCallback, name, noting)

    noted("on_train_begin", lambda state: state.global_step == 0)
    noted("on_step_end", lambda state: True)
    return found


def by_hand(steps: list[Weights], kind: str, name: str) -> Tensor:
    """The average of one weight, written out."""
    first, *after = [weights[name] for weights in steps]
    if kind == "tail":
        # Three tenths of twelve steps are 3.6: the last ones after step 8.4.
        return torch.stack(after[8:]).mean(0)
    for step, live in enumerate(after, 1):
        kept = min(0.5, (1 + step) / (10 + step))
        first = kept * first + (1 - kept) * live
    return first


def saved(run: Finished, task: str) -> Weights:
    load = load_reward if task == "reward" else load_policy
    return copied(load(ModelPart(source=str(run.out / "model"))).model)


@pytest.mark.parametrize(
    ("task", "preset", "backend", "kind"),
    [
        ("reward", "reward-bt", "trl", "ema"),
        ("reward", "reward-gpm", "hone", "tail"),
        ("dpo", "dpo", "hone", "tail"),
        ("dpo", "dpo", "trl", "ema"),
    ],
)
def test_saved_model_is_the_average_of_the_steps(
    workspace: Workspace,
    steps: list[Weights],
    task: str,
    preset: str,
    backend: str,
    kind: str,
) -> None:
    params = PARAMS | KINDS[kind] | {"batch_size": 4, "gradient_accumulation": 2}
    spec = workspace.spec(task, preset=preset, backend=backend, params=params)
    run = workspace.run(spec, "run")
    assert run.code == 0, run.status
    assert len(steps) == STEPS + 1
    found = saved(run, task)
    for name, weight in found.items():
        torch.testing.assert_close(
            weight, by_hand(steps, kind, name), atol=1e-6, rtol=0
        )
    live = steps[-1]
    assert max(float((found[n] - live[n]).abs().max()) for n in found) > 1e-4
    count = run.status["metrics"]["averaging/steps"]
    assert count == (STEPS if kind == "ema" else 4)


def test_factors_of_adapters_are_averaged_and_then_merged(
    workspace: Workspace, steps: list[Weights], monkeypatch: pytest.MonkeyPatch
) -> None:
    sizes = []
    plain = AveragedWeights.give

    def noting(self: AveragedWeights) -> None:
        sizes.append(self.nbytes)
        plain(self)

    monkeypatch.setattr(AveragedWeights, "give", noting)
    lora = {"r": 2, "alpha": 6, "dropout": 0, "targets": ["q_proj"]}
    spec = workspace.spec("dpo", params=PARAMS | KINDS["ema"], lora=lora)
    found = saved(workspace.run(spec, "run"), "dpo")
    name = "model.layers.0.self_attn.q_proj"
    adapters = f"base_model.model.{name}"
    first = by_hand(steps, "ema", f"{adapters}.lora_A.default.weight")
    second = by_hand(steps, "ema", f"{adapters}.lora_B.default.weight")
    whole = steps[0][f"{adapters}.base_layer.weight"] + 3 * second @ first
    torch.testing.assert_close(found[f"{name}.weight"], whole, atol=1e-6, rtol=0)
    # Only what is trained is kept a second time.
    trained = [w for n, w in steps[0].items() if any(a in n for a in ADAPTERS)]
    assert sizes == [4 * sum(weight.numel() for weight in trained)]


ADAPTERS = LoraLayer.adapter_layer_names


@pytest.mark.parametrize("kind", KINDS)
def test_resumed_run_ends_with_the_same_bits(workspace: Workspace, kind: str) -> None:
    params = PARAMS | KINDS[kind] | {"checkpoint_steps": 5}
    spec = workspace.spec("reward", params=params)
    whole = workspace.run(spec, "whole")
    again = workspace.run(spec, "again", resume_from=(whole.out,))
    assert again.events[0]["resumed_from"]["step"] == 10
    first, second = saved(whole, "reward"), saved(again, "reward")
    assert all(torch.equal(first[name], second[name]) for name in first)
    told = [run.status["metrics"] for run in (whole, again)]
    assert told[0]["averaging/steps"] == told[1]["averaging/steps"]
    assert told[0]["validation/loss"] == told[1]["validation/loss"]


def test_average_is_what_is_evaluated(workspace: Workspace) -> None:
    params = PARAMS | KINDS["tail"] | {"averaging_share": 1.0}
    run = workspace.run(workspace.spec("reward", params=params), "run")
    loaded = load_reward(ModelPart(source=str(run.out / "model")))
    pairs = read_pairs(
        Path(workspace.data["validation"]),
        field="data.validation",
        pool=True,
        decided_only=True,
    ).pairs
    rows, _ = pair_tokens(loaded.tokenizer, pairs, 512)
    scores = reward_scores(
        loaded.model,
        [r.prompt + side for r in rows for side in (r.chosen, r.rejected)],
        pad_token_id=int(loaded.tokenizer.pad_token_id or 0),
        batch_size=16,
    )
    gaps = [a - b for a, b in zip(scores[::2], scores[1::2], strict=True)]
    told = run.status["metrics"]["validation/loss"]
    assert told == pytest.approx(metrics.pair_loss(gaps), abs=1e-5)


def test_it_is_off_unless_asked_for_and_leaves_the_learning_alone(
    workspace: Workspace, steps: list[Weights]
) -> None:
    params = PARAMS | {"checkpoint_steps": 5}
    plain = workspace.run(workspace.spec("reward", params=params), "plain")
    found = saved(plain, "reward")
    assert all(torch.equal(found[name], steps[-1][name]) for name in found)
    assert "averaging/steps" not in plain.status["metrics"]
    kept = checkpoints.candidates((plain.out,))
    assert kept and not any((c.path / FILE).exists() for c in kept)
    spec = workspace.spec("reward", params=params | KINDS["ema"])
    assert workspace.run(spec, "averaged").losses() == plain.losses()
    # Its own average is missing, so the plain run's checkpoint is refused in words.
    refused = workspace.run(spec, "refused", resume_from=(plain.out,))
    assert refused.code == 2
    assert refused.status["error"]["field"] == "params.averaging"


@pytest.mark.parametrize(
    ("total", "share", "skipped"),
    [
        (12, 1.0, 0),
        (10, 0.9, 1),
        (10, 0.3, 7),
        (12, 0.3, 8),
        (3, 0.001, 2),
        (1, 0.5, 0),
    ],
)
def test_tail_begins_after_the_first_steps(
    total: int, share: float, skipped: int
) -> None:
    assert tail_start(total, share) == skipped


def test_run_that_ends_before_its_tail_keeps_its_weights(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    model = torch.nn.Linear(2, 1)
    average = AveragedWeights(
        Average(model.parameters(), "tail", decay=0.9, share=0.25)
    )
    arguments = TrainingArguments(output_dir=str(tmp_path), report_to=[])
    state, control = TrainerState(max_steps=8), TrainerControl()
    average.on_train_begin(arguments, state, control)
    state.global_step = 6
    average.on_step_end(arguments, state, control)
    before = copied(model)
    average.give()
    assert average.steps == 0
    assert all(torch.equal(w, before[n]) for n, w in copied(model).items())
    assert "last step" in capsys.readouterr().err


def test_spread_weights_are_refused() -> None:
    trainer: Any = SimpleNamespace(is_fsdp_enabled=True, is_deepspeed_enabled=False)
    context: Any = SimpleNamespace(params={"averaging": "ema"})
    with pytest.raises(FixableError, match="spread over processes"):
        averaged_weights(trainer, context, None)


@pytest.mark.parametrize(
    ("preset", "kind", "lora"),
    [("ppo", "ema", None), ("grpo", "tail", None), ("grpo", "tail", {"r": 2})],
    ids=["ppo", "grpo", "adapters"],
)
def test_online_methods_save_the_average_of_their_updates(
    workspace: Workspace,
    monkeypatch: pytest.MonkeyPatch,
    preset: str,
    kind: str,
    lora: dict[str, int] | None,
) -> None:
    seen: list[Weights] = []
    plain = OnlineLoop._tell

    def noting(self: OnlineLoop, metrics: dict[str, float], *, done: int) -> None:
        learns = {
            name: value.detach().double().clone()
            for name, value in self.model.policy.named_parameters()
            if value.requires_grad
        }
        seen.append(learns)
        plain(self, metrics, done=done)

    monkeypatch.setattr(OnlineLoop, "_tell", noting)
    params = {"averaging": kind, "averaging_share": 0.6, "checkpoint_steps": 1}
    critic = {"critic": "shared", "rule": "contains"} if preset == "ppo" else {}
    whole = online(
        workspace, preset, params=params | critic, limits={"max_steps": 3}, lora=lora
    )
    assert whole.code == 0, whole.status
    assert len(seen) == 3
    assert whole.status["metrics"]["averaging/steps"] == {"ema": 3, "tail": 2}[kind]
    after = {name: [weights[name] for weights in seen] for name in seen[0]}
    if lora is None:  # adapters are folded in, so their factors are not to be seen
        first = copied(load_policy(ModelPart(source="tiny:causal"), seed=0).model)
        for name, value in saved(whole, "ppo").items():
            if name not in after:
                continue
            expected = torch.stack(after[name][1:]).mean(0)
            if kind == "ema":
                expected = first[name]
                for step, live in enumerate(after[name], 1):
                    kept = min(0.99, (1 + step) / (10 + step))
                    expected = kept * expected + (1 - kept) * live
            assert torch.allclose(value, expected, atol=1e-6), name
    spec = next(workspace.path.glob("spec-*.json"))
    again = workspace.run(spec, "again", resume_from=(whole.out,))
    assert again.events[0]["resumed_from"]["step"] == 2
    one, other = saved(whole, "ppo"), saved(again, "ppo")
    assert all(torch.equal(one[name], other[name]) for name in one)
