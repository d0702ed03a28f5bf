"""Any OpenAI-compatible endpoint: chat completions, with log-probabilities or without.

Every way in which an endpoint can misbehave ends in a reply or a failure with a name:
`unreachable`, `timeout`, `rate_limited`, `server_error`, `refused`, `unauthorised`,
`not_understood`. Keys are taken out of everything that is kept.
"""

import json
import math
import random
import threading
import time
from collections.abc import Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

from annotation.services.judge_settings import JudgeSettings
from workers.judges.base import Failure
from workers.judges.calls import Call, Reply, Tried
from workers.judges.http import Client, Lost, Refused, Response
from workers.judges.keys import Key
from workers.judges.ledger import Ledger

TOP = 20  # log-probabilities asked for; the most that is common
FIRST_PAUSE, LONGEST_PAUSE = 0.5, 30.0  # seconds
LONGEST_WAIT = 120.0  # of a Retry-After; beyond it, try another time
AGAIN = frozenset({408, 409, 425, 429, 500, 502, 503, 504, 529})
SHOWN = 300  # characters of a reply that failures tell of
MOST_TOKENS = 10_000_000  # of one call; who claims more has told nothing


class Endpoint:
    """Carries calls to an endpoint, several at once, and tries again where it helps."""

    def __init__(self, settings: JudgeSettings, ledger: Ledger, width: int) -> None:
        self.address = f"{settings.url} {settings.model}"
        self.width = width
        self._settings = settings
        self._ledger = ledger
        self._key = Key(settings)
        self._gate = Gate(settings.per_minute)
        self._client = Client(
            settings.url,
            timeout=settings.timeout_seconds,
            headers=self._key.headers,
        )
        self._pool = ThreadPoolExecutor(width, thread_name_prefix="judge")
        self._halted = threading.Event()

    def submit(self, call: Call) -> "Future[Tried]":
        return self._pool.submit(self._try, call)

    def close(self) -> None:
        self._halted.set()
        self._pool.shutdown(wait=True, cancel_futures=True)
        self._client.close()

    # --- tries -----------------------------------------------------------------------

    def _try(self, call: Call) -> Tried:
        if self._key.problem is not None:
            return Tried(None, self._key.problem)
        body = self._body(call)
        lost, held = 0, 1
        for number in range(1, self._settings.tries + 1):
            self._gate.wait(self._halted)
            last, was_lost = self._once(body, call)
            if isinstance(last, Reply):
                return Tried(last, None, number, lost, held)
            failure, pause = last
            if was_lost:
                lost += 1
            is_last = number == self._settings.tries or pause is None
            if is_last or self._halted.is_set():
                return Tried(None, failure, number, lost, held)
            if was_lost:
                # What was sent may be charged: another try needs its own share.
                if not self._ledger.reserve(call):
                    spent = self._ledger.budget_spent()
                    return Tried(None, spent, number, lost, held)
                held += 1
            growing = min(LONGEST_PAUSE, FIRST_PAUSE * 2 ** (number - 1))
            self._halted.wait(max(pause or 0.0, growing * random.uniform(0.5, 1.0)))
        raise AssertionError("unreachable: the last try returns")

    def _once(
        self, body: bytes, call: Call
    ) -> tuple[Reply | tuple[Failure, float | None], bool]:
        """Return a reply, or a failure with the least pause before the next try."""
        began = time.monotonic()
        try:
            response = self._client.post("/chat/completions", body)
        except Refused as error:
            return (
                self._failure("unreachable", "The endpoint does not answer.", error),
                0.0,
            ), False
        except Lost as error:
            name = "timeout" if "within" in str(error) else "unreachable"
            return (self._failure(name, "No whole reply came back.", error), 0.0), True
        if response.status != 200:
            return self._refusal(response), False
        try:
            return self._read(response, call, began), False
        except (ValueError, LookupError, TypeError, RecursionError) as error:
            failure = self._failure(
                "not_understood",
                "The endpoint's reply is no chat completion.",
                f"{type(error).__name__}: {error}; {self._shown(response)}",
                expected="JSON with choices[0].message.content",
            )
            return (failure, 0.0), True

    def _refusal(self, response: Response) -> tuple[Failure, float | None]:
        status = response.status
        shown = f"{status}: {self._shown(response)}"
        if status in AGAIN:
            pause = retry_after(response.headers.get("retry-after"))
            name = "rate_limited" if status == 429 else "server_error"
            failure = self._failure(name, "The endpoint asks to try later.", shown)
            if pause > LONGEST_WAIT:
                return failure, None
            if status == 429:
                self._gate.hold(pause or FIRST_PAUSE)
            return failure, pause
        if status in (401, 403):
            failure = self._failure(
                "unauthorised",
                "The endpoint does not take the key.",
                shown,
                expected=f"a valid key in {self._settings.key or 'a variable'}",
                fix="Set the variable where the workers run, and name it in the judge.",
                stops=True,
            )
            return failure, None
        if status == 404 or 300 <= status < 400:
            failure = self._failure(
                "refused",
                "The endpoint is not there.",
                shown,
                stops=True,
                expected="chat completions at this address, for this model",
            )
            return failure, None
        return self._failure("refused", "The endpoint refused the call.", shown), None

    def _failure(
        self,
        name: str,
        message: str,
        found: object,
        *,
        expected: str = "a chat completion",
        fix: str = "See that the endpoint runs and takes such calls, then start again.",
        stops: bool = False,
    ) -> Failure:
        said = self._key.hide(str(found))
        return Failure(name, message, expected, said, fix, stops)

    def _shown(self, response: Response) -> str:
        """Return how a reply begins; the key is gone before anything is cut off."""
        return self._key.hide(response.body.decode("utf-8", "replace"))[:SHOWN]

    # --- the wire --------------------------------------------------------------------

    def _body(self, call: Call) -> bytes:
        asked: dict[str, Any] = {
            "model": self._settings.model,
            "messages": list(call.messages),
            "max_tokens": call.max_tokens,
            "temperature": call.temperature,
            "stream": False,
        }
        if call.choices and self._settings.logprobs:
            asked |= {"logprobs": True, "top_logprobs": TOP}
        if call.temperature > 0:
            asked["seed"] = call.sample
        return json.dumps(asked, ensure_ascii=False).encode("utf-8", "replace")

    def _read(self, response: Response, call: Call, began: float) -> Reply:
        told = _mapping(json.loads(response.body))
        choice = _mapping(told["choices"][0])
        text = _mapping(choice["message"]).get("content")
        if not isinstance(text, str):
            raise TypeError("the content is no text")
        usage = told.get("usage")
        usage = usage if isinstance(usage, dict) else {}
        shares = None
        if call.choices and self._settings.logprobs:
            shares = shares_of(choice.get("logprobs"), call.choices)
        return Reply(
            self._key.hide(text),
            shares,
            _count(usage.get("prompt_tokens")),
            _count(usage.get("completion_tokens")),
            self._key.hide(fingerprint_of(told))[:SHOWN],
            int(1000 * (time.monotonic() - began)),
        )


