"""What every check sees of a task and its answers, and how it says what is wrong."""

import hashlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Generic, TypeVar
from uuid import UUID

from annotation.judgments import Judged, Ref
from annotation.protocols.letters import letter
from annotation.protocols.passages import Passage
from annotation.protocols.questions import Common

Messages = list[dict[str, Any]]
J = TypeVar("J", bound=Judged)
LACKING = "judgments"  # the path of what is not there at all


@dataclass(frozen=True)
class Problem:
    """One field that does not fit.

    Attributes:
        path: of the field, as in the request.
        message: what is wrong, in words that follow the field's name or stand alone.
        value: what was found.
        question: the question's id, where it is about one.
    """

    path: str
    message: str
    value: object = None
    question: str | None = None

    def as_json(self) -> dict[str, Any]:
        return {
            "path": self.path,
            "message": self.message,
            "value": repr(self.value)[:200],
            "question": self.question,
        }


@dataclass(frozen=True)
class Given(Generic[J]):
    """A judgment and its place in the answer."""

    place: int
    judgment: J

    def problem(self, field: str, message: str, value: object = None) -> Problem:
        path = f"judgments.{self.place}" + (f".{field}" if field else "")
        if value is None:
            value = getattr(self.judgment, field.split(".")[0], None)
        return Problem(path, message, value, self.judgment.question)


@dataclass(frozen=True)
class Asked:
    """The task as it was put to the person.

    Attributes:
        completions: ids in the presented order.
        questions: the protocol's.
        texts: reads the messages of the prompt (None) or of a completion; called
            where a check needs them only, so that other answers cost no reading.
        passages: reads the passages beside the prompt, likewise.
    """

    completions: Sequence[UUID]
    questions: Sequence[Common]
    texts: Callable[[UUID | None], Messages]
    passages: Callable[[], Sequence[Passage]] = tuple

    def name(self, completion: UUID) -> str:
        """Return what the person calls a completion of this task: A, B, ..."""
        return letter(self.completions.index(completion))

    def names(self, completions: Sequence[UUID] | None = None) -> str:
        chosen = self.completions if completions is None else completions
        return ", ".join(self.name(each) for each in chosen)

    @cached_property
    def by_doc(self) -> dict[str, Passage]:
        return {passage.doc: passage for passage in self.passages()}


def lacks(question: Common, what: str) -> Problem:
    """Return that an answer lacks something that this question requires."""
    return Problem(LACKING, f"{what}: {question.text!r}", None, question.id)


def once_each(
    given: Sequence[Given[J]], key: Callable[[J], object], field: str, message: str
) -> Iterator[Problem]:
    """Yield a problem for each judgment whose key came before."""
    seen: set[object] = set()
    for each in given:
        if key(each.judgment) in seen:
            yield each.problem(field, message)
        seen.add(key(each.judgment))


def each_completion(
    question: Common, asked: Asked, answered: set[UUID]
) -> Iterator[Problem]:
    """Yield what a required question lacks of the presented completions."""
    missing = [each for each in asked.completions if each not in answered]
    if question.required and missing:
        yield lacks(question, f"needs an answer for {asked.names(missing)}")


def wanted(
    question: Common, each: Given[J], rule: str, field: str, is_there: bool
) -> Iterator[Problem]:
    """Yield a problem where a part is required and lacking, or off and there."""
    if rule == "required" and not is_there:
        yield each.problem(field, f"is required: {question.text!r}")
    if rule == "off" and is_there:
        yield each.problem(field, "is not asked by this question; leave it out")


def bad_refs(
    each: Given[J], field: str, refs: Sequence[Ref | str], asked: Asked
) -> Iterator[Problem]:
    """Yield references that lead nowhere: unknown passage, sentence or stretch."""
    for number, ref in enumerate(refs):
        if isinstance(ref, str):
            continue
        path = f"{field}.{number}"
        if ref.doc is None and ref.completion is None:
            yield each.problem(path, "should name a passage or a completion", ref)
            continue
        if ref.doc is not None:
            passage = asked.by_doc.get(ref.doc)
            if passage is None:
                known = ", ".join(asked.by_doc) or "none, the task has no passages"
                yield each.problem(
                    f"{path}.doc", f"is no passage here; there are {known}", ref.doc
                )
                continue
            ids = {str(sentence.id) for sentence in passage.sentences}
            if ref.sentence is not None and str(ref.sentence) not in ids:
                yield each.problem(
                    f"{path}.sentence",
                    f"is no sentence of passage {ref.doc}",
                    ref.sentence,
                )
        if ref.start is not None or ref.end is not None:
            yield from _bad_stretch(each, path, ref, asked)


def _bad_stretch(
    each: Given[J], path: str, ref: Ref, asked: Asked
) -> Iterator[Problem]:
    if ref.completion is not None:
        messages = asked.texts(ref.completion)
        if ref.message >= len(messages):
            yield each.problem(
                f"{path}.message", f"should be below {len(messages)}", ref.message
            )
            return
        text = str(messages[ref.message]["content"])
    else:
        text = asked.by_doc[str(ref.doc)].text
    if ref.start is None or ref.end is None or not ref.start < ref.end <= len(text):
        yield each.problem(
            path,
            "should have start below end, both within the text's "
            f"{len(text)} characters",
            [ref.start, ref.end],
        )


def sha_of(text: str) -> str:
    """Return the hash by which a judgment says which text it was made on."""
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
