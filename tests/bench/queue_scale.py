"""How the queue's cost grows with the backlog, with history and towards the end.

    python -m tests.bench.queue_scale [--small 2000] [--large 1000000] [--json FILE]

On servers of its own (or DATABASE_URL and REDIS_URL). What is compared is measured
in turns in one run, so a busy machine disturbs both alike; only ratios count. Targets:

- leases of 5 tasks, 1,000,000 open tasks against 2,000: p95 at most 1.5 times
- leases of 5, a person with 20,000 answered still open tasks against a newcomer: 1.5
- next task, 20,000 tasks against 2,000: p50 at most 1.2 times
- next task with 90 % of 20,000 tasks done against none: p50 at most 1.2 times
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

WARM_UP = 5


@dataclass
class Figure:
    """A ratio of two measured medians or tails, beside its target."""

    name: str
    base_ms: float
    ms: float
    target: float
    quantile: str

    @property
    def ratio(self) -> float:
        return self.ms / self.base_ms

    def line(self) -> str:
        verdict = "ok" if self.ratio <= self.target else "MISSED"
        return (
            f"{self.name}: {self.quantile} {self.ms:.2f} ms against "
            f"{self.base_ms:.2f} ms, ratio {self.ratio:.2f} (target {self.target}) "
            f"{verdict}"
        )


def quantile(values: list[float], share: float) -> float:
    """Return a quantile in milliseconds of durations in seconds."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))] * 1000


class Queue:
    """One person in one project, by the services that the API calls."""

    def __init__(self, project: Any, user: Any, count: int) -> None:
        self.project, self.user, self.count = project, user, count

    def lease(self) -> None:
        from annotation.services.leasing import lease

        handed = lease(user=self.user, slug=self.project.slug, count=self.count)
        assert len(handed.held) == self.count, handed.state
        self.held = handed.held

    def give_up(self) -> None:
        """End the leases unanswered, so that the cap on live ones never bites."""
        from annotation.models import Assignment

        Assignment.objects.filter(pk__in=[held.id for held in self.held]).update(
            state="skipped"
        )


def measure(queues: list[Queue], turns: int) -> list[list[float]]:
    """Time leases in turns, in seconds; each is put aside before the next turn."""
    taken: list[list[float]] = [[] for _ in queues]
    for turn in range(turns + WARM_UP):
        for place, queue in enumerate(queues):
            started = time.perf_counter()
            queue.lease()
            seconds = time.perf_counter() - started
            if turn >= WARM_UP:
                taken[place].append(seconds)
            queue.give_up()
    return taken


def vacuum() -> None:
    """Leave the tables as autovacuum would have by the time people work."""
    from django.db import connection

    with connection.cursor() as cursor:
        for table in ("task", "taskcompletion", "assignment", "prompt", "completion"):
            cursor.execute(f"VACUUM (ANALYZE) annotation_{table}")


def backlog(small: int, large: int, turns: int) -> Figure:
    """Leases of five, with few and with very many open tasks."""
    from tests import factories
    from tests.annotation.queue.bulk import tasks_in_bulk

    queues = []
    for count in (small, large):
        project = factories.make_project(f"backlog-{count}")
        tasks_in_bulk(project, count, shared_prompts=min(count, 2000))
        queues.append(Queue(project, factories.add_member(project), 5))
    vacuum()
    base, other = measure(queues, turns)
    return Figure(
        f"lease of 5, {large:,} open tasks against {small:,}",
        quantile(base, 0.95),
        quantile(other, 0.95),
        1.5,
        "p95",
    )


def history(met: int, turns: int) -> Figure:
    """Leases of five, for a newcomer and for somebody with a long history."""
    from annotation.services.people import actor_of
    from tests import factories
    from tests.annotation.queue.bulk import answer_in_bulk, tasks_in_bulk

    # Open for three more after the veteran: both find tasks all the time.
    project = factories.make_project("history", overlap=4)
    tasks_in_bulk(project, met + 10 * turns, shared_prompts=2000)
    veteran, newcomer = (factories.add_member(project) for _ in range(2))
    answer_in_bulk(project, actor_of(veteran), met)
    vacuum()
    # The first lease of a person without a cursor passes the history once.
    queues = [Queue(project, newcomer, 5), Queue(project, veteran, 5)]
    base, other = measure(queues, turns)
    return Figure(
        f"lease of 5, {met:,} answered still open tasks against a newcomer",
        quantile(base, 0.95),
        quantile(other, 0.95),
        1.5,
        "p95",
    )


def next_task(turns: int) -> Iterator[Figure]:
    """One next task, over the size of the project and towards its end."""
    from annotation.services.people import actor_of
    from tests import factories
    from tests.annotation.queue.bulk import answer_in_bulk, tasks_in_bulk

    queues = []
    for count, done in ((2000, 0.0), (20_000, 0.0), (20_000, 0.9)):
        project = factories.make_project(f"next-{count}-{int(done * 100)}")
        tasks_in_bulk(project, count, shared_prompts=2000)
        other = factories.add_member(project)
        answer_in_bulk(project, actor_of(other), int(done * count))
        queues.append(Queue(project, factories.add_member(project), 1))
    vacuum()
    small, large, late = (quantile(t, 0.5) for t in measure(queues, turns))
    yield Figure("next task, 20,000 tasks against 2,000", small, large, 1.2, "p50")
    yield Figure("next task, 90 % done against 0 %", large, late, 1.2, "p50")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--small", type=int, default=2000)
    parser.add_argument("--large", type=int, default=1_000_000)
    parser.add_argument("--met", type=int, default=20_000)
    parser.add_argument("--turns", type=int, default=200)
    parser.add_argument("--json", type=Path, help="append the figures here")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="hone-bench-") as var:
        os.chmod(var, 0o755)
        os.environ.setdefault("HONE_VAR", var)
        os.environ["DJANGO_SETTINGS_MODULE"] = "config.settings"
        import django

        django.setup()
        from django.test.utils import setup_databases, teardown_databases

        kept = setup_databases(verbosity=0, interactive=False)
        try:
            figures = [
                *next_task(given.turns),
                history(given.met, given.turns),
                backlog(given.small, given.large, given.turns),
            ]
        finally:
            teardown_databases(kept, verbosity=0)
            from config.services import stop_services

            stop_services(Path(os.environ["HONE_VAR"]), even_if_used=False)
    for figure in figures:
        print(figure.line())
    if given.json:
        with given.json.open("a") as out:
            for figure in figures:
                out.write(json.dumps(vars(figure) | {"ratio": figure.ratio}) + "\n")
    return int(any(figure.ratio > figure.target for figure in figures))


if __name__ == "__main__":
    sys.exit(main())
