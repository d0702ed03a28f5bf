"""Many conversations at once: calls go out side by side, replies are stored first.

One thread drives; the transport's threads only send. Equal calls that are under way
at once are sent once. When something stops the batch (budget, another model, a refused
key), calls under way still come in and are stored; whatever is not asked yet fails by
name.
"""

import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future
from dataclasses import dataclass, field
from queue import Empty, SimpleQueue

from workers.judges.base import Failure, Presented, Said
from workers.judges.calls import Call, Conversation, Reply, Transport, Tried
from workers.judges.ledger import Done, Ledger

Opened = Callable[[Presented], Conversation]
Ended = tuple[Presented, Said]
# Conversations open for each call under way: while answers are written, none waits.
AHEAD = 3
LINGER_SECONDS = 0.02
# So many failed tasks in a row say that the endpoint is down.
IN_A_ROW = 8


@dataclass
class Job:
    """One conversation, and the replies that it waits for."""

    item: Presented
    talk: Conversation
    calls: list[Call] = field(default_factory=list)
    keys: list[str] = field(default_factory=list)
    replies: dict[int, Reply] = field(default_factory=dict)
    failure: Failure | None = None
    is_over: bool = False


@dataclass(frozen=True)
class Came:
    key: str
    call: Call
    tried: Tried
    mistake: BaseException | None = None


class Driver:
    """Runs conversations over a transport, by a ledger."""

    def __init__(self, transport: Transport, ledger: Ledger) -> None:
        self._transport = transport
        self._ledger = ledger
        self._came: SimpleQueue[Came] = SimpleQueue()
        self._waiting: dict[str, list[tuple[Job, int]]] = {}
        self._ended: deque[Ended] = deque()
        self._stop: Failure | None = None
        self._open = 0
        self._failed_in_a_row = 0

    def run(self, items: Iterable[Presented], opened: Opened) -> Iterator[Ended]:
        """Yield every item with its answer, as they end."""
        coming = iter(items)
        more, most = True, AHEAD * self._transport.width
        # The senders get their first calls before anything is got ready beyond them.
        room = self._transport.width
        while more or self._open or self._ended:
            fresh: list[Job] = []
            while more and self._open < room:
                item = next(coming, None)
                if item is None:
                    more = False
                    break
                self._open += 1
                job = Job(item, opened(item))
                if self._advance(job, None):
                    fresh.append(job)
            self._ask(fresh)
            room = most
            is_full = not more or self._open >= most
            if self._waiting and not self._ended and is_full:
                self._ask(self._take_in())
            while self._ended:
                yield self._ended.popleft()

    # --- one conversation ------------------------------------------------------------

    def _advance(self, job: Job, replies: list[Reply] | None) -> bool:
        """Go on with a conversation; return True if it asks for further calls."""
        if self._stop is not None and replies is None:
            self._end(job, Said(failure=self._stop))
            return False
        try:
            calls = next(job.talk) if replies is None else job.talk.send(replies)
        except StopIteration as ended:
            self._failed_in_a_row = 0
            self._end(job, ended.value)
            return False
        job.calls, job.replies = calls, {}
        job.keys = [call.key(self._transport.address) for call in calls]
        return True

    def _end(self, job: Job, said: Said) -> None:
        job.is_over = True
        job.talk.close()
        self._open -= 1
        self._ended.append((job.item, said))

    def _fail(self, job: Job, failure: Failure) -> None:
        if job.is_over:
            return
        if failure.is_final:
            self._end(job, Said(raw_text=failure.message))
            return
        self._end(job, Said(failure=failure))
        if failure.stops:
            self._stop = self._stop or failure
            return
        self._failed_in_a_row += 1
        if self._failed_in_a_row >= IN_A_ROW and self._stop is None:
            self._stop = Failure(
                "endpoint_down",
                f"{IN_A_ROW} tasks in a row failed; the last one: {failure.message}",
                expected=failure.expected,
                found=failure.found,
                fix="See that the endpoint runs, then start the judge again.",
                stops=True,
            )

    # --- calls -----------------------------------------------------------------------

    def _ask(self, jobs: list[Job]) -> None:
        """Answer calls from the store, and send the others."""
        while jobs:
            known = self._ledger.known(key for job in jobs for key in job.keys)
            further = []
            outgoing: list[tuple[str, Call]] = []
            for job in jobs:
                outgoing += self._line_up(job, known)
                if self._goes_on(job):
                    further.append(job)
            # Written down before any is sent: a batch that is killed can be told from.
            self._ledger.intend(outgoing)
            for key, call in outgoing:
                future = self._transport.submit(call)
                future.add_done_callback(self._noted(key, call))
            jobs = further

    def _line_up(self, job: Job, known: dict[str, Reply]) -> list[tuple[str, Call]]:
        """Give a conversation what is known; return the calls that are to be sent."""
        outgoing = []
        for place, (key, call) in enumerate(zip(job.keys, job.calls, strict=True)):
            if key in known:
                job.replies[place] = known[key]
            elif key in self._waiting:
                self._waiting[key].append((job, place))
            elif self._stop is not None:
                self._fail(job, self._stop)
                break
            elif not self._ledger.reserve(call):
                self._fail(job, self._ledger.budget_spent())
                break
            else:
                self._waiting[key] = [(job, place)]
                outgoing.append((key, call))
        return outgoing

    def _noted(self, key: str, call: Call) -> Callable[["Future[Tried]"], None]:
        def note(future: "Future[Tried]") -> None:
            error = future.exception()
            if error is not None:
                # A mistake of ours in a sending thread: raised where it is driven.
                self._came.put(Came(key, call, Tried(None), error))
            else:
                self._came.put(Came(key, call, future.result()))

        return note

    def _take_in(self) -> list[Job]:
        """Wait for replies, store all that are there, and return whose talk goes on."""
        came = [self._came.get()]
        if len(self._waiting) > self._transport.width:
            # The senders have enough to do: a few more replies are stored with it.
            time.sleep(LINGER_SECONDS)
        try:
            while True:
                came.append(self._came.get_nowait())
        except Empty:
            pass
        for each in came:
            if each.mistake is not None:
                raise each.mistake
        changes = {
            each.key: self._ledger.changed(each.tried.reply)
            for each in came
            if each.tried.reply is not None
        }
        self._ledger.store([Done(each.key, each.call, each.tried) for each in came])
        further = []
        for each in came:
            failure = each.tried.failure or changes.get(each.key)
            for job, place in self._waiting.pop(each.key):
                if job.is_over:
                    continue
                if failure is not None:
                    self._fail(job, failure)
                    continue
                assert each.tried.reply is not None
                job.replies[place] = each.tried.reply
                if self._goes_on(job):
                    further.append(job)
        return further

    def _goes_on(self, job: Job) -> bool:
        """Give a conversation its replies once all are there; True if it asks on."""
        if job.is_over or len(job.replies) < len(job.calls):
            return False
        replies = [job.replies[place] for place in range(len(job.calls))]
        return self._advance(job, replies)
