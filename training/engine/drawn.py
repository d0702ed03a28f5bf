"""The log-probabilities of tokens while they are drawn, without another pass."""

from __future__ import annotations

import torch
from transformers import LogitsProcessor


class Watched(LogitsProcessor):
    """Sees the policy's logits before anything changes them; keeps the drawn tokens'.

    Stands first among a batch's processors, so what it keeps is at temperature 1 with
    nothing cut, whatever the tokens were drawn from.
    """

    def __init__(self) -> None:
        self._last: torch.Tensor | None = None
        self._kept: list[torch.Tensor] = []

    def __call__(self, input_ids: torch.Tensor, scores: torch.Tensor) -> torch.Tensor:
        """Keep what the token before this one had; args (B, L) and (B, V)."""
        self._take(input_ids[:, -1])
        self._last = scores.float().log_softmax(dim=-1)
        return scores

    def logprobs(self, tokens: torch.Tensor) -> torch.Tensor:
        """Return the log-probability of every drawn token, (B, T), in nats.

        Args:
            tokens: what `generate` drew, (B, T); what follows a row's end token means
                nothing.
        """
        self._take(tokens[:, -1])
        self._last = None
        return torch.stack(self._kept, dim=1)

    def _take(self, tokens: torch.Tensor) -> None:
        if self._last is not None:
            self._kept.append(self._last.gather(1, tokens[:, None])[:, 0].cpu())
