"""A judge's accounts while it works: what is known already, and what may be spent.

Only one process works with a judge at a time (`locked`), so what is left of the
budget is counted here and written with every call. A call is sent only while the most
it could cost is still left: the budget is never passed, whatever is under way.
"""

import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from decimal import Decimal
from threading import Lock

from django.db import connection, transaction
from django.db.models import F
from django.utils import timezone

from annotation.errors import Conflict
from annotation.models import MAYBE_PAID, Judge, JudgeBatch, JudgeCall, JudgeIntent
from workers.judges.base import Failure
from workers.judges.calls import Call, Reply, Tried

MILLION = Decimal(1_000_000)
TEMPLATE_TOKENS = 64  # what a chat template may add
LOCK_SPACE = 0x10D6E
# The database takes a moment to notice that the process that held a judge is dead.
PATIENCE_SECONDS = 20.0


@dataclass(frozen=True)
class Done:
    """A call that came to an end, to be stored."""

    key: str
    call: Call
    tried: Tried


class Ledger:
    """The accounts of one judge during one batch; reserve may be asked by any thread.

    Attributes:
        fingerprint: the model that the endpoint is known to run, empty at first.
    """

    def __init__(self, judge: Judge) -> None:
        self.judge = judge
        self.fingerprint = judge.fingerprint
        self.calls = 0
        self.cached = 0
        self.cost = Decimal(0)
        self._lock = Lock()
        self._left = None if judge.budget is None else judge.budget - judge.spent
        self._reserved = Decimal(0)

    # --- money -----------------------------------------------------------------------

    def bound(self, call: Call) -> Decimal:
        """Return the most that one try may cost: a token has at least one byte."""
        prompt, completion = self._most(call)
        return self._price(prompt, completion)

    def _most(self, call: Call) -> tuple[int, int]:
        size = sum(
            len(each["content"].encode("utf-8", "surrogatepass"))
            for each in call.messages
        )
        return size + TEMPLATE_TOKENS, call.max_tokens

    def _price(self, prompt: int, completion: int) -> Decimal:
        judge = self.judge
        whole = judge.price_prompt * prompt + judge.price_completion * completion
        return whole / MILLION

    def reserve(self, call: Call) -> bool:
        """Set aside what one try may cost; False if the budget does not have it."""
        amount = self.bound(call)
        with self._lock:
            if self._left is None:
                return True
            if self._reserved + amount > self._left:
                return False
            self._reserved += amount
            return True

    def budget_spent(self) -> Failure:
        return Failure(
            "budget",
            "The judge's budget does not cover another call.",
            expected=f"at most {self.judge.budget} spent",
            found=f"{self.judge.spent + self.cost} spent",
            fix="Raise the judge's budget and start it again; it goes on where it "
            "stopped.",
            stops=True,
        )

    # --- calls -----------------------------------------------------------------------

    def known(self, keys: Iterable[str]) -> dict[str, Reply]:
        """Return the replies that are stored already, of the model that runs now."""
        rows = JudgeCall.objects.filter(
            judge=self.judge, key__in=set(keys), error__isnull=True
        ).values_list(
            "key", "reply", "fingerprint", "prompt_tokens", "completion_tokens"
        )
        found = {}
        for key, reply, fingerprint, _, _ in rows:
            if fingerprint in ("", self.fingerprint) and reply is not None:
                found[key] = Reply(reply["text"], reply["shares"], 0, 0, fingerprint, 0)
        self.cached += len(found)
        return found

    def intend(self, calls: Sequence[tuple[str, Call]]) -> None:
        """Write down calls that will be sent; those that cannot cost anything are not.

        Like `store` it does not wait for the disk: only a machine that loses its power
        forgets what was under way.
        """
        rows = []
        for key, call in calls:
            prompt, completion = self._most(call)
            if cost := self._price(prompt, completion):
                rows.append(
                    JudgeIntent(
                        judge=self.judge,
                        key=key,
                        prompt_tokens=prompt,
                        completion_tokens=completion,
                        cost=cost,
                    )
                )
        if rows:
            with transaction.atomic():
                _do_not_wait()
                JudgeIntent.objects.bulk_create(rows, ignore_conflicts=True)

    def store(self, done: Sequence[Done]) -> None:
        """Write calls and what they cost, in one transaction.

        It does not wait for the disk: a batch that is killed loses nothing by that,
        and the answers, which are written later and do wait, take the calls along.
        """
        rows = [row for each in done for row in self._rows(each)]
        cost = sum((row.cost for row in rows), Decimal(0))
        with transaction.atomic():
            _do_not_wait()
            JudgeCall.objects.bulk_create(rows, ignore_conflicts=True)
            if self.judge.price_prompt or self.judge.price_completion:
                ended = [each.key for each in done]
                JudgeIntent.objects.filter(judge=self.judge, key__in=ended).delete()
            Judge.objects.filter(pk=self.judge.pk).update(
                calls=F("calls") + len(rows),
                prompt_tokens=F("prompt_tokens") + sum(r.prompt_tokens for r in rows),
                completion_tokens=F("completion_tokens")
                + sum(r.completion_tokens for r in rows),
                spent=F("spent") + cost,
                **(
                    {"fingerprint": self.fingerprint}
                    if self.fingerprint != self.judge.fingerprint
                    else {}
                ),
            )
        self.judge.fingerprint = self.fingerprint
        self.calls += len(rows)
        self.cost += cost
        with self._lock:
            if self._left is not None:
                self._left -= cost
                for each in done:
                    self._reserved -= self.bound(each.call) * each.tried.held

    def _rows(self, done: Done) -> Iterator[JudgeCall]:
        tried = done.tried
        prompt, completion = self._most(done.call)
        for _ in range(tried.lost):
            yield JudgeCall(
                judge=self.judge,
                key=done.key,
                error={"name": "lost", "message": "No usable reply came back."},
                prompt_tokens=prompt,
                completion_tokens=completion,
                cost=self._price(prompt, completion),
                estimated=True,
                tries=tried.tries,
            )
        reply = tried.reply
        if reply is None:
            return
        is_told = (
            reply.prompt_tokens is not None and reply.completion_tokens is not None
        )
        if is_told:
            prompt, completion = reply.prompt_tokens or 0, reply.completion_tokens or 0
        yield JudgeCall(
            judge=self.judge,
            key=done.key,
            reply=reply.as_json(),
            fingerprint=reply.fingerprint[:300],
            prompt_tokens=prompt,
            completion_tokens=completion,
            cost=self._price(prompt, completion),
            estimated=not is_told,
            tries=tried.tries,
            milliseconds=reply.milliseconds,
        )

    # --- the model behind the name ---------------------------------------------------

    def changed(self, reply: Reply) -> Failure | None:
        """Take note of which model replied; return a failure if it is another one."""
        told = reply.fingerprint[:300]
        if not told or told == self.fingerprint:
            return None
        if not self.fingerprint:
            self.fingerprint = told
            return None
        return Failure(
            "model_changed",
            "The endpoint runs another model than before, under the same name.",
            expected=self.fingerprint,
            found=told,
            fix="Look at the judge's card, then accept the new model: it becomes an "
            "actor of its own.",
            stops=True,
        )


