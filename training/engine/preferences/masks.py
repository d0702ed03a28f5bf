"""Masks of tokens: what of each token's reward, and of its tie, counts in a score.

A mask is read off the reference's states at every layer where the token is predicted:
by heads that learn (SparsePO), or by how active the layers are there (MaPO). The
reference therefore runs at every step, and says its whole distributions besides.
"""

from __future__ import annotations

import types
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from training.engine.layout import Layout
from training.engine.logprobs import LOGITS_AT_ONCE, Head, readout, table

NAME = "token_masks"
"""What the masks are called as a part of the model that learns."""


class MaskHead(nn.Module):
    """One mask: ReLU heads of every layer's states, mixed, and ReLU again.

    It starts where every token counts about 1, which is where DPO stands.

    Source: Christopoulou et al. 2024 (SparsePO) and its code, without dropout.
    """

    def __init__(self, width: int, layers: int) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(width)
        self.layers = nn.ModuleList(nn.Linear(width, 1) for _ in range(layers))
        self.mixer = nn.Linear(layers, 1, bias=False)
        nn.init.constant_(self.mixer.weight, 1 / layers)
        for layer in self.layers:
            nn.init.normal_(torch.as_tensor(layer.weight), std=1 / (width + 1))
            nn.init.ones_(torch.as_tensor(layer.bias))

    def forward(self, states: Tensor) -> Tensor:
        """Return the mask of M tokens, (M,), from states of L layers, (L, M, H)."""
        found = [
            torch.relu(layer(self.norm(state)))
            for layer, state in zip(self.layers, states, strict=True)
        ]
        mixed: Tensor = torch.relu(self.mixer(torch.cat(found, dim=-1)))
        return mixed[:, 0]


class TokenMasks(nn.Module):
    """The masks of the reward and of the divergence: one head for both, or two."""

    def __init__(self, width: int, layers: int, *, shared: bool) -> None:
        super().__init__()
        self.ratio = MaskHead(width, layers)
        self.divergence = self.ratio if shared else MaskHead(width, layers)

    def forward(self, states: Tensor) -> tuple[Tensor, Tensor]:
        """Return both masks of M tokens, (M,) each."""
        return self.ratio(states), self.divergence(states)


def rescaled(values: Tensor, mask: Tensor) -> Tensor:
    """Return each sequence's values moved to [0, 1], (N, T); all 1 if they are equal.

    Standardising them first would change nothing.

    Args:
        values, mask: shape (N, T); True on tokens that count.
    """
    low = values.masked_fill(~mask, torch.inf).amin(1, keepdim=True)
    high = values.masked_fill(~mask, -torch.inf).amax(1, keepdim=True)
    width = torch.where(high > low, high - low, torch.ones_like(high))
    moved = torch.where(high > low, (values - low) / width, torch.ones_like(values))
    return torch.where(mask, moved, torch.zeros_like(moved))


def activation_mask(states: Tensor, layout: Layout) -> Tensor:
    """Return the mean over layers of how active each token is in its sequence, (N, T).

    Args:
        states: of L layers at M scored tokens, shape (L, M, H).

    Source: Christopoulou et al. 2024 (MaPO) and its code, of the layers' outputs.
    """
    means = [table(state.mean(-1), layout) for state in states]
    return torch.stack([rescaled(found, layout.mask) for found in means]).mean(0)


def compared(
    policy: tuple[Tensor, Head], reference: tuple[Tensor, Head], labels: Tensor
) -> tuple[Tensor, Tensor, Tensor]:
    """Return log pi, log ref and sum_v ref(v) (log pi(v) - log ref(v)), (M,) each.

    Args:
        policy, reference: what M tokens are predicted from, and what makes logits.
    """

    def part(one: Tensor, other: Tensor, wanted: Tensor) -> tuple[Tensor, ...]:
        ours = torch.log_softmax(policy[1](one).float(), -1)
        with torch.no_grad():
            theirs = torch.log_softmax(reference[1](other).float(), -1)
        apart = (theirs.exp() * (ours - theirs)).sum(-1)
        places = wanted[:, None]
        return ours.gather(1, places)[:, 0], theirs.gather(1, places)[:, 0], apart

    with torch.no_grad():
        vocabulary = policy[1](policy[0][:1]).shape[-1]
    size = max(1, LOGITS_AT_ONCE // (4 * vocabulary))
    parts = [
        checkpoint(part, *rows, use_reentrant=False)
        for rows in zip(
            *(found.split(size) for found in (policy[0], reference[0], labels)),
            strict=True,
        )
    ]
    ours, theirs, apart = (torch.cat(found) for found in zip(*parts, strict=True))
    return ours, theirs, apart


def masked_forward(model: Any, reference: Any, masks: TokenMasks | None) -> None:
    """Teach a model's forward to take ``layout=`` and return tables by name, (N, T).

    Wrappers for several processes act on the forward alone, so masks that learn are
    run inside it, and are a part of the model while it learns.

    Args:
        reference: frozen; of the policy's vocabulary.
        masks: what learns; None takes the layers' activations.
    """
    plain = model.forward
    if masks is not None:
        model.token_masks = masks

    def forward(self: Any, *args: Any, layout: Layout | None = None, **kw: Any) -> Any:
        if layout is None:
            return plain(*args, **kw)
        with torch.no_grad():
            frozen, frozen_head, states = readout(reference, layout, layers=True)
        assert states is not None
        hidden, head, _ = readout(self, layout)
        ours, theirs, apart = compared(
            (hidden, head), (frozen, frozen_head), layout.labels
        )
        if masks is None:
            both = activation_mask(states, layout)
            ratio, divergence = both, both
        else:
            ratio, divergence = (table(found, layout) for found in masks(states))
        return {
            "policy": table(ours, layout),
            "reference": table(theirs, layout),
            "divergence": table(apart, layout),
            "ratio_mask": ratio,
            "divergence_mask": divergence,
        }

    model.forward = types.MethodType(forward, model)
