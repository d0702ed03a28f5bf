"""Log-probabilities of tokens and sequences: the one place where they are computed.

A branch is a prompt, which is given, and a completion, which is scored. Moving the
boundary between the two says what counts: prompt tokens too, or a suffix alone.
Branches of one prompt share one forward pass of it where the model allows that, and
only positions that predict a scored token reach the language-model head, which for
small models with large vocabularies is most of the work.
"""

from __future__ import annotations

import types
from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Any, Literal

import torch
from torch import Tensor
from torch.utils.checkpoint import checkpoint
from transformers import PreTrainedModel

Norm = Literal["sum", "mean"]

_LOGITS_AT_ONCE = 1 << 26
"""More logits than this are computed in parts, and again in the backward pass."""

_OWN_HEAD = ("final_logit_softcapping", "logit_scale", "logits_scaling")
"""Configuration keys of models that change their logits after the head."""


@dataclass(frozen=True)
class Branch:
    """One sequence: ``prompt`` is given (one token at least), ``completion`` scored."""

    prompt: tuple[int, ...]
    completion: tuple[int, ...]

    def __len__(self) -> int:
        return len(self.prompt) + len(self.completion)


@dataclass(frozen=True)
class Layout:
    """Branches as one batch of rows.

    Attributes:
        ids, positions: shape (R, L).
        attention: (R, L), 1 on real tokens; or (R, 1, L, L) bool, True where a query
            (third axis) sees a key (fourth).
        rows, columns: where each scored token is predicted from, shape (M,).
        labels: the scored tokens, shape (M,).
        sequences, indices: which branch each belongs to and its place there, (M,).
        mask: True on the scored tokens of each branch, shape (N, T).
    """

    ids: Tensor
    positions: Tensor
    attention: Tensor
    rows: Tensor
    columns: Tensor
    labels: Tensor
    sequences: Tensor
    indices: Tensor
    mask: Tensor

    def to(self, device: torch.device | str) -> Layout:
        """Return the same layout on a device."""
        return Layout(
            **{f.name: getattr(self, f.name).to(device) for f in fields(self)}
        )


def can_share(model: PreTrainedModel) -> bool:
    """Return True if branches may share a prompt's pass: plain causal attention only.

    Sliding windows, recurrent layers and kernels without masks would see other tokens
    than a row of its own does.
    """
    config = model.config
    plain = set(getattr(config, "layer_types", None) or []) <= {"full_attention"}
    return (
        plain
        and not getattr(config, "sliding_window", None)
        and not getattr(config, "attention_chunk_size", None)
        and not getattr(config, "alibi", False)
        and getattr(config, "model_type", "") in _PLAIN_ATTENTION
        and getattr(config, "_attn_implementation", "") in ("sdpa", "eager")
    )


_PLAIN_ATTENTION = (
    *("llama", "mistral", "qwen2", "qwen3", "gemma", "phi", "phi3", "olmo", "olmo2"),
    *("granite", "smollm3", "stablelm", "gpt_neox", "starcoder2"),
)


def lay_out(
    branches: Sequence[Branch],
    *,
    pad_token_id: int,
    groups: Sequence[int] | None = None,
) -> Layout:
    """Return branches as rows, right-padded.

    Args:
        groups: branches of one number and one prompt share that prompt's pass, if it
            saves positions; None gives every branch a row of its own.

    Raises:
        ValueError: if a branch has an empty prompt, from which nothing is predicted.
    """
    for number, branch in enumerate(branches):
        if not branch.prompt:
            raise ValueError(f"expected a prompt for branch {number}, found none")
    alone = [[i] for i in range(len(branches))]
    if groups is None:
        return _rows(branches, alone, pad_token_id)
    together: dict[tuple[int, tuple[int, ...]], list[int]] = {}
    for i, branch in enumerate(branches):
        together.setdefault((groups[i], branch.prompt), []).append(i)
    shared = list(together.values())
    if _positions(branches, shared) < _positions(branches, alone):
        return _rows(branches, shared, pad_token_id)
    return _rows(branches, alone, pad_token_id)


def _row_length(branches: Sequence[Branch], members: Sequence[int]) -> int:
    prompt = len(branches[members[0]].prompt)
    return prompt - 1 + sum(1 + len(branches[i].completion) for i in members)


def _positions(branches: Sequence[Branch], rows: Sequence[Sequence[int]]) -> int:
    return len(rows) * max(_row_length(branches, members) for members in rows)


