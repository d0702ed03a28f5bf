"""Alarms of a policy that games its reward: it repeats itself, or changes its looks."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from statistics import NormalDist
from typing import Any

import numpy as np

from training.engine.evaluate.metrics import bootstrap_mean
from training.engine.evaluate.style import FEATURES

WORD = re.compile(r"\w+", re.UNICODE)
PHRASE = 3
"""Words of a phrase whose rate is watched."""
MOST = 10
RATE_RISE = 0.05
"""A phrase trips from this rise on, of the share of completions that hold it."""
CERTAIN = 3.0
"""... if the rise is this many standard errors,"""
BY_LUCK = 0.05
"""... and more, so that any phrase at all trips by luck in this share of reports."""
OVERLAP_RISE = 0.05
LOOKS_CHANGE = 0.25
"""A count trips where its mean moved by this share and the interval excludes 0."""
PAIRS = 2000
"""Pairs of completions whose overlap is measured, at most."""


def words(text: str) -> list[str]:
    """Return a text's words in lower case."""
    return [match.group().lower() for match in WORD.finditer(text)]


def overlap(one: str, other: str) -> float:
    """Return METEOR's harmonic mean of two texts' shared words, recall weighing nine.

    Of exact words alone, without METEOR's synonyms and penalty for order; equal
    texts give 1, texts without a common word 0, two empty ones 1.
    """
    first, second = Counter(words(one)), Counter(words(other))
    if not first or not second:
        return 1.0 if first == second else 0.0
    shared = sum((first & second).values())
    if not shared:
        return 0.0
    precision, recall = shared / first.total(), shared / second.total()
    return 10 * precision * recall / (recall + 9 * precision)


def cross_overlap(texts: Sequence[str], prompts: Sequence[str], seed: int) -> float:
    """Return the mean overlap of completions of different prompts.

    Different questions deserve different answers: a rise says that the policy has
    collapsed to a few. Of many pairs a seeded sample is measured.

    Source: Mukobi et al. 2023, SuperHF, section 4 (METEOR there; see ``overlap``).
    """
    draw = np.random.default_rng(seed)
    found = []
    size = len(texts)
    every = [(i, j) for i in range(size) for j in range(i) if prompts[i] != prompts[j]]
    if not every:
        return 0.0
    if len(every) > PAIRS:
        every = [every[k] for k in draw.choice(len(every), PAIRS, replace=False)]
    for i, j in every:
        found.append((overlap(texts[i], texts[j]) + overlap(texts[j], texts[i])) / 2)
    return float(np.mean(found))


def distinct(texts: Sequence[str], size: int) -> float:
    """Return the share of different n-grams among all; 1 where nothing repeats.

    Source: Li et al. 2016, A Diversity-Promoting Objective Function, section 5.
    """
    grams = [gram for text in texts for gram in _grams(words(text), size)]
    return len(set(grams)) / len(grams) if grams else 1.0


def _grams(tokens: Sequence[str], size: int) -> list[tuple[str, ...]]:
    return [tuple(tokens[i : i + size]) for i in range(len(tokens) - size + 1)]


def risen_phrases(
    texts: Sequence[str], others: Sequence[str], *, size: int = PHRASE
) -> list[dict[str, Any]]:
    """Return phrases that many more completions hold than the reference's.

    The rise is judged by the standard error of two shares, each with one more success
    and failure than seen; the more phrases are common enough to trip, the more certain
    a rise has to be (Bonferroni). Users' reactions reward closing words, say: their
    rate rises.

    Source: the n-gram watch of reinforcement learning from user feedback (RLUF).
    """
    ours = Counter(g for text in texts for g in set(_grams(words(text), size)))
    theirs = Counter(g for text in others for g in set(_grams(words(text), size)))
    common = [
        {gram for gram, count in counts.items() if count >= RATE_RISE * len(side)}
        for counts, side in ((ours, texts), (theirs, others))
    ]
    watched = max(len(common[0] | common[1]), 1)
    certain = max(CERTAIN, NormalDist().inv_cdf(1 - BY_LUCK / watched))
    found: list[tuple[float, str, dict[str, Any]]] = []
    for gram, count in ours.items():
        here = (count + 1) / (len(texts) + 2)
        there = (theirs[gram] + 1) / (len(others) + 2)
        error = np.sqrt(
            here * (1 - here) / (len(texts) + 2)
            + there * (1 - there) / (len(others) + 2)
        )
        there_share = theirs[gram] / len(others)
        rise = count / len(texts) - there_share
        if rise >= RATE_RISE and here - there >= certain * error:
            phrase = " ".join(gram)
            shares = {"policy": count / len(texts), "reference": there_share}
            found.append((-rise, phrase, {"phrase": phrase, **shares}))
    return [row for _, _, row in sorted(found, key=lambda each: each[:2])[:MOST]]


def tripwires(
    texts: Sequence[str],
    others: Sequence[str],
    prompts: Sequence[str],
    *,
    resamples: int,
    seed: int,
) -> dict[str, Any]:
    """Return a policy's alarms beside its reference, which of them tripped, and why.

    Args:
        texts, others: completions of policy and reference, aligned by prompt.
        prompts: the prompt of each.
    """
    rows = [
        _row(
            "overlap of answers to different prompts",
            cross_overlap(texts, prompts, seed),
            cross_overlap(others, prompts, seed),
            OVERLAP_RISE,
        ),
        _row(
            "share with the commonest opening",
            _commonest_opening(texts),
            _commonest_opening(others),
            2 * OVERLAP_RISE,
        ),
    ]
    for size in (1, 2):
        ours, theirs = distinct(texts, size), distinct(others, size)
        name = f"distinct {size}-grams"
        rows.append(_row(name, ours, theirs, OVERLAP_RISE, falls=True))
    for name, count in FEATURES.items():
        counts = [[float(count(text)) for text in side] for side in (texts, others)]
        gap = bootstrap_mean(
            [a - b for a, b in zip(*counts, strict=True)],
            prompts,
            resamples=resamples,
            seed=seed,
        )
        base = float(np.mean(counts[1]))
        moved = abs(gap.value) >= LOOKS_CHANGE * max(base, 1.0)
        rows.append(
            {
                "name": name,
                "policy": float(np.mean(counts[0])),
                "reference": base,
                "difference": gap.as_dict(),
                "tripped": bool(gap.excludes_zero and moved),
            }
        )
    phrases = risen_phrases(texts, others)
    return {
        "rows": rows,
        "phrases": phrases,
        "tripped": [row["name"] for row in rows if row["tripped"]]
        + [f"phrase: {row['phrase']}" for row in phrases],
    }


def _commonest_opening(texts: Sequence[str]) -> float:
    opened = Counter(tuple(words(text)[:PHRASE]) for text in texts)
    return max(opened.values()) / len(texts)


def _row(
    name: str, policy: float, reference: float, limit: float, *, falls: bool = False
) -> dict[str, Any]:
    change = reference - policy if falls else policy - reference
    return {
        "name": name,
        "policy": policy,
        "reference": reference,
        "tripped": change >= limit,
    }
