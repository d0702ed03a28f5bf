"""PPO beside TRL 1.12's trainer on the same completions: do the numbers agree?

    python -m tests.bench.ppo_vs_trl [--keep DIR] [--python ENV/bin/python]

TRL's last release with a critic is installed, without its dependencies, into an
environment of its own that borrows the others from this one; ``--python`` names one
that has it already. Both start from the same weights, ours is fed TRL's completions,
and every stage is compared: log-probabilities and values, KL, rewards, advantages and
returns, the losses of each optimiser step, and the weights after the update.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import sysconfig
import tempfile
import venv
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from unittest import mock

import torch
from torch import Tensor

from tests.bench.ppo_oracle import fresh_models
from training.engine.ppo import learner
from training.engine.ppo.actor_critic import ActorCritic, Reference, build
from training.engine.ppo.experience import Experience, Sequences, sequences
from training.engine.ppo.gae import advantages_and_returns, state_mask, token_rewards
from training.engine.ppo.kl import Estimator, kl_estimate

RELEASE = "trl==1.12.0"
TOLERANCE = 1e-5
LEARNING_RATE = 1e-3
CASES: dict[str, dict[str, Any]] = {
    "k1": {"kl_estimator": "k1", "kl_coef": 0.05, "num_ppo_epochs": 2},
    "k3, whitened rewards": {
        "kl_estimator": "k3",
        "kl_coef": 0.2,
        "whiten_rewards": True,
        "num_ppo_epochs": 3,
        "lam": 0.8,
        "gamma": 0.97,
        "cliprange": 0.1,
        "cliprange_value": 0.05,
        "vf_coef": 0.5,
        "temperature": 0.6,
    },
}


def environment(folder: Path) -> Path:
    """Return the Python of an environment with the release and our other packages."""
    venv.create(folder, with_pip=True)
    python = folder / "bin" / "python"
    subprocess.run(
        [python, "-m", "pip", "install", "--quiet", "--no-deps", RELEASE], check=True
    )
    found = subprocess.run(
        [python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))"],
        check=True,
        capture_output=True,
        text=True,
    )
    borrowed = Path(found.stdout.strip()) / "borrowed.pth"
    borrowed.write_text(sysconfig.get_path("purelib") + "\n")
    return python


def compare(folder: Path, settings: dict[str, Any]) -> dict[str, float]:
    """Return the largest difference of each stage."""
    stored = torch.load(folder / "oracle.pt", weights_only=False)
    kept: dict[str, Any] = stored["kept"]
    batch = their_sequences(kept)
    tokens = batch.tokens
    temperature = float(settings.get("temperature", 0.7)) + 1e-7
    model, reference = our_models(temperature)
    differences: dict[str, float] = {}

    def differ(name: str, ours: Tensor, theirs: Tensor, where: Tensor) -> None:
        differences[name] = float((ours - theirs).abs()[where].max())

    with torch.no_grad():
        read = model(batch)
    states = state_mask(batch.lengths, batch.width, "after_end")
    differ("log-probabilities", read.logprobs, kept["logprobs"], tokens)
    differ("reference", reference.logprobs(batch), kept["ref_logprobs"], tokens)
    differ("values", read.values, kept["values"], states)
    estimator: Estimator = settings["kl_estimator"]
    old = kept["logprobs"] * tokens
    kl = kl_estimate(old, kept["ref_logprobs"] * tokens, estimator)
    differ("KL", kl, kept["kl"], tokens)
    rewards = token_rewards(
        kept["scores"],
        -settings["kl_coef"] * kl * tokens,
        batch.lengths,
        "after_end",
    )
    if not settings.get("whiten_rewards"):
        differ("rewards", rewards, kept["rewards"], states)
    advantages, returns = advantages_and_returns(
        rewards,
        kept["values"] * states,
        tokens=tokens,
        states=states,
        discount=settings.get("gamma", 1.0),
        trace=settings.get("lam", 0.95),
        whiten_rewards=settings.get("whiten_rewards", False),
        whiten_advantages=True,
    )
    differ("advantages", advantages, kept["advantages"], tokens)
    differ("returns", returns, kept["returns"], states)
    experience = Experience(
        batch,
        old,
        kept["ref_logprobs"] * tokens,
        advantages,
        states,
        torch.ones_like(advantages),
        kept["values"] * states,
        returns,
    )
    steps = learn(model, experience, settings, stored["orders"])
    for name, theirs in (
        ("loss/policy", kept["pg_loss_stats"]),
        ("loss/value", kept["vf_loss_stats"]),
    ):
        ours = torch.tensor([step[name] for step in steps])
        differ(name, ours, theirs.flatten(), torch.ones(len(steps), dtype=torch.bool))
    differences["weights"] = weights_apart(model, stored)
    return differences


def their_sequences(kept: dict[str, Any]) -> Sequences:
    """Return TRL's left-padded queries and responses as ours."""
    context = int(kept["context_length"])
    lengths = (kept["sequence_lengths"] + 1).tolist()
    prompts, completions = [], []
    for row, length in zip(kept["query_responses"].tolist(), lengths, strict=True):
        prompts.append([token for token in row[:context] if token != 0])
        completions.append(row[context : context + length])
    width = kept["responses"].shape[1]
    return sequences(prompts, completions, pad_token_id=0, width=width)


