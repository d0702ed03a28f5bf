"""One call to a model of words, its reply, and conversations made of them."""

from collections.abc import Generator, Mapping
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Any, Protocol

from annotation.hashing import content_hash
from workers.judges.base import Failure, Said


@dataclass(frozen=True)
class Call:
    """What is sent.

    Attributes:
        choices: letters whose probabilities as the first token are wanted; empty for
            a reply in words.
        sample: sets repeated calls apart.
    """

    messages: tuple[dict[str, str], ...]
    max_tokens: int
    temperature: float
    choices: tuple[str, ...] = ()
    sample: int = 0

    def key(self, model: str) -> str:
        """Return the call's content address, for a model at an address."""
        return content_hash([model, vars(self)])


@dataclass(frozen=True)
class Reply:
    """What came back.

    Attributes:
        shares: the probability of each offered letter as the first token; None where
            the model told none.
        prompt_tokens, completion_tokens: None where it told no usage.
        fingerprint: the model that it says it runs.
    """

    text: str
    shares: Mapping[str, float] | None = None
    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    fingerprint: str = ""
    milliseconds: int = 0

    @property
    def tokens(self) -> int:
        return (self.prompt_tokens or 0) + (self.completion_tokens or 0)

    def as_json(self) -> dict[str, Any]:
        return {"text": self.text, "shares": self.shares and dict(self.shares)}


Conversation = Generator[list[Call], list[Reply], Said]
"""Asks for calls, several at once, gets their replies, and ends with an answer."""


@dataclass(frozen=True)
class Tried:
    """What became of a call: a reply, or a failure; and tries that may have cost.

    Attributes:
        failure: why there is no reply.
        lost: failed tries that the other side may have charged for.
        held: how many tries' worth of budget is set aside for it.
    """

    reply: Reply | None
    failure: Failure | None = None
    tries: int = 1
    lost: int = 0
    held: int = 1


class Transport(Protocol):
    """Whatever carries a call to a model.

    Attributes:
        address: sets the model apart, for the calls' content addresses.
        width: how many calls it takes at once.
    """

    address: str
    width: int

    def submit(self, call: Call) -> "Future[Tried]": ...

    def close(self) -> None: ...
