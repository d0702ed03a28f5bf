"""Chats as tokens: completions behind one prompt, and honest shortening."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from jinja2.exceptions import TemplateError
from transformers import PreTrainedTokenizerBase

from training.engine.data import Messages, Pair
from training.engine.errors import FixableError


@dataclass(frozen=True)
class PairTokens:
    """Token ids of a pair; both completions follow the same prompt ids."""

    prompt: list[int]
    chosen: list[int]
    rejected: list[int]

    @property
    def length(self) -> int:
        """Tokens of the longer sequence: what a padded batch pays for."""
        return len(self.prompt) + max(len(self.chosen), len(self.rejected))

    @property
    def shared_length(self) -> int:
        """Tokens of both, with the prompt once: what a shared pass pays for."""
        return len(self.prompt) + len(self.chosen) + len(self.rejected)


def tokenize(
    tokenizer: PreTrainedTokenizerBase, prompt: Messages, completions: list[Messages]
) -> tuple[list[int], list[list[int]]]:
    """Return the prompt's ids and each completion's ids, rendered as a chat.

    The completions start where the rendered conversations stop agreeing with the
    rendered prompt, as in TRL, so a template that closes a turn differently is safe.
    """
    head = render(tokenizer, prompt, generation=True)
    full = [render(tokenizer, prompt + completion) for completion in completions]
    shared = min(_common_prefix(head, ids) for ids in full)
    return head[:shared], [ids[shared:] for ids in full]


def render(
    tokenizer: PreTrainedTokenizerBase, messages: Messages, *, generation: bool = False
) -> list[int]:
    """Return a conversation's ids; ``generation`` ends it where the model answers.

    Raises:
        FixableError: if the template refuses it, as some do two turns of one speaker.
    """
    try:
        encoded: Any = tokenizer.apply_chat_template(
            messages,
            tokenize=True,
            return_dict=True,
            add_generation_prompt=generation,
        )
    except TemplateError as error:
        speakers = ", ".join(message["role"] for message in messages)
        text = messages[-1]["content"] if messages else ""
        raise FixableError(
            "The model's chat template refuses a conversation.",
            expected="turns as the template knows them",
            found=f"{error}; turns of {speakers}, the last being {text[:80]!r}",
            fix="Change that row's roles, or choose another model.",
            field="data.train",
        ) from error
    return [int(token) for token in encoded["input_ids"]]


def _common_prefix(one: list[int], other: list[int]) -> int:
    for index, (a, b) in enumerate(zip(one, other, strict=False)):
        if a != b:
            return index
    return min(len(one), len(other))


def shorten(
    prompt: list[int],
    completions: list[list[int]],
    max_length: int,
    *,
    keep_first: int = 0,
) -> tuple[list[int], list[list[int]], bool]:
    """Fit prompt and completions into ``max_length`` tokens; True if anything went.

    The prompt loses its beginning first, down to a quarter of the room, because the
    question usually stands at its end; then the completions lose their end. All
    completions keep the same prompt, so none gains from another's length.

    Args:
        keep_first: leading prompt tokens that stay, such as a classification token.
    """
    longest = max(len(ids) for ids in completions)
    if len(prompt) + longest <= max_length:
        return prompt, completions, False
    room = max(max_length - longest, min(len(prompt), max_length // 4))
    if len(prompt) > room:
        tail = max(room - keep_first, 0)
        prompt = prompt[:keep_first] + (prompt[-tail:] if tail else [])
    left = max_length - len(prompt)
    return prompt, [ids[:left] for ids in completions], True


def pair_tokens(
    tokenizer: PreTrainedTokenizerBase, pairs: Sequence[Pair], max_length: int
) -> tuple[list[PairTokens], int]:
    """Return every pair's token ids and how many had to be shortened."""
    keep = 1 if tokenizer.cls_token_id is not None else 0
    rows, shortened = [], 0
    for pair in pairs:
        prompt, completions = tokenize(
            tokenizer, pair.prompt, [pair.chosen, pair.rejected]
        )
        prompt, completions, cut = shorten(
            prompt, completions, max_length, keep_first=keep
        )
        shortened += cut
        rows.append(PairTokens(prompt, completions[0], completions[1]))
    return rows, shortened
