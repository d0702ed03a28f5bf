"""Every online preset on one fixed update: its loss, and what tells it from others."""

from __future__ import annotations

import math
import re
from pathlib import Path
from typing import Any, cast

import pytest
import torch
from torch import Tensor

from training.engine import registry
from training.engine.context import RunContext
from training.engine.online.directions import directed, saying
from training.engine.online.pipeline import Pipeline
from training.engine.online.rollout import Rollout
from training.engine.online.scored import Scored
from training.engine.online.state import LoopState
from training.engine.ppo.actor_critic import Outputs
from training.engine.ppo.experience import sequences
from training.engine.ppo.kl import KLController
from training.engine.ppo.learner import Totals, losses
from training.engine.ppo.shaping import ScoreScale
from training.engine.registry.online_rows import OnlineRow
from training.engine.sampling import Prompt
from training.engine.spec import parse_spec
from training.engine.tasks import online

ROWS = [p for p in registry.PRESETS.values() if isinstance(p.settings, OnlineRow)]
LENGTHS = [3, 1, 5, 2, 4, 4, 2, 5]
NAMES = ["reward", "other"]


def draw(*shape: int, seed: int) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def context(name: str, **given: Any) -> RunContext:
    """Return the context of a run of a preset, without a run."""
    preset = registry.get(name)
    if "thresholds" in {param.name for param in preset.params}:
        given = {"thresholds": "reward=0.2, other=-0.3"} | given
    if name == "beta-normalised-po":
        given = {"source_weights": "reward=0.5, other=0.5"} | given
    if name == "adora":
        given = {"success": 1.0} | given
    spec = parse_spec(
        {
            "version": 1,
            "task": preset.task,
            "preset": name,
            "model": {"source": "tiny:causal"},
            "models": {
                key: {"source": "tiny:causal"}
                for key in ("better", "worse", *NAMES, *preset.models)
            },
            "data": {"train": "train.parquet", "test": "test.parquet"},
            "params": {"prompts_per_update": 16, **given},
        }
    )
    nothing = cast(Any, None)
    return RunContext(spec, spec.values(), Path(), nothing, nothing)


def update_of(samples: int) -> Scored:
    """Return eight completions in groups of ``samples``, scored by two sources."""
    groups = torch.arange(8) // samples
    batch = sequences(
        [[1, 2]] * 8, [[3] * length for length in LENGTHS], pad_token_id=0, width=6
    )
    old = -draw(8, 6, seed=1).abs() * batch.tokens
    state = LoopState(0, KLController(0.1), ScoreScale())
    return Scored(
        rollouts=[
            Rollout(
                Prompt(str(int(g)), [], direction=(0.6, 0.8)),
                int(g),
                [1, 2],
                [3] * n,
                True,
                "",
            )
            for g, n in zip(groups, LENGTHS, strict=True)
        ],
        sequences=batch,
        rewards=torch.sigmoid(2 * draw(8, 2, seed=2)),
        groups=groups,
        ended=torch.ones(8, dtype=torch.bool),
        old_logprobs=old,
        reference_logprobs=old + 0.1 * draw(8, 6, seed=3) * batch.tokens,
        entropy=draw(8, 6, seed=4).abs() * batch.tokens,
        values=draw(8, 6, seed=5),
        weights=torch.ones(8, 6),
        kl_coef=0.1,
        state=state,
    )


def gradient(name: str, **given: Any) -> Tensor:
    """Return the gradient of an update's loss for every token's log-probability.

    The new policy has moved a little from the old one, so that clipping shows.
    """
    run = context(name, **given)
    row = online.row_of(run)
    settings = online.update_settings(run, row)
    numbers = online.pipeline_settings(run, row, NAMES)
    scored = update_of(2 if row.baseline == "partner" else 4)
    references = torch.sigmoid(draw(8, 3, 2, seed=6))
    experience = Pipeline(row, numbers, lambda _: references)(scored)
    where = torch.zeros(len(experience), dtype=torch.long)
    for number, old in enumerate(experience.old_logprobs):
        same = [torch.equal(old, each) for each in scored.old_logprobs]
        where[number] = same.index(True)
    moved = scored.old_logprobs + 0.3 * draw(8, 6, seed=7) * scored.sequences.tokens
    new = moved.clone().requires_grad_()
    values = None if experience.old_values is None else experience.old_values + 0.1
    ties = experience.reference_logprobs
    distance = ties.exp() * (ties - new[where]) * experience.sequences.tokens
    outputs = Outputs(new[where], scored.entropy[where], values, distance)
    loss, _ = losses(outputs, experience, settings, Totals.of(experience))
    (found,) = torch.autograd.grad(loss, new)
    return found


@pytest.mark.parametrize("preset", ROWS, ids=lambda p: p.name)
def test_preset_learns_something_and_never_from_padding(
    preset: registry.Preset,
) -> None:
    found = gradient(preset.name)
    tokens = update_of(4).sequences.tokens
    assert found.isfinite().all()
    assert found[tokens].any()
    assert not found[~tokens].any()


def who_plays(preset: registry.Preset) -> tuple[str, ...]:
    """Return what a row says of who draws completions and opponents, when, to what."""
    row = preset.settings
    assert isinstance(row, OnlineRow)
    return row.drawn_by, row.opponent, row.steps, row.prompts


def moved_multipliers(name: str) -> list[float]:
    """Return where an update leaves a constrained row's multipliers."""
    run = context(name)
    scored = update_of(4)
    row = online.row_of(run)
    Pipeline(row, online.pipeline_settings(run, row, NAMES))(scored)
    return scored.state.memory["raw"]


