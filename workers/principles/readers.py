"""Which reader an extraction has: the rules, or a judge that answers in words."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from annotation.models import Extraction, Judge
from annotation.services.judge_settings import settings_of
from workers.judges.base import Failure, Presented, Said
from workers.judges.calls import Call, Conversation
from workers.judges.driving import Driver
from workers.judges.ledger import Ledger, locked
from workers.judges.registry import transport_of
from workers.principles.base import Reader
from workers.principles.judge import Chat, JudgeReader
from workers.principles.rules import RuleReader


@contextmanager
def reader_of(extraction: Extraction) -> Iterator[Reader]:
    """Yield the reader that an extraction names; its judge is held meanwhile.

    Raises:
        InvalidInput: for a judge that cannot be called, or writes no words.
        Conflict: while another process works with the judge.
    """
    judge = extraction.judge
    if judge is None:
        yield RuleReader()
        return
    with locked(judge):
        judge.refresh_from_db()
        asked = Asked(judge)
        try:
            yield JudgeReader(asked.complete)
        finally:
            asked.transport.close()


class Asked:
    """A judge asked for replies in words, by its accounts.

    What it was asked before is not paid for again, and its budget is never passed; so
    an extraction that stopped goes on where it was when it is begun again.
    """

    def __init__(self, judge: Judge) -> None:
        self.ledger = Ledger(judge)
        self.settings = settings_of(judge)
        self.transport = transport_of(judge, self.ledger)

    def complete(self, chats: Sequence[Chat]) -> list[str]:
        """Return the reply to each chat; nothing for one that it could not answer.

        Raises:
            HoneError: when no further call can do better: the budget is spent, the
                key is refused, another model answers, the endpoint is down.
        """
        items = [
            Presented(
                task=place,
                presentation=0,
                order=(),
                prompt=chat,
                completions=(),
                questions=(),
            )
            for place, chat in enumerate(chats)
        ]
        replies = [""] * len(chats)
        stop: Failure | None = None
        # To its end, whatever happens: what is under way is paid for and must be kept.
        for item, said in Driver(self.transport, self.ledger).run(items, self._ask):
            if said.failure is None:
                replies[item.task] = said.raw_text
            elif said.failure.stops:
                stop = stop or said.failure
        if stop is not None:
            raise stop.as_error()
        return replies

    def _ask(self, item: Presented) -> Conversation:
        call = Call(
            messages=tuple(dict(turn) for turn in item.prompt),
            max_tokens=self.settings.max_tokens,
            temperature=0.0,
        )
        (reply,) = yield [call]
        return Said(raw_text=reply.text)
