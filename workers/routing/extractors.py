"""Features of pairs: which extractors there are, in which version, and what they say.

Every stored feature names its extractor and version: what another version said is
computed again and never mixed in. No extractor is given an answer of anybody.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from workers.routing.embedding import Encoder, pair_gaps
from workers.routing.items import Floats
from workers.routing.statistics import (
    PairText,
    Reference,
    indicators,
    vector_statistics,
    word_statistics,
)
from workers.routing.tags import descriptions, likeness_tags, rule_tags
from workers.routing.words import words

NEIGHBOURS = 5


@dataclass(frozen=True)
class Features:
    """What one extractor says of a pair.

    Attributes:
        statistics: numbers from 0 to 1, in bins for the prediction.
        tags: indicators as they are.
        signals: numbers as they are.
    """

    statistics: Mapping[str, float] = field(default_factory=dict)
    tags: frozenset[str] = frozenset()
    signals: Mapping[str, float] = field(default_factory=dict)

    @property
    def indicators(self) -> frozenset[str]:
        return indicators(self.statistics) | self.tags

    def as_json(self) -> dict[str, Any]:
        return {
            "statistics": {k: round(v, 6) for k, v in self.statistics.items()},
            "tags": sorted(self.tags),
            "signals": {k: round(v, 6) for k, v in self.signals.items()},
        }

    @classmethod
    def from_json(cls, stored: Mapping[str, Any]) -> "Features":
        return cls(stored["statistics"], frozenset(stored["tags"]), stored["signals"])


@dataclass(frozen=True)
class Vectors:
    """Sentence vectors of pairs, each of shape (n, d)."""

    prompts: Floats
    firsts: Floats
    seconds: Floats

    def at(self, places: Sequence[int]) -> "Vectors":
        rows = list(places)
        return Vectors(self.prompts[rows], self.firsts[rows], self.seconds[rows])

    def gaps(self, pairs: Sequence[PairText]) -> Floats:
        """Return what a proxy reward model reads, shape (n, 2d + 1)."""
        lengths = [
            np.log1p(len(words(p.first))) - np.log1p(len(words(p.second)))
            for p in pairs
        ]
        return pair_gaps(self.prompts, self.firsts, self.seconds, np.array(lengths))


def embed(
    pairs: Sequence[PairText],
    encoder: Encoder,
    progress: Callable[[int], object] = lambda n: None,
) -> Vectors:
    """Return the vectors of all texts; equal ones are read once."""
    count = len(pairs)
    found = encoder.sentences(
        [p.prompt for p in pairs]
        + [p.first for p in pairs]
        + [p.second for p in pairs],
        progress,
    )
    return Vectors(found[:count], found[count : 2 * count], found[2 * count :])


def by_words(pairs: Sequence[PairText], reference: Reference) -> list[Features]:
    """Extractor `words`: what needs no model."""
    return [
        Features(
            word_statistics(pair, reference),
            rule_tags(pair.prompt),
            {
                "length_gap": float(
                    np.log1p(len(words(pair.first))) - np.log1p(len(words(pair.second)))
                )
            },
        )
        for pair in pairs
    ]


def by_vectors(
    pairs: Sequence[PairText],
    vectors: Vectors,
    encoder: Encoder,
    among: Floats | None = None,
) -> list[Features]:
    """Extractor `vectors`: match, cosine, tags by likeness, novelty.

    Args:
        among: prompts' vectors that novelty is distance to; these pairs' own if None.
    """
    match = encoder.match([p.first for p in pairs], [p.second for p in pairs])
    cosine = np.einsum("nd,nd->n", vectors.firsts, vectors.seconds)
    described = encoder.sentences(descriptions())
    new = novelty(vectors.prompts, vectors.prompts if among is None else among)
    return [
        Features(
            vector_statistics(pair, float(match[n]), float(cosine[n])),
            likeness_tags(vectors.prompts[n], described),
            {"novelty": float(new[n])},
        )
        for n, pair in enumerate(pairs)
    ]


def novelty(prompts: Floats, among: Floats) -> Floats:
    """Return 1 minus the mean cosine with each prompt's nearest others, shape (n,).

    What reads the same, such as the prompt itself, is not among them.
    """
    found = np.ones(len(prompts))
    for start in range(0, len(prompts), 512):
        similar = prompts[start : start + 512] @ among.T
        similar[similar > 1 - 1e-6] = -np.inf
        nearest = -np.sort(-similar, axis=1)[:, :NEIGHBOURS]
        real = np.isfinite(nearest)
        total = np.where(real, nearest, 0).sum(axis=1)
        found[start : start + 512] = 1 - total / np.maximum(real.sum(axis=1), 1)
    return found


VERSIONS = {"words": 1, "vectors": 1, "judge": 1}
"""Raised whenever what an extractor says may differ."""


def family_of(tag: str) -> str:
    """Return the family of a tag such as `safety=low`."""
    return tag.partition("=")[0]


def with_judged(said: frozenset[str], judged: frozenset[str]) -> frozenset[str]:
    """Return indicators with a judge's tags in place of those of the same families."""
    families = {family_of(tag) for tag in judged}
    return frozenset(t for t in said if family_of(t) not in families) | judged
