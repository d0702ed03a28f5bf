"""What goes over the wire: the frontend's types are generated from these."""

from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from annotation.judgments import Judgments
from annotation.protocols.questions import Question, Questions


class Problem(BaseModel):
    """A field that does not fit; question: the id of the one that it answers."""

    path: str
    message: str
    value: str | None = None
    question: str | None = None


class Failure(BaseModel):
    """Every answer with a status of 400 or more."""

    error: str
    message: str
    expected: str | None = None
    found: str | None = None
    fix: str | None = None
    fields: list[Problem] = []


class Person(BaseModel):
    username: str
    name: str
    is_staff: bool


class Session(BaseModel):
    user: Person | None


class SignIn(BaseModel):
    username: Annotated[str, Field(max_length=300)]
    password: Annotated[str, Field(max_length=4096)]


class ProgressOut(BaseModel):
    """today, answered: mine; remaining: open for me (large: estimated); total."""

    today: int
    answered: int
    remaining: int
    total: int


class ProjectLine(BaseModel):
    """live_prompts: people write the prompts here, and models answer at once."""

    slug: str
    name: str
    role: Literal["annotator", "reviewer", "researcher", "owner"]
    state: Literal["open", "paused"]
    live_prompts: bool
    progress: ProgressOut


class Protocol(BaseModel):
    version: int
    questions: list[Question]


Protocols = Annotated[
    dict[int, list[Question]], Field(description="Questions by protocol version.")
]


class ProjectOut(ProjectLine):
    """protocol: the newest version; protocols: every version there is."""

    guidelines: str
    protocol: Protocol
    protocols: Protocols
    lease_seconds: int
    image_max_bytes: int


class Message(BaseModel):
    model_config = ConfigDict(extra="allow")

    role: str
    content: str


class SentenceOut(BaseModel):
    """A sentence's place in its passage, in code points, half open."""

    model_config = ConfigDict(from_attributes=True)

    id: str | int
    start: int
    end: int


class PassageOut(BaseModel):
    """A passage of the context under the name by which references and spans call it."""

    model_config = ConfigDict(from_attributes=True)

    doc: str
    title: str
    text: str
    sentences: list[SentenceOut]


class PromptOut(BaseModel):
    """passages: those of the context; what else it holds is beside the conversation."""

    messages: list[Message]
    context: dict[str, Any] | None
    passages: list[PassageOut]


class CompletionOut(BaseModel):
    """A completion under its label; nothing says which model wrote it.

    trace: steps of tools, where there are some. outcome: what came of it, where
    that is known; shown from the first question on that reveals it. steps: what a
    question of kind step labels, by index.
    """

    id: UUID
    label: str
    messages: list[Message]
    trace: list[Any] | dict[str, Any] | None = None
    outcome: str | None = None
    steps: list[str] | None = None


class Answer(BaseModel):
    client_id: UUID
    feedback_id: UUID
    judgments: Judgments
    active_ms: int


class AssignmentOut(BaseModel):
    id: int
    expires_at: datetime
    protocol_version: int
    prompt: PromptOut
    completions: list[CompletionOut]
    answer: Answer | None


class QuestionsIn(BaseModel):
    questions: Questions


class ProtocolIn(QuestionsIn):
    """unseen_tasks: ask them of the tasks that nobody has met yet, too."""

    unseen_tasks: bool = False


class PreviewOut(BaseModel):
    """A task to look at, which cannot be answered; invented where there is no real one.

    protocol: the questions that it is asked by, and the number they have or will have.
    draft: whether they are not published yet.
    """

    assignment: AssignmentOut
    protocol: Protocol
    invented: bool
    draft: bool


class PresetOut(BaseModel):
    """A protocol that comes with Hone, and the publication whose format it follows."""

    name: str
    title: str
    source: str
    questions: list[Question]
    guidelines: str
    overlap: int
    fewest_completions: int
    most_completions: int
    live_prompts: bool


class Thanks(BaseModel):
    """What came of my answers."""

    answers: int
    models: int
    rounds: int


class HandOutOut(BaseModel):
    """protocols: the questions of each version that an assignment here names."""

    state: Literal["open", "finished", "paused"]
    assignments: list[AssignmentOut]
    protocols: Protocols
    progress: ProgressOut
    thanks: Thanks | None


class FeedbackIn(BaseModel):
    client_id: UUID
    judgments: Judgments
    active_ms: Annotated[int, Field(ge=0, le=2_147_483_647)] = 0
    protocol_version: int
    supersedes: UUID | None = None


class Receipt(BaseModel):
    feedback_id: UUID
    client_id: UUID
    late: bool
    counted: bool
    progress: ProgressOut


class TaskFlag(BaseModel):
    kind: Literal["pii", "unsafe", "bad_task"]
    note: Annotated[str, Field(max_length=2000)] = ""


class Skip(BaseModel):
    reason: Annotated[str, Field(max_length=500)] = ""
    flag: TaskFlag | None = None


class Skipped(BaseModel):
    state: Literal["skipped"]


class Released(BaseModel):
    state: Literal["released"]


class Renewed(BaseModel):
    expires_at: datetime


class ReviewedAnswer(BaseModel):
    """An answer as reviewers see it: by whom, when, and whether it counts."""

    feedback_id: UUID
    assignment: int
    actor: str
    actor_kind: Literal["human", "model", "rule", "end_user"]
    judgments: Judgments
    active_ms: int
    late: bool
    counted: bool
    supersedes: UUID | None
    created_at: datetime


class Health(BaseModel):
    ok: bool
    database: bool
    cache: bool