def our_models(temperature: float) -> tuple[ActorCritic, Reference]:
    """Return our models with the weights that TRL's began with."""
    fresh = fresh_models()
    model = build(
        fresh.policy, critic="reward", reward=fresh.value, temperature=temperature
    )
    reference = Reference(fresh.reference.eval(), fresh.policy, temperature)
    return model.train(), reference


def learn(
    model: ActorCritic,
    experience: Experience,
    settings: dict[str, Any],
    orders: list[list[int]],
) -> list[dict[str, float]]:
    """Make the update in TRL's order of rows; return what each step told."""
    half = len(experience) // 2
    passes = iter(orders)

    def same_order(count: int, size: int, seed: Any) -> Iterator[Tensor]:
        yield from torch.tensor(next(passes)).split(half)

    told: list[dict[str, float]] = []
    # TRL trains the head without a bias, and clips no gradients.
    assert model.head is not None
    model.head.bias.requires_grad_(False)
    parameters = [*model.policy_parameters(), *model.critic_parameters()]
    with (
        mock.patch.object(learner, "minibatches", same_order),
        mock.patch.object(learner, "require_finite", told.append),
    ):
        learner.update(
            model,
            parameters,
            torch.optim.AdamW(parameters, lr=LEARNING_RATE, eps=1e-5, weight_decay=0.0),
            experience,
            learner.UpdateSettings(
                epochs=settings["num_ppo_epochs"],
                minibatch=half,
                forward=3,  # on purpose: parts that do not divide a minibatch
                clip_low=settings.get("cliprange", 0.2),
                clip_high=settings.get("cliprange", 0.2),
                value_clip=settings.get("cliprange_value", 0.2),
                value_coef=settings.get("vf_coef", 0.1),
                max_grad_norm=1e9,
            ),
            seed=(0,),
        )
    return told


def weights_apart(model: ActorCritic, stored: dict[str, Any]) -> float:
    """Return the largest difference of any weight after the update."""
    assert model.critic is not None and model.head is not None
    pairs = [
        (value, stored["policy"][name])
        for name, value in model.policy.state_dict().items()
    ]
    pairs += [
        (value, stored["value"][f"model.{name}"])
        for name, value in model.critic.state_dict().items()
    ]
    pairs.append((model.head.weight, stored["value"]["score.weight"]))
    return max(float((ours - theirs).detach().abs().max()) for ours, theirs in pairs)


def main() -> int:
    """Compare every case; return 1 if a stage differs by more than the tolerance."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--keep", type=Path, help="where to leave TRL's tensors")
    parser.add_argument("--python", type=Path, help="a Python that has the release")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    apart = 0
    with tempfile.TemporaryDirectory() as scratch:
        base = arguments.keep or Path(scratch)
        python = arguments.python or environment(Path(scratch) / "env")
        for number, (name, settings) in enumerate(CASES.items()):
            folder = base / f"case-{number}"
            folder.mkdir(parents=True, exist_ok=True)
            oracle = Path(__file__).with_name("ppo_oracle.py")
            command = [python, oracle, "--out", folder]
            subprocess.run(
                [*command, "--settings", json.dumps(settings)],
                check=True,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
            )
            print(f"{name}: largest absolute difference from {RELEASE}")
            for stage, difference in compare(folder, settings).items():
                far = difference > TOLERANCE
                apart += far
                print(f"  {stage:18} {difference:.2e}{'  TOO FAR' if far else ''}")
    return 1 if apart else 0


if __name__ == "__main__":
    sys.exit(main())
