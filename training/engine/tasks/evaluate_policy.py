"""Evaluate a policy: on held-out pairs, and by what it answers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from training.engine.context import RunContext
from training.engine.data import Messages, Pair
from training.engine.deadline import Deadline
from training.engine.environment import environment
from training.engine.errors import FixableError
from training.engine.evaluate.answers import Answers, answers_report
from training.engine.evaluate.baselines import text_of
from training.engine.evaluate.policy_report import implied_accuracy, kl_estimate
from training.engine.models import Loaded, load_policy, load_reward, placed
from training.engine.progress import Progress
from training.engine.rewards.contract import Item, Scorer
from training.engine.rewards.model import RewardModel
from training.engine.sampling import Completion, Prompt, Sampling, sample
from training.engine.spec import ModelPart
from training.engine.tasks import held_out
from training.engine.tasks.evaluate_reward import TABLE_ROWS
from training.engine.tasks.generate import read_prompts, sampling_settings
from training.engine.tasks.score import pair_gaps, score_completions, trained_length

TRAIN_PAIRS = 256
"""A policy's accuracy on training pairs is measured on at most this many."""
TIME_SHARES = {"train": 0.15, "test": 0.25, "drawn": 0.35, "kl": 0.15, "win": 0.85}
"""Of the time left under ``limits.seconds`` when a part of a policy's report begins."""
GOLD = "gold"
"""Name of the specification's model that best-of-n is scored by, if it is given."""


def _started(context: RunContext, loaded: Loaded, rows: dict[str, Any]) -> None:
    context.started(
        rows=rows,
        environment=environment(loaded.model),
    )


def _pairs(context: RunContext, name: str, *, limit: int | None = None) -> list[Pair]:
    """Return a split's decided pairs, pooled; a seeded choice of ``limit`` of them."""
    path = getattr(context.spec.data, name)
    if path is None:
        return []
    pairs = held_out.read_decided(path, f"data.{name}")
    return held_out.some_of(pairs, limit, context.spec.seed)


def evaluate_policy(context: RunContext) -> tuple[dict[str, Any], dict[str, Any]]:
    spec = context.spec
    if spec.reference is None:
        raise FixableError(
            "A policy is measured against its reference.",
            expected="a model as reference",
            found="null",
            fix="Give the model that the policy was trained from as reference.",
            field="reference",
        )
    test = _pairs(context, "test", limit=spec.limits.max_rows)
    train = _pairs(context, "train", limit=spec.limits.max_rows or TRAIN_PAIRS)
    prompts = _prompts(context, test or train)
    policy = placed(load_policy(spec.model, seed=spec.seed))
    reference = placed(load_policy(spec.reference, seed=spec.seed))
    counts = {"test": len(test), "train": len(train), "prompts": len(prompts)}
    _started(context, policy, counts)
    deadline = Deadline.of(context)
    report: dict[str, Any] = {"role": "policy", **counts}
    metrics: dict[str, Any] = {"pairs": 0}
    for name, pairs in (("train", train), ("test", test)):
        if pairs:
            part = _implied(
                context,
                policy,
                reference,
                pairs,
                label=f"{name} pairs",
                deadline=deadline.part(TIME_SHARES[name]),
            )
            report[f"implied_{name}"] = part
            metrics["pairs"] += part["pairs"]
            metrics[f"implied_accuracy/{name}"] = part["accuracy"]["value"]
            metrics[f"implied_accuracy/{name}/low"] = part["accuracy"]["low"]
            metrics[f"implied_accuracy/{name}/high"] = part["accuracy"]["high"]
            metrics[f"implied_margin/{name}"] = part["margin"]
            for kind in ("policy", "per_token", "ideal"):
                found = part["ranking"][kind]["value"]
                metrics[f"ranking_accuracy/{kind}/{name}"] = found
    if prompts:
        free = replace(sampling_settings(context), temperature=1.0, top_p=1.0)
        (drawn,) = _draw(
            context,
            [policy],
            prompts,
            free,
            label="sampling for KL",
            deadline=deadline.part(TIME_SHARES["drawn"]),
        )
        report["kl"] = kl_estimate(
            reference,
            drawn,
            deadline=deadline.part(TIME_SHARES["kl"]),
            batch_size=context.integer("batch_size"),
        )
        metrics["kl"] = report["kl"]["kl"]
        metrics["kl/standard_error"] = report["kl"]["standard_error"]
        metrics["kl/per_token"] = report["kl"]["per_token"]
        found, report["samples"] = _compare(
            context,
            policy,
            reference,
            prompts,
            deadline.part(TIME_SHARES["win"]),
            kl=report["kl"]["kl"],
        )
        report |= found
        metrics |= _headline(found)
    return report, metrics


def _headline(found: dict[str, Any]) -> dict[str, Any]:
    """Return the flat numbers of what a policy's answers said."""
    metrics: dict[str, Any] = {"tripwires": len(found["tripwires"]["tripped"])}
    if won := found.get("win"):
        for key in ("value", "low", "high"):
            metrics[f"win_rate/{key}"] = won["win_rate"][key]
            controlled = won["length_controlled"]["win_rate"]
            metrics[f"win_rate_length_controlled/{key}"] = controlled[key]
        metrics["reward_gain"] = won["reward_gain"]["value"]
    return metrics


def _implied(
    context: RunContext,
    policy: Loaded,
    reference: Loaded,
    pairs: list[Pair],
    *,
    label: str,
    deadline: Deadline,
) -> dict[str, Any]:
    with Progress(
        context, total=4 * len(pairs), unit="sequences", label=label
    ) as progress:
        return implied_accuracy(
            policy,
            reference,
            pairs,
            deadline=deadline,
            beta=context.number("beta"),
            max_length=min(context.integer("max_length"), policy.context),
            batch_size=context.integer("batch_size"),
            resamples=context.integer("bootstrap"),
            seed=context.spec.seed,
            tick=progress.tick,
        )


