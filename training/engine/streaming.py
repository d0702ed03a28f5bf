"""Sampling completions, each one's text told while it grows.

Several are written side by side in threads that take turns: one computes at a time,
and after each token the next goes on. So every text grows, and since each takes its
own random state along, each is what it would have been alone.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import torch

from training.engine.data import Messages
from training.engine.models import Loaded
from training.engine.sampling import Sampling, clean, options, prompt_ids, stop_ids
from training.engine.turns import Turns

TELL_EVERY_SECONDS = 0.2


@dataclass(frozen=True)
class Written:
    """A completion.

    Attributes:
        finish_reason: stop if the model ended it, length if the limit did.
        tokens: how many it has, the end token included.
    """

    text: str
    finish_reason: Literal["stop", "length"]
    tokens: int


class Unwanted(Exception):
    """Nobody waits for the text any more."""


class _Seat:
    """One writer's place among the turns, with its own random state."""

    def __init__(self, turns: Turns, device: torch.device, seed: int) -> None:
        self._turns, self._on_gpu = turns, device.type == "cuda"
        self._device, self._seed = device, seed
        self._state: list[torch.Tensor] = []
        self.has_turn = False

    def take(self) -> None:
        self._turns.take()
        self.has_turn = True
        if not self._state:
            torch.manual_seed(self._seed)
            return
        torch.set_rng_state(self._state[0])
        if self._on_gpu:
            torch.cuda.set_rng_state(self._state[1], self._device)

    def give(self) -> None:
        if not self.has_turn:
            return
        self._state = [torch.get_rng_state()]
        if self._on_gpu:
            self._state.append(torch.cuda.get_rng_state(self._device))
        self.has_turn = False
        self._turns.give()


class _Teller:
    """A streamer of transformers': tells the text so far, and lets others go on."""

    def __init__(
        self, tokenizer: Any, tell: Callable[[str], bool], seat: _Seat
    ) -> None:
        self._tokenizer = tokenizer
        self._tell = tell
        self._seat = seat
        self._told_at = float("-inf")
        self._is_prompt = True
        self.ids: list[int] = []

    def put(self, value: torch.Tensor) -> None:
        if self._is_prompt:
            self._is_prompt = False
            return
        self.ids += value.flatten().tolist()
        self._seat.give()
        now = time.monotonic()
        if now - self._told_at >= TELL_EVERY_SECONDS:
            self._told_at = now
            if not self._tell(self.text):
                raise Unwanted
        self._seat.take()

    def end(self) -> None:
        """The whole text is returned, not told."""

    @property
    def text(self) -> str:
        """The text so far, without half a character at its end."""
        decoded = str(self._tokenizer.decode(self.ids, skip_special_tokens=True))
        return clean(decoded).rstrip("\ufffd")


@torch.no_grad()
def write(
    loaded: Loaded,
    messages: Messages,
    settings: Sampling,
    tell: Callable[[str], bool],
    turns: Turns | None = None,
) -> Written:
    """Sample one completion of a chat.

    Args:
        settings: as for `sampling.sample`; the batch is one.
        tell: given the text so far now and then, while others compute; False ends the
            sampling.
        turns: shared with those that write at the same time in other threads.

    Raises:
        Unwanted: when `tell` has returned False.
    """
    model: Any = loaded.model
    room = max(loaded.context - settings.max_new_tokens, 8)
    head, _ = prompt_ids(loaded, messages, min(settings.max_prompt_tokens, room))
    ids = torch.tensor([head], dtype=torch.long, device=model.device)
    stops = stop_ids(loaded)
    seat = _Seat(turns or Turns(), model.device, settings.seed)
    teller = _Teller(loaded.tokenizer, tell, seat)
    seat.take()
    try:
        model.eval().generate(
            input_ids=ids,
            attention_mask=torch.ones_like(ids),
            eos_token_id=stops,
            pad_token_id=int(loaded.tokenizer.pad_token_id or 0),
            streamer=teller,
            **options(settings),
        )
    finally:
        seat.give()
    ended = bool(teller.ids) and teller.ids[-1] in stops
    return Written(teller.text, "stop" if ended else "length", len(teller.ids))
