"""Texts in segments, and marked characters as labels of tokens."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from transformers import PreTrainedTokenizerBase

from training.engine.data import Messages
from training.engine.rewards.value_losses import IGNORED

Interval = tuple[int, int]
SENTENCE = re.compile(r"[.!?]+(?=\s|$)")
CLAUSE = re.compile(r"[.,;!?]+(?=\s|$)")
_WORD = re.compile(r"\S+")


def segments(text: str, *, density: str, min_words: int) -> list[Interval]:
    """Return the parts of a text, as half-open code-point intervals that cover it.

    Args:
        density: ``sentence``, or ``clause`` to part at commas and semicolons too.
        min_words: a cut needs this many words on both sides, up to the next cuts.

    Source: Wu et al. 2023, the authors' code (five words on each side of a cut).
    """
    pattern = SENTENCE if density == "sentence" else CLAUSE
    cuts = [0]
    for match in pattern.finditer(text):
        here = len(_WORD.findall(text[cuts[-1] : match.end()]))
        rest = len(_WORD.findall(text[match.end() :]))
        if here >= min_words and rest >= min_words:
            cuts.append(match.end())
    if text:
        cuts.append(len(text))
    return list(pairwise(cuts))


def tokens_in(offsets: Sequence[Interval], interval: Interval) -> list[int]:
    """Return the tokens that touch an interval of characters.

    Several tokens may spell one character; each of them touches it.
    """
    start, end = interval
    return [
        token
        for token, (low, high) in enumerate(offsets)
        if low < end and high > start and high > low
    ]


def characters_of(offsets: Sequence[Interval], tokens: Sequence[int]) -> Interval:
    """Return the characters that tokens cover together, the way back."""
    return offsets[tokens[0]][0], offsets[tokens[-1]][1]


@dataclass(frozen=True)
class Segmented:
    """A completion in tokens, with its segments.

    Attributes:
        ids: the whole sequence.
        prompt: how many of them are the prompt's.
        ends: the last token of each segment.
        places: which message of the completion each segment is of, and where.
    """

    ids: list[int]
    prompt: int
    ends: list[int]
    places: list[tuple[int, Interval]]


def segmented(
    tokenizer: PreTrainedTokenizerBase,
    prompt: Messages,
    completion: Messages,
    *,
    density: str,
    min_words: int,
) -> Segmented:
    """Return a chat's tokens with the segments of its completion.

    Raises:
        ValueError: if the chat template changes a text, so that it cannot be found.
    """
    options: dict[str, Any] = {"tokenize": False}
    whole = str(tokenizer.apply_chat_template([*prompt, *completion], **options))
    head = str(tokenizer.apply_chat_template(prompt, **options)) if prompt else ""
    encoded: Any = tokenizer(
        whole, add_special_tokens=False, return_offsets_mapping=True
    )
    offsets = [(int(a), int(b)) for a, b in encoded["offset_mapping"]]
    at = len(head) if whole.startswith(head) else 0
    first = next((i for i, (a, _) in enumerate(offsets) if a >= at), len(offsets))
    ends, places = [], []
    for number, message in enumerate(completion):
        content = message["content"]
        found = whole.find(content, at)
        if found < 0:
            raise ValueError("the chat template changes the completion's text")
        for start, end in segments(content, density=density, min_words=min_words):
            inside = tokens_in(offsets, (found + start, found + end))
            if inside:
                ends.append(inside[-1])
                places.append((number, (start, end)))
        at = found + len(content)
    return Segmented([int(t) for t in encoded["input_ids"]], first, ends, places)


def labels(
    found: Segmented,
    spans: Sequence[Mapping[str, Any]],
    categories: Sequence[str],
    min_words: int,
    texts: Sequence[str],
) -> list[int]:
    """Return each token's class: 0 fine, 1 error, ``IGNORED`` within segments.

    A segment is an error if a span of a wanted category touches it; one that only
    other categories touch is ignored, because its reader may have marked one kind
    alone.

    Args:
        spans: ``message``, ``start``, ``end``, ``category``.
        categories: the wanted ones; empty means all.
        min_words: shorter spans do not make a clause an error.
        texts: contents of the completion's messages.

    Source: Wu et al. 2023, section 3 and the authors' code.
    """
    result = [IGNORED] * len(found.ids)
    for end, (message, (low, high)) in zip(found.ends, found.places, strict=True):
        touching = [
            span
            for span in spans
            if int(span["message"]) == message
            and int(span["start"]) < high
            and int(span["end"]) > low
        ]
        wanted = [
            span
            for span in touching
            if (not categories or span["category"] in categories)
            and len(_WORD.findall(texts[message][span["start"] : span["end"]]))
            >= min_words
        ]
        if wanted:
            result[end] = 1
        elif not touching:
            result[end] = 0
    return result
