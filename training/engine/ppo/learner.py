"""One update: several passes over a buffer of experience in shuffled minibatches."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal, Protocol

import torch
from torch import Tensor, nn

from training.engine import processes
from training.engine.ppo.actor_critic import Outputs
from training.engine.ppo.experience import Experience, Sequences
from training.engine.ppo.kl import kl_estimate, kl_loss
from training.engine.ppo.losses import (
    Reduction,
    clipped_surrogate,
    clipped_value_loss,
    reduce,
)
from training.engine.ppo.masked import (
    of_all_processes,
    sum_gradients,
)

RatioLevel = Literal["token", "sequence", "sequence_mean"]
Surrogate = Literal["clip", "likelihood"]
LossEstimator = Literal["k1", "k2", "k3", "whole"]


class Model(Protocol):
    """What learns: says log-probabilities, entropies and values of completions."""

    def __call__(self, batch: Sequences, *, with_entropy_gradient: bool = ...) -> Any:
        """Return `Outputs`."""


@dataclass(frozen=True)
class UpdateSettings:
    """How an update learns.

    Attributes:
        epochs: passes over the buffer.
        minibatch: completions of one optimiser step, on one device.
        forward: completions of one forward pass.
        clip_low, clip_high: how far the ratio may move before its gradient stops.
        dual_clip: bound of the loss of negative advantages; None for none.
        surrogate: the clipped ratio, or ``likelihood``: minus advantage times
            log-probability, which weighs completions whoever drew them.
        ratio: of each token, of the whole completion (product), or its per-token mean.
        value_clip: how far a value may move from its old self; None for no clipping.
        value_coef: weight of the value loss.
        entropy_coef: weight of the entropy that is rewarded.
        kl_coef, kl_estimator: weight and form of a KL penalty in the loss; 0 for none;
            ``whole`` takes KL(reference || policy) over the whole vocabulary.
        reduction: how token losses become one number.
        longest: T of the ``constant`` reduction.
        stop_kl: nats a token from the old policy after which the update ends; or None.
        max_grad_norm: longer gradients are scaled down to it.
    """

    epochs: int = 4
    minibatch: int = 16
    forward: int = 16
    clip_low: float = 0.2
    clip_high: float = 0.2
    dual_clip: float | None = None
    surrogate: Surrogate = "clip"
    ratio: RatioLevel = "token"
    value_clip: float | None = 0.2
    value_coef: float = 0.1
    entropy_coef: float = 0.0
    kl_coef: float = 0.0
    kl_estimator: LossEstimator = "k2"
    reduction: Reduction = "token_mean"
    longest: int = 1
    stop_kl: float | None = None
    max_grad_norm: float = 1.0


@dataclass(frozen=True)
class Totals:
    """The counts of a whole optimiser step, over all forward passes and processes."""

    tokens: Tensor
    states: Tensor
    completions: Tensor

    @classmethod
    def of(cls, experience: Experience) -> Totals:
        """Count a minibatch."""
        tokens = experience.sequences.tokens
        counts = torch.stack(
            [
                tokens.sum(),
                experience.states.sum(),
                torch.tensor(len(experience), device=tokens.device),
            ]
        ).to(torch.float32)
        counts = processes.across(counts)
        return cls(counts[0], counts[1], counts[2])


def losses(
    outputs: Outputs,
    part: Experience,
    settings: UpdateSettings,
    totals: Totals,
    *,
    train_policy: bool = True,
) -> tuple[Tensor, dict[str, Tensor]]:
    """Return a part's share of the loss, and of the numbers that describe it.

    Every share is divided by the step's own totals, so the shares of all parts of an
    optimiser step add up to its loss and its means.
    """
    mask = part.sequences.tokens
    each: Reduction = settings.reduction
    count = totals.tokens if each == "token_mean" else totals.completions
    change = torch.where(mask, outputs.logprobs - part.old_logprobs, 0.0)
    log_ratio = _ratio(change, mask, settings.ratio)
    if settings.surrogate == "likelihood":
        surrogate = -part.weights * part.advantages * outputs.logprobs
    else:
        surrogate = part.weights * clipped_surrogate(
            log_ratio,
            part.advantages,
            low=settings.clip_low,
            high=settings.clip_high,
            dual=settings.dual_clip,
        )
    policy = reduce(surrogate, mask, each, total=count, longest=settings.longest)
    with torch.no_grad():
        drift = kl_estimate(part.old_logprobs, outputs.logprobs, "k3")
        unclipped = -part.weights * log_ratio.exp() * part.advantages
        clipped = (surrogate > unclipped) & (settings.surrogate == "clip")
        stats = {
            "loss/policy": policy,
            "policy/approx_kl": _mean(drift, mask, totals.tokens),
            "policy/clip_fraction": _mean(clipped, mask, totals.tokens),
            "policy/ratio": _mean(log_ratio.exp(), mask, totals.tokens),
            "policy/entropy": _mean(outputs.entropy, mask, totals.tokens),
        }
    loss = policy if train_policy else policy * 0.0
    if train_policy and settings.kl_coef:
        tie = _tie(outputs, part, settings.kl_estimator)
        if settings.kl_estimator != "whole":
            # Estimated from drawn tokens: weighed as if the policy of this step, and
            # not the one of an earlier pass or another program, had drawn them.
            tie = tie * part.weights * change.detach().exp()
        penalty = reduce(
            tie if part.tied is None else tie * part.tied[:, None],
            mask,
            each,
            total=count,
            longest=settings.longest,
        )
        loss = loss + settings.kl_coef * penalty
        stats["loss/kl"] = penalty
    if train_policy and settings.entropy_coef:
        spread = reduce(
            outputs.entropy, mask, each, total=count, longest=settings.longest
        )
        loss = loss - settings.entropy_coef * spread
    if outputs.values is not None:
        assert part.old_values is not None and part.returns is not None
        errors = clipped_value_loss(
            outputs.values, part.old_values, part.returns, clip=settings.value_clip
        )
        value = reduce(errors, part.states, "token_mean", total=totals.states)
        loss = loss + settings.value_coef * value
        with torch.no_grad():
            plain = (outputs.values - part.returns) ** 2 / 2
            stats["value/clip_fraction"] = _mean(
                errors > plain, part.states, totals.states
            )
        stats["loss/value"] = value
    stats["loss"] = loss
    return loss, {name: value.detach() for name, value in stats.items()}


def _tie(outputs: Outputs, part: Experience, estimator: LossEstimator) -> Tensor:
    """Return what each token costs for its distance from the reference, (B, T)."""
    if estimator != "whole":
        return kl_loss(outputs.logprobs, part.reference_logprobs, estimator)
    if outputs.distance is None:
        raise ValueError("expected a policy that measures its distance, found none")
    return outputs.distance


def _ratio(change: Tensor, mask: Tensor, level: RatioLevel) -> Tensor:
    """Return the log-ratio that each token's surrogate uses, (B, T)."""
    if level == "token":
        return change
    whole = change.sum(1, keepdim=True)
    if level == "sequence_mean":
        whole = whole / mask.sum(1, keepdim=True)
    return whole.expand_as(change)


