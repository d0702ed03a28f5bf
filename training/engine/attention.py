"""Attention of many sequences in one row, each run by itself: no padding, no masks.

A mask hides from a query what it must not see, but the work is done all the same. Here
a prompt and its first completion are one causal pass, and every further completion, or
prompt that begins alike, looks at the keys before it and its own. On a CPU that is most
of what attention costs where prompts are long or rows are packed; on a GPU few large
kernels with a mask are the better trade.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import pad, scaled_dot_product_attention
from transformers import AttentionInterface
from transformers.integrations.sdpa_attention import repeat_kv, sdpa_attention_forward


def are_runs(attention: Tensor | None) -> bool:
    """Return True if what a model was given as its mask are runs, as below."""
    return (
        attention is not None
        and attention.dim() == 4
        and attention.shape[-1] == 4
        and attention.dtype == torch.int32
    )


def install() -> None:
    """Teach the library's ``sdpa`` to read runs; without them it does what it did."""
    AttentionInterface.register("sdpa", attention_forward)


def attention_forward(
    module: torch.nn.Module,
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attention_mask: Tensor | None,
    dropout: float = 0.0,
    scaling: float | None = None,
    **kwargs: Any,
) -> tuple[Tensor, None]:
    """Return what the library's function returns, by runs where it is given runs.

    Args:
        query: shape (1, H, L, D). key, value: (1, K, L, D) with H a multiple of K.
        attention_mask: the runs, (1, 1, N, 4) int32; or a mask, or None. An integer
            mask is refused by the library's own attention, so a model that does not
            come here fails instead of seeing too much.
    """
    if attention_mask is None or not are_runs(attention_mask):
        return sdpa_attention_forward(
            module, query, key, value, attention_mask, dropout, scaling, **kwargs
        )
    repeats = query.shape[1] // key.shape[1]
    key, value = repeat_kv(key, repeats), repeat_kv(value, repeats)
    runs = attention_mask[0, 0].tolist()
    found = run_attention(query, key, value, runs, dropout=dropout, scaling=scaling)
    return found, None


def run_attention(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    runs: list[list[int]],
    *,
    dropout: float = 0.0,
    scaling: float | None = None,
) -> Tensor:
    """Return the attention of a row of runs, shape (1, L, H, D).

    Args:
        query, key, value: shape (1, H, L, D).
        runs: of each run, which together cover the row: the number of the run it goes
            on from or -1, how many of the tokens that one sees come before it, and
            where it begins and ends.
    """
    # One split for all: its gradient is one concatenation, where each slice's would be
    # a row of zeros.
    sizes = [end - begin for _, _, begin, end in runs]
    keys: list[Tensor] = []
    values: list[Tensor] = []
    found = []
    pieces = [whole.split(sizes, dim=2) for whole in (query, key, value)]
    for (parent, past, _, _), own, k, v in zip(runs, *pieces, strict=True):
        q, mask, length = own, None, own.shape[2]
        if past:
            k = torch.cat([keys[parent][:, :, :past], k], dim=2)
            v = torch.cat([values[parent][:, :, :past], v], dim=2)
            if past < length:
                # Causal passes skip half of their square, which is worth queries whose
                # outcome nobody reads.
                q = pad(own, (0, 0, past, 0))
            else:
                every = torch.ones(length, past + length, dtype=torch.bool)
                mask = every.to(q.device).tril(past)
        keys.append(k)
        values.append(v)
        part = scaled_dot_product_attention(
            q, k, v, mask, dropout, is_causal=mask is None, scale=scaling
        )
        found.append(part[:, :, -length:].transpose(1, 2))
    return torch.cat(found, dim=1)


def visible(runs: Tensor, width: int) -> Tensor:
    """Return which key each query of runs sees, as a mask of (1, 1, L, L).

    For attention that reads no runs, such as the plain one that ``eager`` names.
    """
    seen = torch.zeros(width, width, dtype=torch.bool, device=runs.device)
    before: list[Tensor] = []
    for parent, past, begin, end in runs[0, 0].tolist():
        own = torch.arange(begin, end, device=runs.device)
        shared = before[parent][:past] if past else own[:0]
        before.append(torch.cat([shared, own]))
        seen[begin:end, shared] = True
        seen[begin:end, begin:end] = torch.ones_like(seen[begin:end, begin:end]).tril()
    return seen[None, None]
