"""PPO on SmolLM2-135M with a lexicon's sentiment: the reward rises, KL stays in bounds.

    python -m tests.bench.ppo_sentiment [--updates 30] [--keep DIR] [--dtype bfloat16]

The policy answers everyday prompts; the reward is the share of kind words less that of
unkind ones. Low-rank adapters keep the run small, and the reference is the model with
them turned off. Prints mean reward and KL of every update and whether both promises
held: the mean of the updates' last half is above that of their first by two standard
errors of the difference, and KL stays below ``--kl-bound`` nats a completion.
"""

from __future__ import annotations

import argparse
import math
import sys
import tempfile
from pathlib import Path
from statistics import mean, variance

from tests.bench.engine_runs import run_engine
from tests.engine.support import say, write_rows
from training.engine.events import read_events

SUBJECTS = (
    *("my garden", "the weather today", "a long walk", "my new neighbour", "the sea"),
    *("a cup of tea", "my first job", "the local library", "an old friend", "winter"),
    *("a birthday party", "my sister's dog", "the morning train", "a good meal"),
    *("the village school", "a rainy holiday"),
)
ASKS = (
    "Write two sentences about {}.",
    "What do you think of {}?",
    "Tell a friend about {}.",
    "Describe {} in a few words.",
)
PARAMS = {
    "rule": "lexicon",
    # A share of words is some hundredths; times ten it outweighs the tie.
    "rule_weight": 10.0,
    "prompts_per_update": 16,
    "max_new_tokens": 32,
    "max_prompt_tokens": 64,
    "sampling_batch_size": 16,
    "minibatch": 8,
    "batch_size": 4,
    "ppo_epochs": 2,
    "learning_rate": 2e-4,
    "critic_learning_rate": 1e-3,
    "critic": "shared",
    "kl_coef": 0.1,
    "warmup": 0.0,
    "schedule": "constant",
    "epochs": 100,
}


def main() -> int:
    """Run it; return 1 if a promise is broken."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--updates", type=int, default=30)
    parser.add_argument("--kl-bound", type=float, default=15.0)
    parser.add_argument("--dtype", default="float32", choices=["float32", "bfloat16"])
    parser.add_argument("--keep", type=Path, help="where to leave the run")
    arguments = parser.parse_args()
    if arguments.updates < 4:
        parser.error(f"expected 4 updates or more, found {arguments.updates}")
    with tempfile.TemporaryDirectory() as scratch:
        out: Path = arguments.keep or Path(scratch)
        out.mkdir(parents=True, exist_ok=True)
        rows = [
            {"prompt_id": f"{a}-{s}", "messages": say("user", ask.format(subject))}
            for a, ask in enumerate(ASKS)
            for s, subject in enumerate(SUBJECTS)
        ]
        prompts = write_rows(out / "prompts.parquet", rows)
        run_engine(
            {
                "task": "ppo",
                "preset": "ppo",
                "seed": 0,
                "model": {"source": "wheel:smollm2", "dtype": arguments.dtype},
                "lora": {"r": 16, "alpha": 32},
                "data": {"train": str(prompts), "prompts": str(prompts)},
                "params": PARAMS,
                "limits": {"max_steps": arguments.updates},
            },
            out,
            label="sentiment",
        )
        told = [e["metrics"] for e in read_events(out) if e["event"] == "metrics"]
    return report(told, arguments.kl_bound)


def report(told: list[dict[str, float]], kl_bound: float) -> int:
    """Print the curve and whether both promises held."""
    for step, metrics in enumerate(told, 1):
        print(
            f"update {step:3}: reward {metrics['rewards/mean']:+.4f}  "
            f"KL {metrics['objective/kl']:6.3f}  "
            f"tokens {metrics['completion/tokens']:.1f}"
        )
    half = len(told) // 2
    rewards = [metrics["rewards/mean"] for metrics in told]
    first, last = rewards[:half], rewards[-half:]
    rise = mean(last) - mean(first)
    error = math.sqrt((variance(first) + variance(last)) / half)
    highest = max(metrics["objective/kl"] for metrics in told)
    print(f"reward: first {half} updates {mean(first):+.4f}, last {mean(last):+.4f}")
    print(f"rise: {rise:+.4f}, {rise / error:.1f} of its standard errors")
    print(f"KL: at most {highest:.3f} nats a completion (bound {kl_bound:g})")
    return 0 if rise > 2 * error and highest < kl_bound else 1


if __name__ == "__main__":
    sys.exit(main())
