"""Several tries at a question; between them it is only said that one was wrong."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from training.engine.online.rollout import Around, Rollout
from training.engine.sampling import Prompt

AGAIN = "That is not right. Think once more and try again."
REPEATED = 0.5
"""What an episode loses if all its tries say the same, times their share that do."""
_WORD = re.compile(r"\w+(?:[.,]\d+)*")


def words_of(text: str) -> tuple[str, ...]:
    """Return a text's words and numbers, whatever stands between them."""
    return tuple(_WORD.findall(text.lower()))


def is_right(text: str, answer: str) -> bool:
    """Return whether an answer stands in a text, word by word."""
    said, known = words_of(text), words_of(answer)
    last = len(said) - len(known)
    return bool(known) and any(
        said[at : at + len(known)] == known for at in range(last + 1)
    )


def episode_reward(tries: Sequence[str], answer: str) -> float:
    """Return 2^-k if the try after k wrong ones is right, less what repetition costs.

    The cost is half of one minus the share of tries that differ.

    Source: A Simple "Try Again" Can Elicit Multi-Turn LLM Reasoning (UFO), the
    authors' environment.
    """
    right = 0.5 ** (len(tries) - 1) if is_right(tries[-1], answer) else 0.0
    different = len({words_of(text) for text in tries}) / len(tries)
    return right - REPEATED * (1 - different)


@dataclass(frozen=True)
class Retries(Around):
    """A sampler that asks again until a completion is right or the turns are over.

    Every try is a completion of its own, whose prompt holds the tries before it; each
    earns what its episode does, since nothing is discounted. What was said in between
    is part of prompts, so it is never learned.

    Attributes:
        turns: the most tries of a question.
    """

    turns: int

    def sample(
        self,
        prompts: Sequence[Prompt],
        samples: int,
        *,
        seed: int,
        tick: Callable[[int], None],
    ) -> list[Rollout]:
        """Return the tries of ``samples`` episodes a prompt, episode by episode."""
        groups = [g for g in range(len(prompts)) for _ in range(samples)]
        asked = [prompts[group] for group in groups]
        tries: list[list[Rollout]] = [[] for _ in groups]
        running = list(range(len(groups)))
        for turn in range(self.turns):
            drawn = self.inner.sample(
                [asked[i] for i in running], 1, seed=seed + 7_919 * turn, tick=tick
            )
            for i, rollout in zip(running, drawn, strict=True):
                tries[i].append(rollout)
                asked[i] = _again(asked[i], rollout.text)
            running = [
                i for i in running if not is_right(tries[i][-1].text, asked[i].answer)
            ]
            if not running:
                break
        return [
            replace(
                rollout,
                group=group,
                earned=episode_reward([r.text for r in found], rollout.prompt.answer),
            )
            for group, found in zip(groups, tries, strict=True)
            for rollout in found
        ]


def _again(prompt: Prompt, text: str) -> Prompt:
    said = [
        {"role": "assistant", "content": text},
        {"role": "user", "content": AGAIN},
    ]
    return replace(prompt, messages=[*prompt.messages, *said])
