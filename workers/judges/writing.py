"""Questions that are answered in words: one JSON object, read strictly.

Rank, best and worst, spans and what is missing (quoted, found in the text or the
whole answer is void), and critiques.
"""

import json
from collections.abc import Generator, Iterator, Sequence
from typing import Annotated, Literal, TypeVar

from pydantic import Field

from annotation.judgments import (
    BestWorst,
    Judgment,
    Missing,
    Principle,
    Rank,
    Rate,
    Span,
    Strict,
    WrittenText,
)
from annotation.protocols.checks.common import sha_of
from annotation.protocols.letters import letter
from annotation.protocols.questions import (
    BestWorstQuestion,
    MissingQuestion,
    PrincipleQuestion,
    RankQuestion,
    RateQuestion,
    SpanQuestion,
    TextQuestion,
)
from annotation.services.judge_settings import JudgeSettings
from workers.judges.base import Messages, Presented
from workers.judges.calls import Call, Reply
from workers.judges.choosing import Answering, worded
from workers.judges.instructions import ONE_OBJECT, as_messages
from workers.judges.parsing import Unreadable, one_object

S = TypeVar("S", bound=Strict)
Words = Annotated[str, Field(min_length=1, max_length=20_000)]


class Order(Strict):
    order: list[list[str]]


class Ends(Strict):
    best: str
    worst: str


class Number(Strict):
    value: float | None


class Verdict(Strict):
    verdict: Literal["yes", "no", "partial", "na"]
    evidence: str


class Mark(Strict):
    quote: Words
    category: str
    severity: str | None = None
    note: str | None = None
    replacement: str | None = None


class Marks(Strict):
    spans: Annotated[list[Mark], Field(max_length=100)]


class Lack(Strict):
    category: str
    text: Words


class Lacks(Strict):
    missing: Annotated[list[Lack], Field(max_length=100)]


class Prose(Strict):
    text: Words


def ask_object(
    item: Presented,
    settings: JudgeSettings,
    text: str,
    form: type[S],
    shown: str,
    names: Sequence[int] | None = None,
) -> Generator[list[Call], list[Reply], S]:
    """Ask for one object of a form.

    Args:
        shown: the form as the model is shown it.

    Raises:
        Unreadable: when the reply is anything else.
    """
    messages = as_messages(
        item,
        f"{text}\n{ONE_OBJECT.format(form=shown)}",
        instructions=settings.instructions,
        names=names,
    )
    [reply] = yield [Call(messages, settings.max_tokens, 0.0)]
    return one_object(reply.text, form)


def rank(question: RankQuestion, item: Presented, settings: JudgeSettings) -> Answering:
    shown = '{"order": [["A"], ["B", "C"]]}'
    text = (
        f"{worded(question)}\nAll completions, best first; those in one inner list are "
        "equally good."
    )
    said = yield from ask_object(item, settings, text, Order, shown)
    seats = _seats(item)
    named = [name for group in said.order for name in group]
    if sorted(named) != sorted(seats) or not all(said.order):
        raise Unreadable(
            f"The order should name {', '.join(seats)} once each.", json.dumps(named)
        )
    groups = [[seats[name] for name in group] for group in said.order]
    return [Rank(groups=groups, question=question.id, criterion=question.criterion)]


def best_worst(
    question: BestWorstQuestion, item: Presented, settings: JudgeSettings
) -> Answering:
    shown = '{"best": "A", "worst": "B"}'
    said = yield from ask_object(item, settings, worded(question), Ends, shown)
    seats = _seats(item)
    if said.best not in seats or said.worst not in seats or said.best == said.worst:
        raise Unreadable(
            f"Expected two different ones of {', '.join(seats)}.",
            f"{said.best}, {said.worst}",
        )
    ends = {"best": [seats[said.best]], "worst": [seats[said.worst]]}
    return [
        BestWorst.model_validate(
            ends | {"question": question.id, "criterion": question.criterion}
        )
    ]


def rate_number(
    question: RateQuestion, item: Presented, settings: JudgeSettings
) -> Answering:
    """A number on a scale that has too many points for letters."""
    made: list[Judgment] = []
    for place, pk in enumerate(item.ids):
        text = f"{worded(question)}\nThe scale: {question.scale.described()}."
        said = yield from ask_object(
            item, settings, text, Number, '{"value": 0}', names=(place,)
        )
        made.append(
            Rate(
                completion=pk,
                value=said.value,
                scale=question.scale.id,
                question=question.id,
                criterion=question.criterion,
            )
        )
    return made


