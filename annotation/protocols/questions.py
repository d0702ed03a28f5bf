"""The typed questions of a protocol: one discriminated union on `kind`.

A protocol version is a list of these, stored as JSON and checked when it is saved;
the API shows them as they are, so the workspace's types are made from this module.
How each is answered is in docs/protocols.md; `annotation/protocols/checks/` holds
answers against them.
"""

import json
from collections.abc import Sequence
from functools import lru_cache
from typing import Annotated, Any, Literal, Self

from pydantic import (
    AfterValidator,
    Field,
    TypeAdapter,
    ValidationError,
    model_validator,
)
from typing_extensions import TypeAliasType

from annotation.errors import InvalidInput
from annotation.judgments import Strict
from annotation.protocols.scales import CompareScale, RateScale, distinct
from annotation.wording import problems_of

QuestionId = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_-]*$", max_length=60)]
Id = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_./-]*$", max_length=100)]
Wording = Annotated[str, Field(min_length=1, max_length=1000)]
Help = Annotated[str, Field(max_length=10_000)]
Wanted = Literal["off", "optional", "required"]


class Label(Strict):
    """Something to choose, by its id; the description explains it."""

    id: Id
    label: Wording
    description: Help = ""


class Confidence(Strict):
    """One degree of certainty; the value goes into the judgment's `confidence`."""

    value: float = Field(ge=0, le=1)
    label: Wording


class PrincipleItem(Strict):
    """A principle that is asked of each completion; judgments carry its text."""

    id: Id
    text: Annotated[str, Field(min_length=1, max_length=2000)]


class Signal(Strict):
    """A reaction that may be given, and the number it stands for."""

    id: Id
    label: Wording
    value: float


class Common(Strict):
    """What every question has.

    Attributes:
        required: whether an answer without it is refused.
        reason: free text beside the answer: a rationale with this question's id.
        reasons: a checklist beside the answer; ids go into the judgment's `reasons`.
        confidence: the degrees offered, or null where certainty is not asked.
        stage: a question of a later stage is shown when those before are answered.
        reveal: what is shown from this question on: `outcome`, what came of each
            completion.
    """

    id: QuestionId
    text: Wording
    help: Help = ""
    criterion: Annotated[str, Field(min_length=1, max_length=200)] | None = None
    required: bool = True
    reason: Wanted = "off"
    reasons: list[Label] = []
    confidence: Annotated[list[Confidence], Field(min_length=2)] | None = None
    stage: int = Field(0, ge=0, le=9)
    reveal: Literal["none", "outcome"] = "none"

    @model_validator(mode="after")
    def told_apart(self) -> Self:
        """Refuse lists whose members could not be told apart in an answer."""
        for name in ("reasons", "categories", "severities", "principles", "labels"):
            distinct(f"{name} need different ids", self._ids(name))
        distinct("signals need different ids", self._ids("signals"))
        degrees = [degree.value for degree in self.confidence or []]
        distinct("degrees of confidence need different values", degrees)
        return self

    def _ids(self, name: str) -> list[str]:
        return [item.id for item in getattr(self, name, [])]


class CompareQuestion(Common):
    """Which of two completions is better; asked where a task has two or more."""

    kind: Literal["compare"]
    scale: CompareScale


class RankQuestion(Common):
    """An order of all completions; `all_bad` offers that none is acceptable."""

    kind: Literal["rank"]
    allow_ties: bool = True
    allow_unranked: bool = True
    all_bad: bool = False


class BestWorstQuestion(Common):
    """The best and the worst of three or more completions."""

    kind: Literal["best_worst"]


class RateQuestion(Common):
    """A value on a scale, of each completion."""

    kind: Literal["rate"]
    scale: RateScale


class SpanQuestion(Common):
    """Stretches of text, each with a category.

    Attributes:
        target: the text that is marked.
        severities: how bad a span may be; none where it is not asked.
        overlap: whether spans of one text may share characters; `same_category`
            says only those of one category, so that no character has two.
        refs: the places that a span leans on, in passages or the completion.
        snap: what a selection grows to in the workspace; the server checks none.
    """

    kind: Literal["span"]
    target: Literal["completion", "prompt", "passage"] = "completion"
    categories: Annotated[list[Label], Field(min_length=1)]
    severities: list[Label] = []
    overlap: Literal["allow", "same_category", "never"] = "allow"
    refs: Wanted = "off"
    replacement: Wanted = "off"
    note: Wanted = "off"
    snap: Literal["word", "character"] = "word"


