"""Rewards of parts of completions that were just drawn, where the parts end."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from torch import Tensor
from transformers import PreTrainedTokenizerBase

from training.engine.online.rewards import ModelReward, RewardSource
from training.engine.online.rollout import Rollout
from training.engine.online.scored import Scored
from training.engine.online.spans import Span, placed
from training.engine.rewards.segment_scores import segment_rewards

UNFINISHED = "\ufffd"
"""What bytes decode to that are no character yet."""


class SegmentReward(ModelReward):
    """A model that judges every part of a completion; its score is their sum.

    Source: Wu et al. 2023, Fine-Grained Human Feedback Gives Better Rewards.
    """

    def score(self, rollouts: Sequence[Rollout]) -> list[float]:
        """Return each completion's sum over parts."""
        return [sum(reward for _, reward in parts) for parts in self.parts(rollouts)]

    def parts(self, rollouts: Sequence[Rollout]) -> list[list[tuple[int, float]]]:
        """Return each part's end, in characters of the text, and its reward."""
        return segment_rewards(
            self.loaded,
            [rollout.prompt.judged for rollout in rollouts],
            [[{"role": "assistant", "content": r.text}] for r in rollouts],
            max_length=self._max_length,
            batch_size=self._batch_size,
        )


@runtime_checkable
class JudgesParts(Protocol):
    """A reward source that says what each part of a completion earns."""

    name: str

    def parts(self, rollouts: Sequence[Rollout]) -> list[list[tuple[int, float]]]:
        """Return each part's end, in characters of the text, and its reward."""


@dataclass(frozen=True)
class PartRewards:
    """Puts the rewards of all parts on the policy's own tokens.

    Attributes:
        weights: of the sources, by name.
    """

    sources: Sequence[RewardSource]
    weights: Mapping[str, float]
    tokenizer: PreTrainedTokenizerBase

    def __call__(self, scored: Scored) -> Tensor:
        """Return what every token earns for the part that ends there, (N, T)."""
        rows = len(scored.rollouts)
        found: list[Span] = []
        for source in self.sources:
            if isinstance(source, JudgesParts):
                each = source.parts(scored.rollouts)
                for row, (rollout, parts) in enumerate(
                    zip(scored.rollouts, each, strict=True)
                ):
                    ends = token_ends(
                        self.tokenizer, rollout.ids, [end for end, _ in parts]
                    )
                    found += [
                        Span(row, end, source.name, reward)
                        for end, (_, reward) in zip(ends, parts, strict=True)
                    ]
        width = scored.sequences.width
        return placed(found, dict(self.weights), rows, width).to(scored.old_logprobs)


def token_ends(
    tokenizer: PreTrainedTokenizerBase, ids: Sequence[int], ends: Sequence[int]
) -> list[int]:
    """Return for each character count the first token that completes it.

    A character may be spelled by several tokens; before the last of them it decodes to
    a replacement mark, which is not the character yet.

    Args:
        ids: of a completion. ends: counts of characters of its text.
    """
    if not ends:
        return []
    lengths = [spelled(tokenizer, ids[: k + 1]) for k in range(len(ids))]
    last = len(ids) - 1
    return [
        next((k for k, length in enumerate(lengths) if length >= end), last)
        for end in ends
    ]


def spelled(tokenizer: PreTrainedTokenizerBase, ids: Sequence[int]) -> int:
    """Return how many characters of a completion's text its first tokens spell.

    A text has no space before its first word; one behind the tokens is the text's, as
    long as more follows.
    """
    said = str(tokenizer.decode(list(ids), skip_special_tokens=True))
    return len(said.replace("\0", "").lstrip().rstrip(UNFINISHED))
