"""Work of a pass that changes nothing, left undone."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor

from training.engine.layout import PLAIN_ATTENTION


@contextmanager
def looked_at(backbone: Any, positions: Tensor) -> Iterator[None]:
    """Run the last layer's feed-forward part at these positions alone.

    Behind the last layer no position sees another one, so what it makes of a position
    that nobody reads is lost. Such positions come out without it: they mean nothing.

    Args:
        backbone: a model without a head; one of whose layers nothing is known, or that
            runs them again in the backward pass, does as it always does.
        positions: each once, counted over all rows, shape (M,).
    """
    part = _last_feed_forward(backbone)
    if part is None:
        yield
        return
    shape = torch.Size()

    def gather(_module: Any, inputs: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        nonlocal shape
        states, *rest = inputs  # (R, L, H)
        shape = states.shape
        return (states.flatten(0, 1).index_select(0, positions)[None], *rest)

    def scatter(_module: Any, _inputs: Any, found: Tensor) -> Tensor:
        whole = found.new_zeros(shape[0] * shape[1], found.shape[-1])
        return whole.index_copy(0, positions, found[0]).view(*shape[:2], -1)

    hooks = [
        part.register_forward_pre_hook(gather),
        part.register_forward_hook(scatter),
    ]
    try:
        yield
    finally:
        for hook in hooks:
            hook.remove()


def _last_feed_forward(backbone: Any) -> torch.nn.Module | None:
    if backbone.config.model_type not in PLAIN_ATTENTION:
        return None
    layers = getattr(backbone, "layers", None)
    if not layers:
        return None
    again = backbone.training and getattr(layers[-1], "gradient_checkpointing", False)
    return None if again else getattr(layers[-1], "mlp", None)


@contextmanager
def embedding_by_rows(model: Any) -> Iterator[None]:
    """Give a tied embedding the gradient of the rows that were read, on a CPU.

    The head gives the same table a gradient of all rows, to which these are added. A
    table of zeros with a few rows in it, and one more for the sum, cost a small model
    with a large vocabulary a twentieth of its time.

    Args:
        model: a language model whose head is run while this lasts; with a table of its
            own, or a frozen one, nothing changes.
    """
    table, head = model.get_input_embeddings(), model.get_output_embeddings()
    if (
        not isinstance(table, torch.nn.Embedding)
        or table.weight is not getattr(head, "weight", None)
        or not table.weight.requires_grad
        or table.weight.device.type != "cpu"
        or table.sparse
    ):
        yield
        return
    table.sparse = True
    try:
        yield
    finally:
        table.sparse = False
