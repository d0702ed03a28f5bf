"""A model of words as a judge: every question it can be asked, in conversation."""

from collections.abc import Callable, Generator, Iterable, Iterator
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from annotation.errors import InvalidJudgments
from annotation.hashing import content_hash
from annotation.judgments import Judgment
from annotation.protocols.checks.common import Asked
from annotation.protocols.questions import Common, CompareQuestion
from annotation.protocols.validation import check_judgments
from annotation.services.judge_settings import JudgeSettings
from workers.judges import choosing, rubrics, writing
from workers.judges.base import Cost, Presented, Said
from workers.judges.calls import Call, Conversation, Reply, Transport
from workers.judges.choosing import Answering
from workers.judges.driving import Driver
from workers.judges.instructions import prompt_hash
from workers.judges.ledger import Ledger
from workers.judges.parsing import Unreadable

Asker = Callable[[Any, Presented, JudgeSettings], Answering]
ASKERS: dict[str, Asker] = {
    "compare": choosing.compare,
    "choose": choosing.choose_category,
    "reaction": choosing.react,
    "rate": choosing.rate,
    "principle": choosing.keep_principles,
    "rank": writing.rank,
    "best_worst": writing.best_worst,
    "span": writing.mark_spans,
    "missing": writing.name_missing,
    "text": writing.write_text,
}


def asker_of(question: Any, settings: JudgeSettings) -> Asker | None:
    """Return how a question is asked, or None for what a judge cannot answer."""
    if question.kind == "compare" and settings.method == "rubric":
        return rubrics.compare_by_rubric
    if question.kind == "rate" and not choosing.points_of(question):
        return writing.rate_number
    if question.kind == "principle" and question.evidence == "required":
        return writing.principles_with_evidence
    if question.kind == "span" and question.target != "completion":
        return None
    return ASKERS.get(question.kind)


class WordsJudge:
    """Asks a model of words, through a transport, by a ledger that keeps each reply."""

    def __init__(
        self,
        transport: Transport,
        settings: JudgeSettings,
        ledger: Ledger,
        description: dict[str, Any],
    ) -> None:
        self.settings = settings
        self._transport = transport
        self._ledger = ledger
        self._told = description

    @property
    def description(self) -> dict[str, Any]:
        """Say what is asked and how; the endpoint's own word is part of it."""
        asked = self.settings.model_dump(
            include={"samples", "temperature", "method", "logprobs", "min_mass"}
        )
        return {
            **self._told,
            "prompt_hash": prompt_hash(self.settings.instructions),
            "sampling": asked,
            "fingerprint": self._ledger.fingerprint,
        }

    @property
    def identity(self) -> str:
        return content_hash([self._transport.address, self.description])[:32]

    def answer(self, items: Iterable[Presented]) -> Iterator[tuple[Presented, Said]]:
        """Yield an answer for each presentation, as they come."""
        driver = Driver(self._transport, self._ledger)
        try:
            yield from driver.run(items, lambda item: converse(item, self.settings))
        finally:
            self._transport.close()


@dataclass
class Spent:
    """What a conversation has taken so far."""

    tokens: int = 0
    milliseconds: int = 0

    def add(self, replies: list[Reply]) -> None:
        self.tokens += sum(reply.tokens for reply in replies)
        self.milliseconds += sum(reply.milliseconds for reply in replies)


def converse(item: Presented, settings: JudgeSettings) -> Conversation:
    """Ask every question of a task; what cannot be read or asked is kept in words."""
    made: list[Judgment] = []
    kept: list[str] = []
    spent = Spent()
    for question in item.questions:
        ask = asker_of(question, settings)
        is_larger = isinstance(question, CompareQuestion) and len(item.ids) != 2
        if ask is None or is_larger:
            kept.append(f"[{question.id}] A judge is not asked this kind of question.")
            continue
        try:
            found = yield from _counted(ask(question, item, settings), spent)
            check(question, found, item)
        except Unreadable as error:
            kept.append(f"[{question.id}] {error.kept}")
        except (InvalidJudgments, ValueError) as error:
            kept.append(f"[{question.id}] {error}")
        else:
            made += found
    return Said(
        tuple(made), "\n\n".join(kept), cost=Cost(spent.tokens, spent.milliseconds)
    )


def _counted(
    asking: Answering, spent: Spent
) -> Generator[list[Call], list[Reply], list[Judgment]]:
    """Pass calls and replies through, and count what they took."""
    calls = next(asking)
    while True:
        replies = yield calls
        spent.add(replies)
        try:
            calls = asking.send(replies)
        except StopIteration as ended:
            found: list[Judgment] = ended.value
            return found


def check(question: Common, judgments: list[Judgment], item: Presented) -> None:
    """Hold a judge's answer to a question against the rules for everybody's.

    Its probability stands where people choose a degree of confidence, and it need not
    give reasons.

    Raises:
        InvalidJudgments: naming what does not fit.
    """
    alone = question.model_copy(
        update={"confidence": None, "reason": "off", "reasons": []}
    )
    texts: dict[UUID | None, list[dict[str, Any]]] = {
        pk: [dict(each) for each in messages] for pk, messages in item.completions
    }
    texts[None] = [dict(each) for each in item.prompt]
    check_judgments(judgments, Asked(item.ids, [alone], texts.__getitem__))