def fingerprint_of(told: Mapping[str, Any]) -> str:
    """Return what a reply says it comes from: model, and build where it is told."""
    model, build = told.get("model"), told.get("system_fingerprint")
    return "|".join(str(each) for each in (model, build) if each)


def shares_of(told: Any, letters: tuple[str, ...]) -> dict[str, float] | None:
    """Return the letters' probabilities as the first token, or None if not told.

    Tokens that are the letter with white space count with it; a letter that is not
    among the listed ones counts as nothing.
    """
    try:
        first = told["content"][0]
        listed = [*first.get("top_logprobs", []), first]
        found: dict[str, float] = {}
        seen = set()
        for each in listed:
            if each["token"] in seen:
                continue
            seen.add(each["token"])
            logprob = float(each["logprob"])
            if math.isnan(logprob):
                return None
            share = math.exp(min(logprob, 0.0))
            letter = str(each["token"]).strip()
            found[letter] = found.get(letter, 0.0) + share
    except (TypeError, LookupError, ValueError, AttributeError, OverflowError):
        return None
    if not first.get("top_logprobs"):
        return None
    return {each: found.get(each, 0.0) for each in letters}


def retry_after(header: str | None) -> float:
    """Return the seconds a Retry-After asks for: a number, or a date; 0 if neither."""
    if not header:
        return 0.0
    try:
        seconds = float(header)
    except ValueError:
        try:
            at = parsedate_to_datetime(header)
        except ValueError:
            return 0.0
        at = at if at.tzinfo else at.replace(tzinfo=UTC)
        seconds = (at - datetime.now(UTC)).total_seconds()
    return max(0.0, seconds) if math.isfinite(seconds) else 0.0


def _count(value: Any) -> int | None:
    is_count = isinstance(value, int) and not isinstance(value, bool)
    return int(value) if is_count and 0 <= value <= MOST_TOKENS else None


def _mapping(value: Any) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise TypeError(f"a {type(value).__name__} where an object should be")
    return value


class Gate:
    """Keeps calls apart: so many a minute, and none while the endpoint is full."""

    def __init__(self, per_minute: int | None) -> None:
        self._apart = 60 / per_minute if per_minute else 0.0
        self._next = 0.0
        self._lock = threading.Lock()

    def hold(self, seconds: float) -> None:
        """Let nobody through for some seconds."""
        with self._lock:
            self._next = max(self._next, time.monotonic() + seconds)

    def wait(self, halted: threading.Event) -> None:
        """Wait for one's turn."""
        with self._lock:
            now = time.monotonic()
            turn = max(self._next, now)
            if self._apart:
                self._next = turn + self._apart
        if turn > now:
            halted.wait(turn - now)
