"""The judgment: one tagged union for browser, API, judges, imports and exports.

A judgment says one thing about one task. Completions are named by their public id
(a UUID); texts keep code points and a hash, so an offset can always be checked.
The inverse of every projection ends here, so nothing may be stored that this module
does not describe.
"""

from typing import Annotated, Any, Literal, Self
from uuid import UUID

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    TypeAdapter,
    ValidationError,
    model_validator,
)

from annotation.errors import InvalidJudgments
from annotation.wording import problems_of

Text = Annotated[str, Field(max_length=200_000)]
Name = Annotated[str, Field(max_length=200)]
Unit = Annotated[float, Field(ge=0, le=1)]


class Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class Ref(Strict):
    """A place a judgment leans on: a passage's sentence or part of a completion.

    Attributes:
        start, end: code points, half open, in the passage or the completion's message.
    """

    doc: Name | None = None
    sentence: str | int | None = None
    completion: UUID | None = None
    message: int = Field(0, ge=0)
    start: int | None = Field(None, ge=0)
    end: int | None = Field(None, ge=0)


class Judged(Strict):
    """What every judgment may carry.

    Attributes:
        question: the id of the protocol's question that it answers.
        reasons: ids out of the question's checklist of reasons, in its order.
    """

    question: Name | None = None
    criterion: Name | None = None
    confidence: Unit | None = None
    reasons: list[Name] = []
    targets: list[Annotated[int, Field(ge=0)]] = []  # indices of earlier judgments


class Compare(Judged):
    """Which of two completions is better; a tie and two bad ones are different."""

    kind: Literal["compare"] = "compare"
    a: UUID
    b: UUID
    outcome: Literal["a", "b", "tie", "both_bad", "unsure"]
    strength: int | None = Field(None, ge=0, le=100)
    scale: Name | None = None

    @model_validator(mode="after")
    def sides_differ(self) -> Self:
        if self.a == self.b:
            raise ValueError("a and b must be two different completions")
        if self.outcome not in ("a", "b") and self.strength:
            raise ValueError("strength belongs to outcome a or b; leave it out or 0")
        return self


class Rank(Judged):
    """An order in groups, best first; the members of a group are tied.

    Attributes:
        all_bad: none of them is acceptable, not even the first.
    """

    kind: Literal["rank"] = "rank"
    groups: list[Annotated[list[UUID], Field(min_length=1)]]
    unranked: list[UUID] = []
    all_bad: bool = False

    @model_validator(mode="after")
    def each_once(self) -> Self:
        seen = [*(item for group in self.groups for item in group), *self.unranked]
        if len(seen) != len(set(seen)):
            raise ValueError("a completion may stand in one place of a ranking only")
        return self


class BestWorst(Judged):
    kind: Literal["best_worst"] = "best_worst"
    best: Annotated[list[UUID], Field(min_length=1)]
    worst: Annotated[list[UUID], Field(min_length=1)]

    @model_validator(mode="after")
    def apart(self) -> Self:
        if set(self.best) & set(self.worst):
            raise ValueError("a completion cannot be both best and worst")
        return self


class Rate(Judged):
    """A value on a scale; null says that the criterion does not apply."""

    kind: Literal["rate"] = "rate"
    completion: UUID
    value: float | None
    scale: Name | None = None


class Span(Judged):
    """A stretch of text in Unicode code points, half open, with the text's hash."""

    kind: Literal["span"] = "span"
    target: Literal["completion", "prompt", "passage"] = "completion"
    completion: UUID | None = None
    passage: Name | None = None
    message: int = Field(0, ge=0)
    start: int = Field(ge=0)
    end: int = Field(ge=0)
    text_sha: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
    category: Name
    severity: Name | None = None
    refs: list[Ref] = []
    replacement: Text | None = None
    note: Text | None = None

    @model_validator(mode="after")
    def forwards(self) -> Self:
        if self.end < self.start:
            raise ValueError("end must not come before start")
        if (self.target == "completion") != (self.completion is not None):
            raise ValueError(
                "completion names the target exactly if it is a completion"
            )
        return self


class Missing(Judged):
    kind: Literal["missing"] = "missing"
    completion: UUID
    category: Name
    refs: list[Ref] = []
    text: Text | None = None


class Principle(Judged):
    kind: Literal["principle"] = "principle"
    completion: UUID
    principle: Annotated[str, Field(min_length=1, max_length=2000)]
    verdict: Literal["yes", "no", "partial", "na"]
    evidence: list[Ref | Text] = []
    origin: Literal["authored", "extracted", "generated"] = "authored"


class WrittenText(Judged):
    kind: Literal["text"] = "text"
    role: Literal["rationale", "critique", "edit"]
    completion: UUID | None = None
    content: Text


class Reaction(Judged):
    kind: Literal["reaction"] = "reaction"
    completion: UUID
    signal: Name
    value: float
    position: int | None = Field(None, ge=0)
    exposed: bool = True


class Outcome(Judged):
    """Something observed later: hindsight, a test, a verifier or an A/B trial."""

    kind: Literal["outcome"] = "outcome"
    completion: UUID
    outcome: Literal["hindsight", "test", "verifier", "ab"]
    value: float
    evidence_sha: str | None = None


class Choose(Judged):
    """A labelled category: safe, unsafe, unsure; or any other list."""

    kind: Literal["choose"] = "choose"
    target: UUID | Literal["task", "prompt"]
    category: Name


class Step(Judged):
    """Process supervision: one step's label, or the place of the first error."""

    kind: Literal["step"] = "step"
    completion: UUID
    index: int = Field(ge=0)
    label: Name
    note: Text | None = None


class Flag(Judged):
    kind: Literal["flag"] = "flag"
    target: UUID | Literal["task", "prompt"] = "task"
    flag: Literal["pii", "unsafe", "bad_task"]
    note: Text = ""


Judgment = Annotated[
    Compare
    | Rank
    | BestWorst
    | Rate
    | Span
    | Missing
    | Principle
    | WrittenText
    | Reaction
    | Outcome
    | Choose
    | Step
    | Flag,
    Field(discriminator="kind"),
]
Judgments = Annotated[list[Judgment], Field(max_length=500)]
judgments_adapter: TypeAdapter[list[Judgment]] = TypeAdapter(Judgments)


def completions_of(judgment: Judged) -> set[UUID]:
    """Return every completion that a judgment names, its references included."""
    found: set[UUID] = set()

    def walk(value: Any) -> None:
        if isinstance(value, UUID):
            found.add(value)
        elif isinstance(value, BaseModel):
            for name in type(value).model_fields:
                walk(getattr(value, name))
        elif isinstance(value, list | tuple):
            for item in value:
                walk(item)

    walk(judgment)
    return found


def parse_judgments(raw: object) -> list[Judgment]:
    """Read judgments from JSON values.

    Raises:
        InvalidJudgments: with path, finding and expectation of each bad field.
    """
    try:
        return judgments_adapter.validate_python(raw)
    except ValidationError as error:
        raise InvalidJudgments(
            "The judgments could not be read.",
            expected="a list of judgments as in the API's schema",
            found=f"{error.error_count()} bad field(s)",
            fix="Mend the fields named below and send them again.",
            fields=problems_of(error)[:20],
        ) from error


def dump_judgments(judgments: list[Judgment]) -> list[dict[str, Any]]:
    """Return judgments as JSON values in canonical form: defaults left out."""
    return [
        {"kind": judgment.kind}
        | judgment.model_dump(mode="json", exclude_defaults=True)
        for judgment in judgments
    ]