def principles_with_evidence(
    question: PrincipleQuestion, item: Presented, settings: JudgeSettings
) -> Answering:
    """Verdicts that quote the completion: the quotation has to be there."""
    shown = '{"verdict": "yes" or "no" or "partial" or "na", "evidence": "..."}'
    made: list[Judgment] = []
    for principle in question.principles:
        for place, (pk, messages) in enumerate(item.completions):
            text = (
                f"{worded(question)}\nThe principle: {principle.text}\nThe evidence is "
                "copied word for word from the completion."
            )
            said = yield from ask_object(
                item, settings, text, Verdict, shown, names=(place,)
            )
            message, start, end = find(said.evidence, messages)
            ref = {"completion": pk, "message": message, "start": start, "end": end}
            made.append(
                Principle.model_validate(
                    {
                        "completion": pk,
                        "principle": principle.text,
                        "verdict": said.verdict,
                        "evidence": [ref],
                        "question": question.id,
                        "criterion": question.criterion,
                    }
                )
            )
    return made


def mark_spans(
    question: SpanQuestion, item: Presented, settings: JudgeSettings
) -> Answering:
    categories = "; ".join(f"{each.id} ({each.label})" for each in question.categories)
    severities = ", ".join(each.id for each in question.severities)
    fields = '"quote": "...", "category": "..."'
    fields += ', "severity": "..."' if severities else ""
    fields += ', "note": "..."' if question.note != "off" else ""
    fields += ', "replacement": "..."' if question.replacement != "off" else ""
    text = (
        f"{worded(question)}\nQuote each stretch word for word. Categories: "
        f"{categories}." + (f" Severities: {severities}." if severities else "")
    )
    shown = '{"spans": [{' + fields + "}]}, or an empty list"
    made: list[Judgment] = []
    for place, (pk, messages) in enumerate(item.completions):
        said = yield from ask_object(item, settings, text, Marks, shown, names=(place,))
        for mark in said.spans:
            message, start, end = find(mark.quote, messages)
            content = str(messages[message]["content"])
            made.append(
                Span.model_validate(
                    mark.model_dump(exclude={"quote"})
                    | {
                        "completion": pk,
                        "message": message,
                        "start": start,
                        "end": end,
                        "text_sha": sha_of(content),
                        "question": question.id,
                        "criterion": question.criterion,
                    }
                )
            )
    return made


def name_missing(
    question: MissingQuestion, item: Presented, settings: JudgeSettings
) -> Answering:
    categories = "; ".join(f"{each.id} ({each.label})" for each in question.categories)
    shown = '{"missing": [{"category": "...", "text": "..."}]}, or an empty list'
    made: list[Judgment] = []
    for place, pk in enumerate(item.ids):
        text = f"{worded(question)}\nCategories: {categories}."
        said = yield from ask_object(item, settings, text, Lacks, shown, names=(place,))
        for lack in said.missing:
            made.append(
                Missing(
                    completion=pk,
                    category=lack.category,
                    text=None if question.note == "off" else lack.text,
                    question=question.id,
                    criterion=question.criterion,
                )
            )
    return made


def write_text(
    question: TextQuestion, item: Presented, settings: JudgeSettings
) -> Answering:
    """A critique, a rationale or an edit."""
    each = question.per == "completion"
    made: list[Judgment] = []
    for place in range(len(item.ids)) if each else (None,):
        names = None if place is None else (place,)
        text = worded(question)
        if question.min_chars:
            text += f"\nAt least {question.min_chars} characters."
        said = yield from ask_object(
            item, settings, text, Prose, '{"text": "..."}', names
        )
        made.append(
            WrittenText(
                role=question.role,
                completion=None if place is None else item.ids[place],
                content=said.text,
                question=question.id,
                criterion=question.criterion,
            )
        )
    return made


def find(quote: str, messages: Messages) -> tuple[int, int, int]:
    """Return where a quotation stands: message, start and end in code points.

    Raises:
        Unreadable: if it stands nowhere, or in several places.
    """
    places = list(_places(quote, messages)) if quote else []
    if len(places) != 1:
        raise Unreadable(
            f"The quotation stands in {len(places)} places of the completion.", quote
        )
    return places[0]


def _places(quote: str, messages: Messages) -> Iterator[tuple[int, int, int]]:
    for number, message in enumerate(messages):
        content = str(message["content"])
        start = content.find(quote)
        while start >= 0:
            yield number, start, start + len(quote)
            start = content.find(quote, start + 1)


def _seats(item: Presented) -> dict[str, object]:
    return {letter(place): pk for place, pk in enumerate(item.ids)}
