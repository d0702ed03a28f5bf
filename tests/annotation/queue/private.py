"""A whole Hone of its own, servers included, whose PostgreSQL may be killed.

The world is made and examined by processes of its own (`python -m` this module), for
this process already has its database.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[3]


@dataclass
class PrivateWorld:
    """A web server on servers of its own, and people at work there."""

    var: Path
    environment: dict[str, str]
    annotators: list[Any]
    kills: int = 0
    failures: list[BaseException] = field(default_factory=list)

    def run_while_killing_the_database(self, times: int) -> None:
        """Let everybody work; SIGKILL the postmaster after every few answers."""
        from tests.annotation.queue.load import work_together

        def strike() -> None:
            for turn in range(1, times + 1):
                while self._answers() < 15 * turn:
                    time.sleep(0.02)
                state = json.loads((self.var / "run" / "state.json").read_text())
                os.kill(state["postgres_pid"], signal.SIGKILL)
                self.kills += 1

        thread = threading.Thread(target=strike, daemon=True)
        thread.start()
        work_together(self.annotators)
        thread.join(1)

    def _answers(self) -> int:
        return sum(len(person.acknowledged) for person in self.annotators)

    def report(self) -> dict[str, Any]:
        found = self_in_process(self.environment, "report")
        promised = {k: v for p in self.annotators for k, v in p.acknowledged.items()}
        surprises = [s for person in self.annotators for s in person.surprises]
        more = {"kills": self.kills, "promised": promised, "surprises": surprises}
        return found | more


def self_in_process(environment: dict[str, str], *arguments: object) -> Any:
    """Run this module as a program; return what it printed, as JSON."""
    done = subprocess.run(
        [sys.executable, "-m", "tests.annotation.queue.private", *map(str, arguments)],
        env=environment,
        cwd=ROOT,
        stdout=subprocess.PIPE,
        check=True,
        timeout=120,
    )
    return json.loads(done.stdout)


@contextlib.contextmanager
def private_world(
    var: Path, port: int, *, people: int, tasks: int
) -> Iterator[PrivateWorld]:
    """Start servers under `var`, with a project, people and a web server."""
    from config.services import ensure_services, stop_services
    from tests.annotation.queue.load import Annotator, Web

    environment = {**os.environ, "HONE_VAR": str(var)}
    environment.pop("DATABASE_URL", None)
    environment.pop("REDIS_URL", None)
    ensure_services(var)
    web = None
    try:
        secrets = self_in_process(environment, "make", people, tasks)
        web = Web(environment, port, workers=2)
        annotators = [
            Annotator(port, secret, "race", f"tab-{n}", n)
            for n, secret in enumerate(secrets)
        ]
        yield PrivateWorld(var, environment, annotators)
    finally:
        if web is not None:
            web.stop()
        stop_services(var)


def main(verb: str, *arguments: str) -> None:
    import django

    django.setup()
    from django.core.management import call_command

    from annotation.models import Assignment, Feedback
    from annotation.services.tokens import make_token
    from tests import factories

    answer: Any
    if verb == "make":
        people, tasks = map(int, arguments)
        call_command("migrate", verbosity=0)
        project = factories.make_project("race", lease_seconds=5)
        factories.make_tasks(project, tasks)
        answer = [
            make_token(
                user=factories.add_member(project), name="race", scopes=["annotate"]
            )[1]
            for _ in range(people)
        ]
    else:
        rows = Feedback.objects.values_list("client_id", "assignment")
        answer = {
            "stored": {str(key): value for key, value in rows},
            "counters_off": len(factories.counters_off()),
            "counted": Assignment.objects.filter(counted=True).count(),
        }
    print(json.dumps(answer))


if __name__ == "__main__":
    main(*sys.argv[1:])
