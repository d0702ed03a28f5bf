"""What a judge is given and what it gives back."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

Messages = Sequence[dict[str, Any]]


@dataclass(frozen=True)
class Pair:
    """A prompt and two completions in the order in which they are presented."""

    prompt: Messages
    first: Messages
    second: Messages


@dataclass(frozen=True)
class Cost:
    """What an answer took."""

    tokens: int = 0
    milliseconds: int = 0


@dataclass(frozen=True)
class Verdict:
    """A judge's answer on one presentation.

    Attributes:
        probability: that the first is better; None if the judge abstained.
        raw_text: what it said, word for word, where it abstained.
    """

    probability: float | None
    raw_text: str = ""
    cost: Cost = Cost()


class Judge(Protocol):
    """An AI that compares pairs.

    Attributes:
        identity: sets it apart in a project: its model and its instructions' hash.
        description: kept with its actor: name, version, prompt_hash, sampling.
    """

    identity: str
    description: dict[str, Any]

    def ask(self, pairs: Sequence[Pair]) -> Iterator[Verdict]:
        """Yield a verdict for each presentation, in order."""
        ...