def _prompts(context: RunContext, pairs: list[Pair]) -> list[Prompt]:
    """Return the prompts to answer: the given ones, or those of the pairs."""
    path = context.spec.data.prompts
    if path is not None:
        prompts = read_prompts(path)
    else:
        unique = {str(pair.prompt): pair.prompt for pair in pairs}
        prompts = [Prompt(f"pair-{i}", p) for i, p in enumerate(unique.values())]
    return prompts[: context.spec.limits.max_rows]


def _draw(
    context: RunContext,
    models: Sequence[Loaded],
    prompts: Sequence[Prompt],
    settings: Sampling,
    *,
    label: str,
    deadline: Deadline,
) -> list[list[Completion]]:
    """Return each model's answers to the same prompts: all, or what the time allows."""
    samples = context.integer("samples")
    drawn: list[list[Completion]] = [[] for _ in models]
    total = len(models) * len(prompts) * samples
    with Progress(context, total=total, unit="completions", label=label) as progress:
        for chunk in deadline.within(prompts, settings.batch_size):
            # A batch is one completion or more, so no two batches share a seed.
            seeded = replace(settings, seed=settings.seed + len(drawn[0]))
            for model, found in zip(models, drawn, strict=True):
                for batch in sample(model, chunk, samples, seeded):
                    found += batch
                    progress.tick(len(batch))
    return drawn


def _compare(
    context: RunContext,
    policy: Loaded,
    reference: Loaded,
    prompts: list[Prompt],
    deadline: Deadline,
    *,
    kl: float,
) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """Return what the answers say, under the reward model if one is given; a table."""
    ours, theirs = _draw(
        context,
        [policy, reference],
        prompts,
        sampling_settings(context),
        label="sampling the policy and the reference",
        deadline=deadline,
    )
    messages = {prompt.prompt_id: prompt.messages for prompt in prompts}
    table: list[dict[str, Any]] = [
        {
            "prompt": text_of(messages[a.prompt_id]),
            "policy": a.content,
            "reference": b.content,
        }
        for a, b in zip(ours, theirs, strict=True)
    ]
    asked = [messages[c.prompt_id] for c in ours]
    sides = [
        Answers([c.prompt_id for c in side], [c.content for c in side])
        for side in (ours, theirs)
    ]
    gaps: list[float] = []
    judge = context.params["reward_model"]
    if judge is not None:
        gaps = _judged(context, str(judge), asked, sides)
        for row, mine, other in zip(
            table, sides[0].scores, sides[1].scores, strict=True
        ):
            row["policy_score"], row["reference_score"] = mine, other
    found = answers_report(
        sides[0],
        sides[1],
        gaps,
        kl=kl,
        resamples=context.integer("bootstrap"),
        seed=context.spec.seed,
    )
    return found, table[:TABLE_ROWS]


def _judged(
    context: RunContext, source: str, asked: Sequence[Messages], sides: list[Answers]
) -> list[float]:
    """Put scores on both sides; return the judge's log-odds for the first.

    A judge of pairs is asked in both orders, and its chances averaged.
    """
    judge = placed(
        load_reward(ModelPart(source=source), seed=context.spec.seed, is_trained=True)
    )
    length, batch = trained_length(judge), context.integer("batch_size")
    answers = [[_says(text) for text in side.texts] for side in sides]
    prompts, texts = [*asked, *asked], [*answers[0], *answers[1]]
    scores, _ = score_completions(
        judge, prompts, texts, max_length=length, batch_size=batch
    )
    gold: list[float] = []
    if GOLD in context.spec.models:
        better = placed(
            load_reward(
                context.spec.models[GOLD], seed=context.spec.seed, is_trained=True
            )
        )
        gold, _ = score_completions(
            better, prompts, texts, max_length=trained_length(better), batch_size=batch
        )
    names, parts = _components(judge, prompts, texts, length, batch)
    count = len(asked)
    for place, part in enumerate((slice(0, count), slice(count, None))):
        sides[place] = replace(
            sides[place],
            scores=scores[part],
            gold=gold[part],
            components=None if parts is None else parts[part],
            names=names,
        )
    pairs = [
        Pair(str(i), prompt, first, second)
        for i, (prompt, first, second) in enumerate(zip(asked, *answers, strict=True))
    ]
    if isinstance(judge.model, RewardModel):
        gaps, _ = pair_gaps(judge, pairs, max_length=length, batch_size=batch)
        return gaps
    return [a - b for a, b in zip(scores[:count], scores[count:], strict=True)]


def _components(
    judge: Loaded,
    prompts: Sequence[Messages],
    texts: Sequence[Messages],
    length: int,
    batch: int,
) -> tuple[list[str], Any]:
    """Return the judge's attributes of every answer, (N, K), where it has several."""
    if not isinstance(judge.model, RewardModel):
        return [], None
    scorer = Scorer(judge.model, judge.tokenizer, max_length=length, batch_size=batch)
    names = list(scorer.told.components)
    if scorer.compares or scorer.told.loss == "bootstrap" or not 2 <= len(names) <= 4:
        return [], None
    items = [Item(p, t) for p, t in zip(prompts, texts, strict=True)]
    found = scorer.score(items).components
    return names, np.array([found[name] for name in names], dtype=np.float64).T


def _says(text: str) -> Messages:
    return [{"role": "assistant", "content": text}]