def _do_not_wait() -> None:
    """Let this transaction end before it is on the disk."""
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL synchronous_commit TO OFF")


def count_cut_off(judge: Judge) -> int:
    """Count what a killed batch may have paid for, at its most; return how many calls.

    They will be sent again, since no reply of theirs is known: what was under way may
    be paid twice. The judge's lock must be held.
    """
    with transaction.atomic():
        left = list(judge.intents.order_by("pk"))
        if not left:
            return 0
        JudgeCall.objects.bulk_create(
            [
                JudgeCall(
                    judge=judge,
                    key=each.key,
                    error={
                        "name": MAYBE_PAID,
                        "message": "The batch was cut off while this call was under "
                        "way, or next in line.",
                    },
                    prompt_tokens=each.prompt_tokens,
                    completion_tokens=each.completion_tokens,
                    cost=each.cost,
                    estimated=True,
                )
                for each in left
            ]
        )
        Judge.objects.filter(pk=judge.pk).update(
            calls=F("calls") + len(left),
            prompt_tokens=F("prompt_tokens") + sum(r.prompt_tokens for r in left),
            completion_tokens=F("completion_tokens")
            + sum(r.completion_tokens for r in left),
            spent=F("spent") + sum((r.cost for r in left), Decimal(0)),
        )
        judge.intents.all().delete()
    judge.refresh_from_db()
    return len(left)


def _try_lock(judge: Judge) -> bool:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_lock(%s, %s)", [LOCK_SPACE, judge.pk])
        return bool(cursor.fetchone()[0])


@contextmanager
def locked(judge: Judge) -> Iterator[None]:
    """Hold a judge for this process; a process that dies lets go of it.

    Raises:
        Conflict: if another process works with it.
    """
    until = time.monotonic() + PATIENCE_SECONDS
    while not _try_lock(judge):
        if time.monotonic() > until:
            raise Conflict(
                "This judge is at work already.",
                expected="a judge that nobody else uses right now",
                found=f"a batch of {judge} under way",
                fix="Wait until it is done; what waits is found again.",
            )
        time.sleep(0.1)
    try:
        # Whoever was killed while at work left a row that says it still runs.
        JudgeBatch.objects.filter(judge=judge, state="running").update(
            state="cut_off", ended_at=timezone.now()
        )
        count_cut_off(judge)
        yield
    finally:
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_unlock(%s, %s)", [LOCK_SPACE, judge.pk])
