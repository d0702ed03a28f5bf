"""Frozen models of a run: which there are, and what they say of the examples."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from transformers import PreTrainedModel

from training.engine import processes
from training.engine.context import RunContext
from training.engine.errors import FixableError
from training.engine.layout import Branch
from training.engine.logprobs_cache import LogprobCache, frozen_logprobs, model_hash
from training.engine.models import Loaded, load_policy, policy_tokenizer
from training.engine.objectives.score import coefficients
from training.engine.precision import arithmetic
from training.engine.preferences.examples import Example
from training.engine.registry.algebra import Objective
from training.engine.spec import ModelPart

_TELL_SECONDS = 5.0

Values = Mapping[str, Sequence[np.ndarray]]
"""Token log-probabilities of an example's branches, by model."""


def needed(settings: Objective, context: RunContext) -> list[str]:
    """Return the names of the frozen models that a run's losses look at.

    Raises:
        FixableError: if one of them is neither given nor the model at the start.
    """
    given = context.spec.models
    names = list(coefficients(settings, context.params, tuple(given)))
    if settings.margin == "reference_probability" or "calibration" in settings.anchors:
        names.append("reference")
    if settings.label == "self":
        names += ["reference", "previous"]
        if all(part_of(name, context) is None for name in names[-2:]):
            raise FixableError(
                "The model cannot label pairs: it is its own reference.",
                expected="a reference that the model has moved away from",
                found="no reference, which means the model as it starts",
                fix="Give reference.source: the model before it was first trained.",
                field="reference",
            )
    if settings.link == "attributes":
        names += ["reference", "previous"]
    if "trust_region" in settings.anchors:
        names.append("previous")
    names = list(dict.fromkeys(names))
    for name in names:
        if name not in ("reference", "previous") and name not in given:
            raise FixableError(
                f"The run lacks the frozen model {name!r}.",
                expected=f"a model source as models.{name}",
                found=f"models: {', '.join(given) or 'none'}",
                fix=f"Give models.{name}.source, or set its weight to 0.",
                field=f"models.{name}",
            )
    return names


def part_of(name: str, context: RunContext) -> ModelPart | None:
    """Return where a frozen model comes from; None for the policy at the start."""
    spec = context.spec
    part = spec.reference if name == "reference" else spec.models.get(name)
    return None if part == spec.model else part


def check_frozen(names: Sequence[str], context: RunContext, policy: Loaded) -> None:
    """Refuse frozen models that cannot serve, before anything runs.

    Raises:
        FixableError: if one is missing, no language model, or has other tokens than
            the policy.
    """
    for name in names:
        part = part_of(name, context)
        if part is None:
            continue
        head = "reference" if name == "reference" else f"models.{name}"
        try:
            tokenizer = policy_tokenizer(part)
        except FixableError as error:
            error.field = f"{head}.source"
            raise
        if tokenizer.get_vocab() != policy.tokenizer.get_vocab():
            raise FixableError(
                f"The frozen model {name!r} has other tokens than the policy.",
                expected=f"the policy's vocabulary of {len(policy.tokenizer)} tokens",
                found=f"{len(tokenizer)} tokens, not the same ones",
                fix="Choose a model of the policy's family.",
                field=f"{head}.source",
            )


def load_frozen(name: str, context: RunContext, policy: Loaded) -> PreTrainedModel:
    """Load a frozen model, looked at before by `check_frozen`, on the policy's device.

    Raises:
        FixableError: if it cannot be loaded.
    """
    part = part_of(name, context)
    assert part is not None
    loaded = load_policy(part, seed=context.spec.seed)
    loaded.model.requires_grad_(False)
    return loaded.model.eval().to(policy.model.device)


@dataclass(frozen=True)
class Frozen:
    """What frozen models say of every example; each ran once and left memory.

    Attributes:
        values: for each example, log-probabilities of its branches by model.
        contexts: for each example, those of its members under other prompts.
    """

    values: Sequence[Values]
    contexts: Sequence[Values]


def run_frozen(
    context: RunContext,
    policy: Loaded,
    settings: Objective,
    examples: Sequence[Example],
    names: Sequence[str],
) -> Frozen:
    """Run the frozen models over the examples, or find what they said in the cache.

    The policy itself serves while it is what it was at the start, so a reference that
    is the model at the start takes no memory of its own.
    """
    values: list[dict[str, Sequence[np.ndarray]]] = [{} for _ in examples]
    contexts: list[dict[str, Sequence[np.ndarray]]] = [{} for _ in examples]
    wanted = {name: [e.branches for e in examples] for name in names}
    for name, found in wanted.items():
        for example, part in zip(
            values, _run(context, policy, name, found), strict=True
        ):
            example[name] = part
    for name in ("better", "worse"):
        if any(name in example.contexts for example in examples):
            found = [example.contexts[name] for example in examples]
            parts = _run(context, policy, "reference", found)
            for target, part in zip(contexts, parts, strict=True):
                target[name] = part
    return Frozen(values, contexts)


def _run(
    context: RunContext,
    policy: Loaded,
    name: str,
    groups: Sequence[Sequence[Branch]],
) -> list[list[np.ndarray]]:
    part = part_of(name, context)
    model = policy.model if part is None else load_frozen(name, context, policy)
    branches = [branch for group in groups for branch in group]
    numbers = [i for i, group in enumerate(groups) for _ in group]
    # What it says in other arithmetic is not the same.
    lower = context.spec.model.dtype == "bfloat16"
    key = model_hash(model) + ("-bfloat16" if lower else "")
    cache = LogprobCache(key) if processes.is_main() else None
    training = model.training
    try:
        with arithmetic(context.spec, model.device):
            found = frozen_logprobs(
                model,
                branches,
                numbers,
                pad_token_id=int(policy.tokenizer.pad_token_id or 0),
                batch_size=2 * context.integer("batch_size"),
                cache=cache,
                tick=_ticker(context, name, len(set(branches))),
            )
    finally:
        if cache is not None:
            cache.close()
        model.train(training)
    values = iter(found)
    return [[next(values) for _ in group] for group in groups]


def _ticker(context: RunContext, name: str, total: int) -> Callable[[int], None]:
    """Return what to call after each batch: obeys orders, and tells now and then."""
    began = told = time.monotonic()

    def tick(done: int) -> None:
        nonlocal told
        context.control.check()
        now = time.monotonic()
        if now - told < _TELL_SECONDS:
            return
        told = now
        left = (total - done) * (now - began) / done if done else None
        context.events.emit(
            "metrics",
            step=0,
            metrics={},
            progress={
                "label": f"log-probabilities of the {name} model",
                "done": done,
                "total": total,
                "unit": "sequences",
                "elapsed_seconds": round(now - began, 3),
                "remaining_seconds": None if left is None else round(left, 1),
            },
        )

    return tick


LiveModel = Callable[[Any], torch.Tensor]
"""A frozen model that runs at every step: a layout to token log-probabilities."""
