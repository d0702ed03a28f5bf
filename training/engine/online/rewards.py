"""Where rewards come from: reward models, rules, and models' own probabilities."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Protocol

from training.engine.models import Loaded
from training.engine.online.rollout import Rollout
from training.engine.scorers import completion_logprobs
from training.engine.tasks.score import score_completions


class RewardSource(Protocol):
    """Gives every completion a number; higher is better."""

    name: str

    def score(self, rollouts: Sequence[Rollout]) -> list[float]:
        """Return one score a completion, in order."""


class ModelReward:
    """A reward model; it reads text, so its tokenizer need not be the policy's."""

    def __init__(
        self, loaded: Loaded, *, max_length: int, batch_size: int, name: str = "reward"
    ) -> None:
        self.name = name
        self.loaded = loaded
        self._max_length = max_length
        self._batch_size = batch_size

    def score(self, rollouts: Sequence[Rollout]) -> list[float]:
        """Return the model's scores; an empty text is scored as it is."""
        scores, _ = score_completions(
            self.loaded,
            [rollout.prompt.judged for rollout in rollouts],
            [[{"role": "assistant", "content": r.text}] for r in rollouts],
            max_length=self._max_length,
            batch_size=self._batch_size,
        )
        return scores


class LikelihoodRatio:
    """log p(completion) under one frozen model minus that under another.

    With a demonstration-tuned model over its base this is the implicit reward of the
    demonstrations.

    Source: Self-Rewarding PPO (reward as the log-ratio of the two models).
    """

    def __init__(
        self, better: Loaded, worse: Loaded, *, batch_size: int, name: str = "ratio"
    ) -> None:
        self.name = name
        self.models = (better, worse)
        self._batch_size = batch_size

    def score(self, rollouts: Sequence[Rollout]) -> list[float]:
        """Return the difference of the two log-probabilities, in nats."""
        totals = [
            [
                found.total
                for found in completion_logprobs(
                    loaded.model,
                    [rollout.prompt_ids for rollout in rollouts],
                    [rollout.ids for rollout in rollouts],
                    pad_token_id=int(loaded.tokenizer.pad_token_id or 0),
                    batch_size=self._batch_size,
                )
            ]
            for loaded in self.models
        ]
        return [a - b for a, b in zip(*totals, strict=True)]


POSITIVE = frozenset(
    (
        *("good", "great", "excellent", "wonderful", "lovely", "nice"),
        *("happy", "glad", "love", "loved", "enjoy", "enjoyed"),
        *("best", "better", "beautiful", "perfect", "amazing", "fantastic"),
        *("brilliant", "delightful", "pleasant", "kind", "helpful", "friendly"),
        *("thank", "thanks", "please", "well", "fun", "bright"),
        *("superb", "charming"),
    )
)
NEGATIVE = frozenset(
    (
        *("bad", "terrible", "awful", "horrible", "poor", "sad"),
        *("angry", "hate", "hated", "worst", "worse", "ugly"),
        *("boring", "dull", "stupid", "annoying", "disappointing", "disappointed"),
        *("wrong", "fail", "failed", "failure", "unpleasant", "rude"),
        *("sorry", "cannot", "never", "no", "not", "unfortunately"),
        *("weak", "broken", "nasty"),
    )
)
_WORD = re.compile(r"[a-z']+")


class Lexicon:
    """Share of kind words minus share of unkind ones among a completion's words."""

    name = "lexicon"

    def __init__(
        self,
        positive: frozenset[str] = POSITIVE,
        negative: frozenset[str] = NEGATIVE,
    ) -> None:
        self._positive = positive
        self._negative = negative

    def score(self, rollouts: Sequence[Rollout]) -> list[float]:
        """Return scores in [-1, 1]; a text without words gets 0."""
        return [self._one(rollout.text) for rollout in rollouts]

    def _one(self, text: str) -> float:
        words = _WORD.findall(text.lower())
        if not words:
            return 0.0
        kind = sum(word in self._positive for word in words)
        unkind = sum(word in self._negative for word in words)
        return (kind - unkind) / len(words)


_VERDICT = re.compile(r"\[\[\s*([AB]|-?[123])\s*\]\]")


def verdict_reward(text: str, known: str) -> float:
    """Return how right the last verdict of a judgement is.

    1 if it is the known one; 1/2 for a strength of the right sign alone; 0 for any
    other, one out of range, or none.

    Args:
        known: A or B; or a strength from -3 to 3, below 0 for the first answer.

    Source: Hong et al. 2025, Think-RM, the authors' code (binary and multiclass).
    """
    said = _VERDICT.findall(text)
    if not said:
        return 0.0
    if said[-1] == known:
        return 1.0
    if known in ("A", "B") or said[-1] in ("A", "B"):
        return 0.0
    return 0.5 if int(said[-1]) * int(known) > 0 else 0.0


class Verdict:
    """Whether a judgement ends in the verdict that its prompt's labels gave."""

    name = "verdict"

    def score(self, rollouts: Sequence[Rollout]) -> list[float]:
        """Return 0, 1/2 or 1 for every judgement."""
        return [verdict_reward(r.text, r.prompt.answer) for r in rollouts]


class Earned:
    """What completions earned while they were drawn, such as by several tries."""

    def __init__(self, name: str = "tries") -> None:
        self.name = name

    def score(self, rollouts: Sequence[Rollout]) -> list[float]:
        """Return what the sampler said; 0 where it said nothing."""
        return [rollout.earned or 0.0 for rollout in rollouts]


class Contains:
    """The share of given words that a completion contains, ignoring case."""

    name = "contains"

    def __init__(self, words: Sequence[str]) -> None:
        self._words = [word.lower() for word in words]

    def score(self, rollouts: Sequence[Rollout]) -> list[float]:
        """Return scores in [0, 1]."""
        return [
            sum(word in rollout.text.lower() for word in self._words) / len(self._words)
            for rollout in rollouts
        ]


class Brevity:
    """How near a completion's length is to a target: 0 there, -1 at twice it."""

    name = "length"

    def __init__(self, target: int) -> None:
        self._target = target

    def score(self, rollouts: Sequence[Rollout]) -> list[float]:
        """Return minus the relative distance from the target, in tokens."""
        return [-abs(len(r.ids) - self._target) / self._target for r in rollouts]


def rule(name: str, words: str, target: int) -> RewardSource:
    """Return the rule called ``name``.

    Args:
        words: of ``contains``, with commas between them.
        target: of ``length``, in tokens.

    Raises:
        KeyError: if there is none.
    """
    made: Mapping[str, RewardSource] = {
        "lexicon": Lexicon(),
        "length": Brevity(target),
        "contains": Contains([w.strip() for w in words.split(",") if w.strip()]),
    }
    return made[name]