def _mean(values: Tensor, mask: Tensor, total: Tensor) -> Tensor:
    return torch.where(mask, values.float(), 0.0).sum() / total


def minibatches(count: int, size: int, seed: tuple[int, ...]) -> Iterator[Tensor]:
    """Yield row numbers of one pass in a fresh order that depends on ``seed`` alone.

    All processes take as many steps: where they hold different numbers of rows, each
    deals its own out evenly, and a step may find none.
    """
    mixed = 0
    for number in seed:
        mixed = (mixed * 1_000_003 + number + 1) % (2**63 - 1)
    draw = torch.Generator().manual_seed(mixed)
    order = torch.randperm(count, generator=draw)
    counts = of_all_processes([float(count)])
    if min(counts) == max(counts):
        yield from order.split(size)
        return
    yield from order.tensor_split(math.ceil(max(counts) / size))


def update(
    model: Model,
    parameters: list[nn.Parameter],
    optimizer: torch.optim.Optimizer,
    experience: Experience,
    settings: UpdateSettings,
    *,
    seed: tuple[int, ...],
    train_policy: bool = True,
    resting: Sequence[nn.Parameter] = (),
) -> dict[str, float]:
    """Learn from a buffer; return the means of what happened, by name.

    Several processes learn from the buffers of all as from one; all must call.

    Args:
        parameters: what the optimizer steps.
        seed: what the order of every pass is drawn from, with the pass's number.
        train_policy: False while the critic alone warms up.
        resting: parameters that stay as they are in this update, whatever uses them:
            without a gradient the optimizer neither decays them nor counts a step.
    """
    sums: dict[str, float] = {}
    steps = epochs = 0
    for epoch in range(settings.epochs):
        epochs += 1
        drift = 0.0
        batches = list(minibatches(len(experience), settings.minibatch, (*seed, epoch)))
        for rows in batches:
            batch = experience.select(rows)
            totals = Totals.of(batch)
            optimizer.zero_grad(set_to_none=True)
            step: dict[str, Tensor] = {}
            # A choice may leave a process no rows; the others' gradients are its own.
            for part_rows in torch.arange(len(rows)).split(settings.forward):
                if not len(part_rows):
                    continue
                part = batch.select(part_rows)
                outputs = model(
                    part.sequences,
                    with_entropy_gradient=bool(settings.entropy_coef),
                )
                loss, stats = losses(
                    outputs, part, settings, totals, train_policy=train_policy
                )
                loss.backward()
                for name, value in stats.items():
                    step[name] = step.get(name, torch.zeros_like(value)) + value
            sum_gradients(parameters)
            for parameter in resting:
                parameter.grad = None
            norm = torch.nn.utils.clip_grad_norm_(parameters, settings.max_grad_norm)
            told = processes.summed({n: float(v) for n, v in step.items()})
            told["grad_norm"] = float(norm)
            require_finite(told)
            optimizer.step()
            steps += 1
            drift += told["policy/approx_kl"] / len(batches)
            if steps == 1:
                sums["policy/first_ratio"] = told["policy/ratio"]
            for name, number in told.items():
                sums[name] = sums.get(name, 0.0) + number
        if settings.stop_kl is not None and drift > settings.stop_kl:
            break
    first = sums.pop("policy/first_ratio")
    means = {name: value / steps for name, value in sums.items()}
    return means | {"policy/first_ratio": first, "epochs_run": float(epochs)}


class NotFinite(ArithmeticError):
    """A loss or gradient is no number any more; training on would spoil the model."""


def require_finite(numbers: dict[str, float]) -> None:
    """Raise before a step that would make every weight NaN.

    Raises:
        NotFinite: naming what is not finite.
    """
    bad = [n for n, value in numbers.items() if not torch.isfinite(torch.tensor(value))]
    if bad:
        raise NotFinite(", ".join(bad))
