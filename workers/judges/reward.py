"""A reward model as a judge: the difference of two scores is the log-odds."""

import time
from collections.abc import Iterator, Sequence
from typing import Any

from training.models import ModelVersion
from training.services.selection import log_odds_to_probability
from workers.judges.base import Cost, Pair, Verdict
from workers.judges.loading import load

BATCH = 16


class RewardJudge:
    """Scores each completion by itself, so the order can make no difference."""

    def __init__(self, version: ModelVersion) -> None:
        self.identity = str(version.pk)
        self.description = {
            "name": version.name,
            "version": version.sha256 or version.source,
            "kind": "reward model",
        }
        self._version = version
        self._loaded: Any = None

    def ask(self, pairs: Sequence[Pair]) -> Iterator[Verdict]:
        """Yield a verdict for each pair; a text that comes twice is scored once."""
        from training.engine.tasks.score import score_completions, trained_length

        began = time.monotonic()
        loaded = self._model()
        rows = [
            (list(pair.prompt), list(side))
            for pair in pairs
            for side in (pair.first, pair.second)
        ]
        unique = {str(row): row for row in rows}
        scores, _ = score_completions(
            loaded,
            [prompt for prompt, _ in unique.values()],
            [completion for _, completion in unique.values()],
            max_length=trained_length(loaded),
            batch_size=BATCH,
        )
        known = dict(zip(unique, scores, strict=True))
        spent = int(1000 * (time.monotonic() - began) / max(len(pairs), 1))
        for place in range(len(pairs)):
            first, second = rows[2 * place], rows[2 * place + 1]
            gap = known[str(first)] - known[str(second)]
            yield Verdict(log_odds_to_probability(gap), "", Cost(0, spent))

    def _model(self) -> Any:
        if self._loaded is None:
            self._loaded = load(self._version, "load_reward")
        return self._loaded
