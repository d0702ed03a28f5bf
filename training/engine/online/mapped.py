"""Rewards of single tokens: where a model that writes answers again would agree."""

from __future__ import annotations

from collections.abc import Sequence

from training.engine.models import Loaded
from training.engine.online.mapping import READINGS, Judged, Mapping
from training.engine.online.rollout import Rollout

MAPPING = "mapping"
"""The name of such a model among a run's models."""


class MappedReward:
    """A mapping's word on every token; a completion's score is their sum.

    Source: Zhou et al. 2024 (seq2seq reward modelling); unverified: see `rewards`.

    Args:
        reading: a name of `READINGS`.
    """

    def __init__(
        self, mapping: Mapping, reading: str, *, batch_size: int, name: str = MAPPING
    ) -> None:
        self.name = name
        self._mapping = mapping
        self._read = READINGS[reading]
        self._batch_size = batch_size
        self._known: dict[int, list[tuple[int, float]]] = {}
        self._rollouts: list[Rollout] = []

    @property
    def loaded(self) -> Loaded:
        """The model; it never learns."""
        return self._mapping.loaded

    def score(self, rollouts: Sequence[Rollout]) -> list[float]:
        """Return each completion's sum over tokens."""
        return [sum(reward for _, reward in parts) for parts in self.parts(rollouts)]

    def parts(self, rollouts: Sequence[Rollout]) -> list[list[tuple[int, float]]]:
        """Return each judged token's end, in characters, and its reward.

        An update asks twice, for scores and for places; the model runs once.
        """
        if not all(id(rollout) in self._known for rollout in rollouts):
            found = self._read(
                self._mapping,
                [rollout.prompt.judged for rollout in rollouts],
                [rollout.text for rollout in rollouts],
                ended=[rollout.ended for rollout in rollouts],
                batch_size=self._batch_size,
            )
            # Kept, so that no other object can come by one of their numbers.
            self._rollouts = list(rollouts)
            self._known = {
                id(rollout): rewards(tokens)
                for rollout, tokens in zip(rollouts, found, strict=True)
            }
        return [self._known[id(rollout)] for rollout in rollouts]


def rewards(tokens: Sequence[Judged]) -> list[tuple[int, float]]:
    """Return the end and the reward of every token: 1/n if it agrees, else -1/n.

    Of n tokens, so that a score lies in [-1, 1] and the longer of two good completions
    earns no more. The size is ours; the paper's caption speaks of signs alone.
    """
    size = 1 / max(len(tokens), 1)
    return [(token.end, size if token.agrees else -size) for token in tokens]