@pytest.mark.parametrize("preset", ROWS, ids=lambda p: p.name)
def test_preset_differs_from_its_neighbour_unless_it_is_its_alias(
    preset: registry.Preset,
) -> None:
    near = preset.alias_of or preset.neighbour
    if preset.name == "ppo":
        near = "ppo-par"
    same = {"kl_coef": 0.1} if preset.alias_of else {}
    apart = (gradient(preset.name, **same) - gradient(near, **same)).abs().max()
    if preset.alias_of:
        assert apart < 1e-4  # up to the small numbers in their denominators
    elif preset.name == "hc-rlhf":
        assert moved_multipliers(preset.name) != moved_multipliers(near)
    elif preset.models != ("better", "worse"):  # those are told apart by their reward
        # Some are told apart by what is drawn, not by what is made of it.
        drawn = who_plays(preset) != who_plays(registry.get(near))
        assert drawn or apart > 1e-4


def test_presets_weigh_lengths_as_they_say() -> None:
    """What each token's gradient owes to the length of its completion."""
    scored = update_of(4)
    same = torch.ones(8) * scored.sequences.lengths
    per_token = {}
    for name in ("grpo", "dr-grpo", "dapo"):
        run = context(name, **({"kl_coef": 0.0} if name == "grpo" else {}))
        row = online.row_of(run)
        settings = online.update_settings(run, row)
        experience = Pipeline(row, online.pipeline_settings(run, row, NAMES))(scored)
        even = experience.__class__(
            **{
                **vars(experience),
                "advantages": torch.ones(8, 6) * scored.sequences.tokens,
            }
        )
        new = even.old_logprobs.clone().requires_grad_()
        outputs = Outputs(new, scored.entropy, None)
        loss, _ = losses(outputs, even, settings, Totals.of(even))
        (found,) = torch.autograd.grad(loss, new)
        per_token[name] = found[:, 0]
    # The share of a completion's first token: 1/n, 1/L and 1/tokens of the step.
    assert torch.allclose(per_token["grpo"] * same, per_token["grpo"][0] * same[0])
    limit = registry.get("dr-grpo").param("max_new_tokens").default
    assert isinstance(limit, int)
    expected = torch.full((8,), -1 / 8 / limit)
    assert torch.allclose(per_token["dr-grpo"], expected)
    assert torch.allclose(per_token["dapo"], torch.full((8,), -1 / sum(LENGTHS)))


def test_multipliers_and_running_means_are_kept_for_the_next_update() -> None:
    for name, key in (("ppo-constrained", "raw"), ("ppo-maxmin", "means")):
        run = context(name)
        row = online.row_of(run)
        scored = update_of(4)
        Pipeline(row, online.pipeline_settings(run, row, NAMES))(scored)
        first = list(scored.state.memory[key])
        again = update_of(4)
        again.state = scored.state
        again.rewards = again.rewards + 1
        Pipeline(row, online.pipeline_settings(run, row, NAMES))(again)
        assert len(first) == 2
        assert again.state.memory[key] != first


@pytest.mark.parametrize(
    ("given", "field"),
    [
        ({"source_weights": "taste=1"}, "params.source_weights"),
        ({"source_weights": "reward"}, "params.source_weights"),
        ({"thresholds": "reward=1"}, "params.thresholds"),
    ],
)
def test_numbers_for_rewards_that_there_are_not_are_refused(
    given: dict[str, Any], field: str
) -> None:
    from training.engine.errors import FixableError

    run = context("ppo-constrained", **given)
    with pytest.raises(FixableError) as caught:
        online.pipeline_settings(run, online.row_of(run), NAMES)
    assert caught.value.field == field


def test_weights_reach_the_sources_they_name() -> None:
    run = context("grpo", source_weights="other=-0.5", reward_weight=2.0)
    numbers = online.pipeline_settings(run, online.row_of(run), [*NAMES, "lexicon"])
    assert numbers.weights == (2.0, -0.5, 1.0)


def test_directions_are_weighed_and_one_direction_is_raft() -> None:
    asked = Prompt("p", [{"role": "user", "content": "Why?"}])
    prompts = directed([asked], arc=30.0, count=200, seed=3)
    assert prompts == directed([asked], arc=30.0, count=200, seed=3)
    angles = []
    for prompt in prompts:
        first, second = prompt.direction
        assert math.hypot(first, second) == pytest.approx(1)
        angles.append(math.degrees(math.atan2(second, first)))
        system, question = prompt.messages
        assert (question, prompt.judged) == (asked.messages[0], asked.messages)
        told = [int(n) for n in re.findall(r"-?[0-9]+", system["content"])]
        assert sum(n * n for n in told) == pytest.approx(10_000, rel=0.02)
        assert [n / 100 for n in told] == pytest.approx(prompt.direction, abs=0.005)
    assert -30 <= min(angles) < -27 < 27 < max(angles) <= 30
    kept = saying([{"role": "system", "content": "Be brief."}, *asked.messages], (1, 0))
    assert [m["role"] for m in kept] == ["system", "user"]
    assert kept[0]["content"].startswith("Be brief.")
    # The fixed update's prompts all point at (0.6, 0.8).
    raft = gradient("raft", source_weights="reward=0.6, other=0.8")
    assert torch.equal(gradient("directional-alignment"), raft)
    turned = gradient("raft", source_weights="reward=0.6, other=-0.8")
    assert not torch.equal(turned, raft)
