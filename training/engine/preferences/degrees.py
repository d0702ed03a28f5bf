"""Copies of a completion that lack more and more, and what tells them apart.

The words that few other completions have are its key content; a copy of degree k lacks
the first k/K of them. A linear head on the policy's own states of a copy says which
degree it is, so that the policy learns to feel how much is missing.
"""

from __future__ import annotations

import re
import types
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy
from torch.utils.checkpoint import checkpoint

from training.engine.data import Messages
from training.engine.layout import Layout
from training.engine.logprobs import LOGITS_AT_ONCE, readout, table
from training.engine.registry import ParamValue
from training.engine.registry.algebra import Objective

NAME = "degree_head"
"""What the head is called as a part of the model that learns."""

_WORD = re.compile(r"\S+\s*")


def tells_degrees(settings: Objective, params: Mapping[str, ParamValue]) -> bool:
    """True if a method learns from copies; with weight 0 none are made."""
    return "degrees" in settings.anchors and bool(params["gamma"])


def _key(word: str) -> str:
    return word.strip().lower().strip(".,;:!?()[]\"'")


class Degrader:
    """Takes key content away, by how rare words are among all texts."""

    def __init__(self, texts: Sequence[str], degrees: int) -> None:
        """Count words.

        Args:
            degrees: K, how many there are; degree 0 lacks nothing.
        """
        self._degrees = degrees
        self._seen: Counter[str] = Counter()
        for text in texts:
            self._seen.update({_key(word) for word in _WORD.findall(text)})

    def copies(self, completion: Messages) -> dict[str, Messages]:
        """Return copies of a completion by name, ``degree_1`` and on.

        Its last message loses words. Of a text with fewer words than degrees, those
        degrees are left out that would lack no more than the one before.
        """
        last = completion[-1]
        words = _WORD.findall(last["content"])
        order = sorted(
            range(len(words)),
            key=lambda i: (self._seen[_key(words[i])], -len(words[i]), i),
        )
        found, gone = {}, 0
        for degree in range(1, self._degrees):
            count = len(words) * degree // self._degrees
            if gone < count < len(words):
                gone = count
                lost = set(order[:count])
                kept = "".join(w for i, w in enumerate(words) if i not in lost)
                message = last | {"content": kept.strip()}
                found[f"degree_{degree}"] = [*completion[:-1], message]
        return found


class DegreeHead(nn.Module):
    """Says of mean states which degree their text is of."""

    def __init__(self, width: int, degrees: int) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(width)
        self.linear = nn.Linear(width, degrees)
        nn.init.normal_(self.linear.weight, std=1 / (width + 1))
        nn.init.zeros_(self.linear.bias)

    def forward(self, states: Tensor) -> Tensor:
        """Return logits, (N, K), of the mean states of N sequences, (N, H)."""
        found: Tensor = self.linear(self.norm(states))
        return found


def degree_forward(model: Any, head: DegreeHead) -> None:
    """Teach a model's forward to take ``layout=`` and return tables by name.

    ``policy`` has log-probabilities, (N, T), and ``degrees`` logits, (N, K). Wrappers
    for several processes act on the forward alone, so the head runs inside it, and is
    a part of the model while it learns.
    """
    plain = model.forward
    setattr(model, NAME, head)

    def forward(self: Any, *args: Any, layout: Layout | None = None, **kw: Any) -> Any:
        if layout is None:
            return plain(*args, **kw)
        hidden, logits_of, layers = readout(self, layout, layers=True)
        assert layers is not None

        def part(rows: Tensor, labels: Tensor) -> Tensor:
            return -cross_entropy(logits_of(rows).float(), labels, reduction="none")

        vocabulary = int(self.get_output_embeddings().weight.shape[0])
        size = max(1, LOGITS_AT_ONCE // vocabulary)
        values = [
            checkpoint(part, rows, labels, use_reentrant=False)
            for rows, labels in zip(
                hidden.split(size), layout.labels.split(size), strict=True
            )
        ]
        return {
            "policy": table(torch.cat(values), layout),
            "degrees": getattr(self, NAME)(means(layers[-1], layout)),
        }

    model.forward = types.MethodType(forward, model)


def means(states: Tensor, layout: Layout) -> Tensor:
    """Return each sequence's mean state over its scored tokens, (N, H).

    Args:
        states: of M scored tokens, (M, H).
    """
    total = states.new_zeros((len(layout.mask), states.shape[1]))
    total = total.index_add(0, layout.sequences, states)
    return total / layout.mask.sum(-1, keepdim=True).clamp(min=1)
