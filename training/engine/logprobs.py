"""Log-probabilities of tokens and sequences: the one place where they are computed.

A branch is a prompt, which is given, and a completion, which is scored. Moving the
boundary between the two says what counts: prompt tokens too, or a suffix alone.
Only positions that predict a scored token reach the language-model head, which for
small models with large vocabularies is most of the work.
"""

from __future__ import annotations

import types
from collections.abc import Callable
from typing import Any, Literal

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy
from torch.utils.checkpoint import checkpoint

from training.engine.layout import Layout
from training.engine.spared import embedding_by_rows, looked_at

Norm = Literal["sum", "mean"]
Head = Callable[[Tensor], Tensor]

LOGITS_AT_ONCE = 1 << 26
"""More logits than this are computed in parts, and again in the backward pass."""

READ_AT_ONCE = 1 << 10
"""Scored tokens whose logits are looked at together where no gradient is kept."""

_TIMES = ("logit_scale", "lm_head_multiplier", "output_multiplier")
OWN_HEAD = ("final_logit_softcapping", "logits_scaling", *_TIMES)
"""Configuration keys of models that change their logits after the head."""

_SCALED_UP = ("hyperclovax",)
"""Model types that multiply by ``logits_scaling``; the others divide by it."""


def token_logprobs(model: Any, layout: Layout) -> Tensor:
    """Return the log-probability of every scored token, in nats, shape (N, T).

    Padding is 0. Gradients flow unless they are turned off around the call.

    Args:
        model: a causal language model, with or without adapters.
    """
    plain = unwrapped(model)
    inputs = layout.inputs(plain)
    config = plain.config.get_text_config()
    scored = layout.rows * layout.ids.shape[1] + layout.columns
    with looked_at(plain.base_model, scored), embedding_by_rows(plain):
        if any(getattr(config, key, None) for key in OWN_HEAD):
            logits = plain(**inputs).logits[layout.rows, layout.columns]  # (M, V)
            values = _chosen(logits, layout.labels)
        else:
            hidden = plain.base_model(**inputs).last_hidden_state  # (R, L, H)
            picked = hidden[layout.rows, layout.columns]  # (M, H)
            head = plain.get_output_embeddings()
            values = _through_head(head, picked, layout.labels)
    table = values.new_zeros(layout.mask.shape)  # (N, T)
    return table.index_put((layout.sequences, layout.indices), values)


def vocabulary_logits(model: Any, hidden: Tensor) -> Tensor:
    """Return a model's logits for hidden states, (N, V), in float32 at least.

    Some families scale or cap what their head says; their configuration tells.

    Args:
        model: a causal language model without an adapter's wrapper.
        hidden: last hidden states, shape (N, H).
    """
    logits: Tensor = model.get_output_embeddings()(hidden)
    if logits.dtype in (torch.bfloat16, torch.float16):
        logits = logits.float()
    config = model.config.get_text_config()
    for key in _TIMES:
        if scale := getattr(config, key, None):
            logits = logits * scale
    if scale := getattr(config, "logits_scaling", None):
        up = getattr(config, "model_type", "") in _SCALED_UP
        logits = logits * scale if up else logits / scale
    if cap := getattr(config, "final_logit_softcapping", None):
        logits = cap * torch.tanh(logits / cap)
    return logits


def unwrapped(model: Any) -> Any:
    """Return the model below adapters; they stay in its layers."""
    return model.get_base_model() if hasattr(model, "get_base_model") else model


def _chosen(logits: Tensor, labels: Tensor) -> Tensor:
    """Return log p(label) of each row of logits, shape (M,), in float32 at least."""
    if logits.dtype in (torch.bfloat16, torch.float16):
        logits = logits.float()
    # Its gradient is one pass over the logits; gathering and logsumexp make several.
    return -cross_entropy(logits, labels, reduction="none")


def _through_head(head: Any, hidden: Tensor, labels: Tensor) -> Tensor:
    def part(rows: Tensor, wanted: Tensor) -> Tensor:
        return _chosen(head(rows), wanted)

    size = max(1, LOGITS_AT_ONCE // int(head.weight.shape[0]))
    if hidden.shape[0] <= size:
        return part(hidden, labels)
    return torch.cat(
        [
            checkpoint(part, rows, wanted, use_reentrant=False)
            if torch.is_grad_enabled()
            else part(rows, wanted)
            for rows, wanted in zip(hidden.split(size), labels.split(size), strict=True)
        ]
    )


def readout(
    model: Any, layout: Layout, *, layers: bool = False
) -> tuple[Tensor, Head, Tensor | None]:
    """Return what M scored tokens are predicted from, and what makes logits of it.

    Args:
        layers: whether the outputs of all layers are wanted too, (L, M, H).
    """
    plain = unwrapped(model)
    at = layout.rows, layout.columns
    config = plain.config.get_text_config()
    own = any(getattr(config, key, None) for key in OWN_HEAD)
    found = (plain if own else plain.base_model)(
        **layout.inputs(plain), output_hidden_states=layers
    )
    states = None
    if layers:  # the first are the embeddings
        states = torch.stack([state[at].float() for state in found.hidden_states[1:]])
    if own:
        return found.logits[at], lambda rows: rows, states
    return found.last_hidden_state[at], plain.get_output_embeddings(), states


def table(values: Tensor, layout: Layout) -> Tensor:
    """Return what M scored tokens have as (N, T), 0 elsewhere."""
    found = values.new_zeros(layout.mask.shape)
    return found.index_put((layout.sequences, layout.indices), values)


def sequence_logprobs(
    tokens: Tensor,
    mask: Tensor,
    *,
    norm: Norm = "sum",
    weights: Tensor | None = None,
) -> Tensor:
    """Return each sequence's log-probability from its tokens', shape (N,).

    Args:
        tokens: log-probabilities or differences of them, shape (N, T).
        mask: True on tokens that count, shape (N, T).
        norm: ``mean`` divides by the number of tokens that count; an empty sequence
            has mean 0.
        weights: a factor for each token, shape (N, T).

    Raises:
        ValueError: if the shapes differ.
    """
    if tokens.shape != mask.shape or (
        weights is not None and weights.shape != tokens.shape
    ):
        raise ValueError(
            f"expected equal shapes, found {tuple(tokens.shape)}, {tuple(mask.shape)}"
            + ("" if weights is None else f" and {tuple(weights.shape)}")
        )
    counted = torch.where(mask, tokens, torch.zeros_like(tokens))
    if weights is not None:
        counted = counted * weights
    total = counted.sum(-1)
    return total / mask.sum(-1).clamp(min=1) if norm == "mean" else total


def scoring_forward(model: Any) -> None:
    """Teach a model's forward to take ``layout=`` and return token log-probabilities.

    Wrappers for several processes act on the forward alone, so scoring has to go
    through it. What is saved of the model knows nothing of this.
    """
    plain = model.forward

    def forward(self: Any, *args: Any, layout: Layout | None = None, **kw: Any) -> Any:
        if layout is None:
            return plain(*args, **kw)
        return token_logprobs(self, layout)

    model.forward = types.MethodType(forward, model)
