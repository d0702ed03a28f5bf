"""What a judge is given and what it gives back."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol
from uuid import UUID

from annotation.errors import HoneError
from annotation.judgments import Judgment
from annotation.protocols.questions import Common

Messages = Sequence[Mapping[str, Any]]


@dataclass(frozen=True)
class Presented:
    """A task as it is put to a judge: its completions in one order.

    Attributes:
        order: positions of the task's completions, as presented.
        completions: (id, messages), in that order.
        questions: those that a task of so many completions is asked.
        context: what stands beside the prompt: reference answer, passages.
        protocol: the version of the protocol that the questions are of.
    """

    task: int
    presentation: int
    order: tuple[int, ...]
    prompt: Messages
    completions: tuple[tuple[UUID, Messages], ...]
    questions: tuple[Common, ...]
    context: Mapping[str, Any] | None = None
    protocol: int | None = None

    @property
    def ids(self) -> list[UUID]:
        return [each for each, _ in self.completions]


@dataclass(frozen=True)
class Cost:
    """What an answer took."""

    tokens: int = 0
    milliseconds: int = 0


@dataclass(frozen=True)
class Failure:
    """Why a task could not be answered; the name is one of a few, for counting.

    Attributes:
        stops: True if no further call can do better: the batch ends here.
        is_final: True if asking again can never help: the judge abstains instead.
    """

    name: str
    message: str
    expected: str = ""
    found: str = ""
    fix: str = ""
    stops: bool = False
    is_final: bool = False

    def as_json(self) -> dict[str, str]:
        return {
            "name": self.name,
            "message": self.message,
            "expected": self.expected,
            "found": self.found[:500],
            "fix": self.fix,
        }

    def as_error(self) -> HoneError:
        return HoneError(
            self.message, expected=self.expected, found=self.found, fix=self.fix
        )


@dataclass(frozen=True)
class Said:
    """A judge's answer to one presentation: judgments, an abstention or a failure.

    Attributes:
        raw_text: what it said, word for word, where it could not be read.
        escalates: True if people should answer besides.
    """

    judgments: tuple[Judgment, ...] = ()
    raw_text: str = ""
    failure: Failure | None = None
    cost: Cost = field(default_factory=Cost)
    escalates: bool = False


class Backend(Protocol):
    """An AI that answers tasks.

    Attributes:
        identity: sets it apart in a project: its model, settings and instructions.
        description: kept with its actor: name, version, prompt_hash, sampling.
    """

    @property
    def identity(self) -> str: ...

    @property
    def description(self) -> dict[str, Any]: ...

    def answer(self, items: Iterable[Presented]) -> Iterator[tuple[Presented, Said]]:
        """Yield an answer for each presentation, in any order."""
        ...
