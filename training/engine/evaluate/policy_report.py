"""A policy's report on pairs: implied rewards, rankings, KL to the reference."""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import Any

import numpy as np

from training.engine.data import Pair
from training.engine.deadline import Deadline
from training.engine.evaluate.metrics import mean_and_error, pair_loss
from training.engine.evaluate.ranking import SideLogprobs, implied_gaps, ranking
from training.engine.evaluate.reward_report import interval
from training.engine.models import Loaded
from training.engine.sampling import Completion
from training.engine.scorers import Tick, completion_logprobs
from training.engine.tokens import PairTokens, pair_tokens


def side_logprobs(
    loaded: Loaded,
    rows: Sequence[PairTokens],
    *,
    batch_size: int,
    tick: Tick | None = None,
) -> SideLogprobs:
    """Return a model's log-probabilities of both sides of every pair."""
    found = completion_logprobs(
        loaded.model,
        [row.prompt for row in rows] * 2,
        [row.chosen for row in rows] + [row.rejected for row in rows],
        pad_token_id=int(loaded.tokenizer.pad_token_id or 0),
        batch_size=batch_size,
        tick=tick,
    )
    count = len(rows)
    totals = np.array([each.total for each in found], dtype=np.float64)
    tokens = np.array([each.tokens for each in found], dtype=np.float64)
    return SideLogprobs(totals[:count], totals[count:], tokens[:count], tokens[count:])


def implied_accuracy(
    policy: Loaded,
    reference: Loaded,
    pairs: Sequence[Pair],
    *,
    deadline: Deadline,
    beta: float,
    max_length: int,
    batch_size: int,
    resamples: int,
    seed: int,
    tick: Tick | None = None,
) -> dict[str, Any]:
    """Return how often implied reward and likelihood prefer the chosen completion.

    ``ranking`` compares ways to rank the same pairs; ``ideal`` is what the best policy
    under DPO's loss could reach, given the shares of the people who preferred each.
    What a deadline leaves out is a seeded choice, whatever the pairs' lengths.
    """
    order = list(pairs)
    random.Random(seed).shuffle(order)
    pairs, gaps, shortened = [], [], 0
    credits: dict[str, list[float]] = {}
    for chunk in deadline.within(order, batch_size):
        rows, cut = pair_tokens(policy.tokenizer, chunk, max_length)
        ours, theirs = (
            side_logprobs(model, rows, batch_size=batch_size, tick=tick)
            for model in (policy, reference)
        )
        gaps += implied_gaps(ours, theirs, beta).tolist()
        shares = [pair.soft_label for pair in chunk]
        for name, found in ranking(ours, theirs, shares, beta).items():
            credits.setdefault(name, []).extend(found.tolist())
        pairs, shortened = [*pairs, *chunk], shortened + cut
    intervals = {
        name: interval(found, pairs, resamples=resamples, seed=seed).as_dict()
        for name, found in credits.items()
    }
    return {
        "pairs": len(pairs),
        "left_out": len(order) - len(pairs),
        "shortened": shortened,
        "accuracy": intervals["implied"],
        "ranking": intervals,
        "margin": sum(gaps) / len(gaps),
        "loss": pair_loss(gaps),
    }


def kl_estimate(
    reference: Loaded,
    completions: Sequence[Completion],
    *,
    deadline: Deadline,
    batch_size: int,
    tick: Tick | None = None,
) -> dict[str, Any]:
    """Return a Monte Carlo estimate of KL(policy || reference) a sequence, in nats.

    The mean of log policy(y|x) - log reference(y|x) over completions drawn from the
    policy at temperature 1 with nothing cut from its distribution; unbiased for the
    divergence of sequences up to the length limit. Single terms may be negative. The
    standard error is over prompts: samples of one prompt tell little of the others.
    A deadline leaves out the completions drawn last.

    Source: Stiennon et al. 2020, section 3.4; the k1 estimator of Schulman 2020.
    """
    terms: list[float] = []
    tokens = 0
    for chunk in deadline.within(completions, batch_size):
        found = completion_logprobs(
            reference.model,
            [c.prompt_ids for c in chunk],
            [c.ids for c in chunk],
            pad_token_id=int(reference.tokenizer.pad_token_id or 0),
            batch_size=batch_size,
            tick=tick,
        )
        for drawn, other in zip(chunk, found, strict=True):
            terms.append(drawn.mean_logprob * len(drawn.ids) - other.total)
            tokens += other.tokens
    prompts = [c.prompt_id for c in completions[: len(terms)]]
    mean, error = mean_and_error(terms, prompts)
    return {
        "kl": mean,
        "standard_error": error,
        "per_token": sum(terms) / max(tokens, 1),
        "sequences": len(terms),
        "tokens": tokens,
    }