class MissingQuestion(Common):
    """What a completion should have said and did not.

    Attributes:
        refs: the places that say it.
        note: what is missing, in words: the judgment's `text` (a question's `text`
            is its wording).
    """

    kind: Literal["missing"]
    categories: Annotated[list[Label], Field(min_length=1)]
    refs: Wanted = "off"
    note: Wanted = "off"


class PrincipleQuestion(Common):
    """Whether each completion keeps each principle; `open` lets people add some."""

    kind: Literal["principle"]
    principles: list[PrincipleItem] = []
    evidence: Wanted = "optional"
    open: bool = False

    @model_validator(mode="after")
    def something_asked(self) -> Self:
        distinct("principles need different texts", [p.text for p in self.principles])
        if not self.principles and not self.open:
            raise ValueError("list at least one principle, or let people add some")
        return self


class TextQuestion(Common):
    """Free text of the task or of each completion.

    Attributes:
        min_chars: fewest characters (code points), white space at the ends left out.
    """

    kind: Literal["text"]
    role: Literal["rationale", "critique", "edit"]
    per: Literal["task", "completion"] = "task"
    min_chars: int = Field(0, ge=0, le=200_000)
    max_chars: int | None = Field(None, ge=1, le=200_000)

    @model_validator(mode="after")
    def fits(self) -> Self:
        if self.max_chars is not None and self.max_chars < self.min_chars:
            raise ValueError("max_chars is below min_chars")
        if self.role == "edit" and self.per == "task":
            raise ValueError("an edit rewrites a completion: choose per completion")
        if self.reason != "off":
            raise ValueError("a text is its own reason: set reason to off")
        return self


class ReactionQuestion(Common):
    """One signal of each completion, such as a thumb up or down."""

    kind: Literal["reaction"]
    signals: Annotated[list[Signal], Field(min_length=1)]


class ChooseQuestion(Common):
    """One category of the task, its prompt or each completion."""

    kind: Literal["choose"]
    target: Literal["task", "prompt", "completion"] = "completion"
    categories: Annotated[list[Label], Field(min_length=1)]


class StepQuestion(Common):
    """Labels of a completion's steps; a step is a paragraph (protocols/steps.py).

    Attributes:
        first_error: one label alone, at the first step that is wrong; none says
            that all steps are right. Otherwise each step has its label.
    """

    kind: Literal["step"]
    labels: Annotated[list[Label], Field(min_length=1)]
    first_error: bool = False


Question = TypeAliasType(
    "Question",
    Annotated[
        CompareQuestion
        | RankQuestion
        | BestWorstQuestion
        | RateQuestion
        | SpanQuestion
        | MissingQuestion
        | PrincipleQuestion
        | TextQuestion
        | ReactionQuestion
        | ChooseQuestion
        | StepQuestion,
        Field(discriminator="kind"),
    ],
)


def _questions_differ(questions: list[Common]) -> list[Common]:
    distinct("questions need different ids", [question.id for question in questions])
    return questions


Questions = Annotated[
    list[Question],
    Field(min_length=1, max_length=50),
    AfterValidator(_questions_differ),
]
questions_adapter: TypeAdapter[list[Any]] = TypeAdapter(Questions)


def parse_questions(raw: object) -> list[Any]:
    """Read a protocol's questions from JSON values.

    Raises:
        InvalidInput: with path and finding of each bad field, in words.
    """
    try:
        return questions_adapter.validate_python(raw)
    except ValidationError as error:
        problems = problems_of(error)
        raise InvalidInput(
            "The questions cannot be asked as they are.",
            expected="questions as docs/protocols.md describes them",
            found=f"{len(problems)} that need mending: "
            f"{problems[0]['path']} {problems[0]['message']}",
            fix="Mend the fields named below and save again.",
            fields=problems[:50],
        ) from error


@lru_cache(maxsize=256)
def stored_questions(text: str) -> list[dict[str, Any]]:
    """Return a stored version's questions with every field, from its JSON text.

    Versions from before a field came get its default. Callers share the result.
    """
    return dump_questions(parse_questions(json.loads(text)))


def dump_questions(questions: Sequence[Common]) -> list[dict[str, Any]]:
    """Return questions as JSON values with every field, as they are stored."""
    return [question.model_dump(mode="json") for question in questions]
