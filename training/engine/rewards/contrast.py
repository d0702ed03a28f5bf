"""A pair's difference like itself, and unlike the others of its batch."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor


def contrastive_loss(one: Tensor, other: Tensor, temperature: float) -> Tensor:
    """Return -log softmax_j(cos(one_i, other_j) / t) at j = i, (B,), in nats.

    Args:
        one, other: the same B examples as two passes with other dropout see them,
            shape (B, H).
        temperature: t; small counts near look-alikes most.

    Source: Gao et al. 2021 (SimCSE), eq. 4, on differences of a pair's states: Wang et
    al. 2024, Secrets of RLHF in Large Language Models Part II.
    """
    alike = F.normalize(one, dim=-1) @ F.normalize(other, dim=-1).T / temperature
    return -torch.log_softmax(alike, -1).diagonal()