def _rows(
    branches: Sequence[Branch], rows: Sequence[Sequence[int]], pad_token_id: int
) -> Layout:
    width = max(_row_length(branches, members) for members in rows)
    ids = torch.full((len(rows), width), pad_token_id, dtype=torch.long)
    positions = torch.zeros((len(rows), width), dtype=torch.long)
    # Which branch a position belongs to: 0 the prompt, -1 padding.
    owner = torch.full((len(rows), width), -1, dtype=torch.long)
    places: list[tuple[int, int, int, int, int]] = []
    for row, members in enumerate(rows):
        prompt = branches[members[0]].prompt
        start = len(prompt) - 1
        ids[row, :start] = torch.tensor(prompt[:-1], dtype=torch.long)
        positions[row, :start] = torch.arange(start)
        owner[row, :start] = 0
        at = start
        for number, i in enumerate(members, 1):
            # Each branch says the prompt's last token again, at that token's own
            # position, so that its first scored token has a predictor of its own.
            own = [prompt[-1], *branches[i].completion]
            end = at + len(own)
            ids[row, at:end] = torch.tensor(own, dtype=torch.long)
            positions[row, at:end] = torch.arange(start, start + len(own))
            owner[row, at:end] = number
            for index, label in enumerate(branches[i].completion):
                places.append((row, at + index, label, i, index))
            at = end
    table = torch.tensor(places, dtype=torch.long).reshape(-1, 5)
    longest = max(len(branch.completion) for branch in branches)
    lengths = torch.tensor([len(branch.completion) for branch in branches])
    shared = any(len(members) > 1 for members in rows)
    return Layout(
        ids=ids,
        positions=positions,
        attention=_visible(owner) if shared else (owner >= 0).long(),
        rows=table[:, 0],
        columns=table[:, 1],
        labels=table[:, 2],
        sequences=table[:, 3],
        indices=table[:, 4],
        mask=torch.arange(longest)[None, :] < lengths[:, None],
    )


def _visible(owner: Tensor) -> Tensor:
    """Return which key each query sees, (R, 1, L, L): its prompt and its own branch.

    Padding sees itself, because a row of attention weights must not be empty.
    """
    width = owner.shape[1]
    past = torch.ones(width, width, dtype=torch.bool).tril()
    key, query = owner[:, None, :], owner[:, :, None]
    seen = past & (key >= 0) & (query >= 0) & ((key == 0) | (key == query))
    return (seen | torch.eye(width, dtype=torch.bool))[:, None]


def token_logprobs(model: Any, layout: Layout) -> Tensor:
    """Return the log-probability of every scored token, in nats, shape (N, T).

    Padding is 0. Gradients flow unless they are turned off around the call.

    Args:
        model: a causal language model, with or without adapters.
    """
    plain = _plain(model)
    attention = layout.attention
    if attention.dim() == 4 and plain.config._attn_implementation == "eager":
        least = torch.finfo(plain.dtype).min
        hidden_keys = ~attention
        attention = torch.zeros_like(attention, dtype=plain.dtype)
        attention = attention.masked_fill(hidden_keys, least)
    inputs = {
        "input_ids": layout.ids,
        "attention_mask": attention,
        "position_ids": layout.positions,
        "use_cache": False,
    }
    if any(getattr(plain.config, key, None) for key in _OWN_HEAD):
        logits = plain(**inputs).logits[layout.rows, layout.columns]  # (M, V)
        values = _chosen(logits, layout.labels)
    else:
        hidden = plain.base_model(**inputs).last_hidden_state  # (R, L, H)
        picked = hidden[layout.rows, layout.columns]  # (M, H)
        values = _through_head(plain.get_output_embeddings(), picked, layout.labels)
    table = values.new_zeros(layout.mask.shape)  # (N, T)
    return table.index_put((layout.sequences, layout.indices), values)


def _plain(model: Any) -> Any:
    """Return the model below adapters; they stay in its layers."""
    return model.get_base_model() if hasattr(model, "get_base_model") else model


def _chosen(logits: Tensor, labels: Tensor) -> Tensor:
    """Return log p(label) of each row of logits, shape (M,), in float32 at least."""
    if logits.dtype in (torch.bfloat16, torch.float16):
        logits = logits.float()
    return logits.gather(-1, labels[:, None])[:, 0] - logits.logsumexp(-1)


def _through_head(head: Any, hidden: Tensor, labels: Tensor) -> Tensor:
    def part(rows: Tensor, wanted: Tensor) -> Tensor:
        return _chosen(head(rows), wanted)

    size = max(1, _LOGITS_AT_ONCE // int(head.weight.shape[0]))
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
