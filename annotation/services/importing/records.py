"""The one record that every layout is read into, and what can be wrong with a row."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID, uuid4

Message = dict[str, str]


class RowError(Exception):
    """One field of one row that cannot be used."""

    def __init__(self, field_path: str, expected: str, value: object) -> None:
        super().__init__(f"{field_path}: expected {expected}")
        self.field = field_path
        self.expected = expected
        self.value = shorten(value)

    def as_json(self, line: int) -> dict[str, Any]:
        return {
            "line": line,
            "field": self.field,
            "expected": self.expected,
            "value": self.value,
        }


def shorten(value: object, limit: int = 120) -> str:
    """Return a value as short text that any database and terminal can hold."""
    if isinstance(value, str) and len(value) > limit:
        text = json.dumps(value[:limit])[:limit] + f"… ({len(value):,} characters)"
    elif isinstance(value, str | int | float | bool) or value is None:
        text = json.dumps(value)
    else:
        text = repr(value)[: limit + 1]
        text = text if len(text) <= limit else text[:limit] + "…"
    return text.encode("utf-8", "backslashreplace").decode().replace("\x00", "\\x00")


@dataclass(frozen=True)
class ActorKey:
    """Who answered. Anonymous annotators are told apart within their source only."""

    kind: str  # a value of Actor.Kind
    source: str
    external_id: str
    details: Mapping[str, Any] = field(default_factory=dict, compare=False, hash=False)


@dataclass(frozen=True)
class Side:
    """One completion. `ref` names it in judgments until the database's id is known."""

    messages: list[Message]
    generator: str = ""
    model_version: UUID | None = None
    sampling: Mapping[str, Any] = field(default_factory=dict)
    trace: Any = None
    ref: UUID = field(default_factory=uuid4)


@dataclass(frozen=True)
class Answer:
    """What one actor said of a task in one presentation.

    No judgments means that the actor was asked and gave no usable answer.
    """

    actor: ActorKey
    client_id: UUID
    judgments: list[dict[str, Any]]
    presented: list[UUID]  # refs of sides, in the order shown
    presentation: int = 0
    active_ms: int = 0
    late: bool = False
    at: datetime | None = None
    raw_text: str = ""
    supersedes: UUID | None = None  # the client id of the answer it corrects
    feedback_id: UUID | None = None  # where the answer was exported from a project


@dataclass(frozen=True)
class TaskSettings:
    """How a task is asked. None leaves the choice to the import's options."""

    round: int = 0
    route: str = "human"
    priority: int = 5
    overlap: int | None = None
    state: str | None = None
    reason: str = ""
    scores: Mapping[str, Any] = field(default_factory=dict)
    is_control: bool = False
    control_answer: Any = None
    verified_pool: bool = False
    key: str = ""  # the task's content address, where it was exported with one


@dataclass(frozen=True)
class Record:
    """A prompt, its completions, the sets of them to ask about, and answers.

    form: the form of neutral row that it can be written as again, if any.
    listed: refs of sides in the row's order; equal completions come again.
    notes, rest: how the row put it, and what it says beyond the record.
    """

    messages: list[Message]
    sides: list[Side] = field(default_factory=list)
    tasks: list[list[UUID]] = field(default_factory=list)  # refs of sides, by position
    answers: list[Answer] = field(default_factory=list)  # to the first task
    context: Mapping[str, Any] | None = None
    metadata: Mapping[str, Any] = field(default_factory=dict)
    group: str = ""
    group_is_key: bool = False  # group is already a stored group key
    split: str = ""
    source: str = ""
    external_id: str = ""
    settings: TaskSettings = TaskSettings()
    line: int = 0
    form: str = ""
    listed: list[UUID] = field(default_factory=list)
    notes: Mapping[str, Any] = field(default_factory=dict)
    rest: dict[str, Any] | None = None


@dataclass
class Counts:
    """What an import read, added and found already there."""

    rows: int = 0
    bad_rows: int = 0
    prompts: int = 0
    completions: int = 0
    tasks: int = 0
    actors: int = 0
    answers: int = 0
    abstained: int = 0
    known_answers: int = 0
    warnings: int = 0

    def add(self, other: "Counts") -> None:
        for name in vars(self):
            setattr(self, name, getattr(self, name) + getattr(other, name))


@dataclass
class Written:
    """What became of a chunk. Tasks are ids in the order of records and their sets."""

    counts: Counts = field(default_factory=Counts)
    problems: list[dict[str, Any]] = field(default_factory=list)
    prompts: list[int] = field(default_factory=list)
    tasks: list[list[int]] = field(default_factory=list)


@dataclass
class Problems:
    """Bad rows and warnings: every one is counted, the first ones are kept."""

    kept: list[dict[str, Any]] = field(default_factory=list)
    limit: int = 100

    def extend(self, items: Iterable[dict[str, Any]]) -> None:
        for item in items:
            if len(self.kept) >= self.limit:
                return
            self.kept.append(item)
