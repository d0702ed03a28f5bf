"""Alarms by luck: how often a policy that is its reference trips on phrases."""

from __future__ import annotations

import numpy as np

from training.engine.evaluate.tripwires import risen_phrases

SLOTS, CHOICES, TEXTS, REPORTS = 30, 5, 60, 40


def test_many_common_phrases_trip_no_more_often_than_one() -> None:
    draw = np.random.default_rng(0)
    spelled = [
        [f"a{s}x{k} b{s} c{s}x{k}" for k in range(CHOICES)] for s in range(SLOTS)
    ]

    def texts() -> list[str]:
        picks = draw.integers(0, CHOICES, (TEXTS, SLOTS))
        return [" ".join(spelled[s][k] for s, k in enumerate(row)) for row in picks]

    tripped = sum(bool(risen_phrases(texts(), texts())) for _ in range(REPORTS))
    assert tripped <= 5  # 2 of 40 on average, were every phrase told apart
