"""Scores of sequences from a classification head, over the same shared rows.

A causal reward model reads its score at the last token, so completions of one prompt
may share that prompt's pass as they do for log-probabilities.
"""

from __future__ import annotations

import types
from typing import Any

from torch import Tensor

from training.engine.layout import Layout
from training.engine.logprobs import unwrapped
from training.engine.spared import looked_at


def sequence_scores(model: Any, layout: Layout) -> Tensor:
    """Return what a causal model with a classification head says, shape (N, K).

    Args:
        model: with or without adapters; its head is called ``score``.
        layout: N branches; their last tokens are read.
    """
    plain = unwrapped(model)
    backbone = plain.base_model
    with looked_at(backbone, layout.lasts):
        hidden = backbone(**layout.inputs(plain)).last_hidden_state  # (R, L, H)
    scores: Tensor = plain.score(hidden.flatten(0, 1)[layout.lasts])
    return scores


def has_score_head(model: Any) -> bool:
    """Return True if ``sequence_scores`` can read a model."""
    return hasattr(unwrapped(model), "score")


def scores_forward(model: Any) -> None:
    """Teach a model's forward to take ``layout=`` and return the branches' scores.

    Wrappers for several processes act on the forward alone, so scoring has to go
    through it. What is saved of the model knows nothing of this.
    """
    plain = model.forward

    def forward(self: Any, *args: Any, layout: Layout | None = None, **kw: Any) -> Any:
        if layout is None:
            return plain(*args, **kw)
        return sequence_scores(self, layout)

    model.forward = types.MethodType(forward, model)
