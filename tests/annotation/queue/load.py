"""Annotators who work over HTTP and write down what they were promised."""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import random
import signal
import subprocess
import sys
import threading
import time
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests import factories

PATIENCE_SECONDS = 60.0


class Unreachable(Exception):
    """The server did not answer for longer than anybody would wait."""


@dataclass
class Annotator:
    """One person with a token; keeps sending an answer until somebody takes it."""

    port: int
    secret: str
    slug: str
    holder: str = ""
    seed: int = 0
    acknowledged: dict[str, int] = field(default_factory=dict)
    handed: list[int] = field(default_factory=list)
    repeats: int = 0
    failures: int = 0
    surprises: list[Any] = field(default_factory=list)
    _connection: http.client.HTTPConnection | None = None

    def call(self, path: str, body: Any = None) -> tuple[int, Any]:
        """POST until there is a definite answer; 503 and silence are none."""
        give_up = time.monotonic() + PATIENCE_SECONDS
        headers = {
            "Authorization": f"Bearer {self.secret}",
            "Content-Type": "application/json",
        }
        content = json.dumps(body) if body is not None else None
        while time.monotonic() < give_up:
            try:
                if self._connection is None:
                    self._connection = http.client.HTTPConnection(
                        "127.0.0.1", self.port, timeout=20
                    )
                self._connection.request("POST", f"/api/v1{path}", content, headers)
                response = self._connection.getresponse()
                text = response.read()
                if response.status != 503:
                    return response.status, json.loads(text)
            except (OSError, http.client.HTTPException):
                if self._connection is not None:
                    self._connection.close()
                self._connection = None
            self.failures += 1
            time.sleep(0.05)
        raise Unreachable(path)

    def work(self, count: int = 2) -> None:
        """Lease and answer until there is nothing left for this person."""
        drawn = random.Random(self.seed)
        idle = 0
        while idle < 8:
            path = f"/projects/{self.slug}/assignments?count={count}"
            status, handed = self.call(f"{path}&holder={self.holder}")
            if status != 200:
                self.surprises.append((status, handed))
                return
            if not handed["assignments"]:
                idle += 1
                time.sleep(0.4)
                continue
            idle = 0
            for assignment in handed["assignments"]:
                self.handed.append(assignment["id"])
                self.answer(assignment, drawn)

    def answer(self, assignment: dict[str, Any], drawn: random.Random) -> None:
        outcome = drawn.choice(("a", "b", "tie"))
        judgments = factories.compare(assignment["completions"], outcome)
        client_id = str(uuid.UUID(int=drawn.getrandbits(128), version=4))
        body = factories.answer(assignment, client_id=client_id, judgments=judgments)
        for turn in range(2 if drawn.random() < 0.3 else 1):
            status, stored = self.call(
                f"/assignments/{assignment['id']}/feedback", body
            )
            if status in (200, 201):
                self.acknowledged[client_id] = assignment["id"]
                self.repeats += status == 200
            elif status == 409 and stored["error"] == "already_answered" and not turn:
                # Another tab of the same person was handed it again and was quicker.
                self.surprises.append(("twice", assignment["id"]))
            else:
                self.surprises.append((status, stored))


def work_together(annotators: list[Annotator]) -> None:
    """Let all of them work at once, each in a thread."""

    def work(person: Annotator) -> None:
        try:
            person.work()
        except Exception as error:
            person.surprises.append(error)

    threads = [threading.Thread(target=work, args=(p,)) for p in annotators]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(240)
    assert not any(thread.is_alive() for thread in threads)


class Web:
    """gunicorn with several worker processes, as production runs it."""

    def __init__(self, environment: dict[str, str], port: int, workers: int) -> None:
        self.port = port
        settings = {
            "HONE_PORT": str(port),
            "HONE_WEB_WORKERS": str(workers),
            "HONE_WEB_THREADS": "4",
            "HONE_LOG_LEVEL": "CRITICAL",
        }
        command = [sys.executable, "-m", "gunicorn", "--config", "config/web.py"]
        self.process = subprocess.Popen(
            [*command, "config.wsgi:application"],
            env=environment | settings,
            cwd=Path(__file__).resolve().parents[3],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        self.workers = workers
        self.killed = 0
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline and not self._is_up():
            assert self.process.poll() is None, "gunicorn did not start"
            time.sleep(0.1)

    def _is_up(self) -> bool:
        try:
            connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=5)
            connection.request("GET", "/api/v1/health")
            return connection.getresponse().status == 200
        except OSError:
            return False

    def children(self) -> list[int]:
        """Return the pids of the worker processes."""
        found = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children")
        try:
            return [int(pid) for pid in found.read_text().split()]
        except FileNotFoundError:
            return []

    @contextlib.contextmanager
    def kill_workers(self, every_seconds: float) -> Iterator[None]:
        """SIGKILL a worker process now and then, until the block ends."""
        over = threading.Event()
        drawn = random.Random(7)

        def strike() -> None:
            while not over.wait(every_seconds):
                pids = self.children()
                if len(pids) > 1:
                    with contextlib.suppress(ProcessLookupError):
                        os.kill(drawn.choice(pids), signal.SIGKILL)
                        self.killed += 1

        thread = threading.Thread(target=strike)
        thread.start()
        try:
            yield
        finally:
            over.set()
            thread.join()

    def stop(self) -> None:
        self.process.terminate()
        try:
            self.process.wait(15)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
