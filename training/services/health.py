"""Which queues have live workers, and what waits: the admin's banner reads it.

Each worker writes its name and the time into a sorted set of the message server
every few seconds (`workers/presence.py` writes, this module reads; one home for the
keys). A worker that stops writing is gone after `SILENT_SECONDS`.
"""

import time
from dataclasses import dataclass
from datetime import datetime, timedelta

import redis
from django.conf import settings
from django.db.models import F, Min, Q, QuerySet
from django.utils import timezone

from annotation.models import Import, Task
from annotation.services.importing.queued import waiting_imports
from training.models import Reply, Snapshot, TrainingRun

QUEUES = ("default", "judge", "gpu")
BEAT_SECONDS = 5
SILENT_SECONDS = 20
# Work that came in this very moment is nothing to worry anybody about.
PATIENCE_SECONDS = 15
COUNTED = 1000  # waiting tasks of judges, and replies; more are not counted
REDIS_TIMEOUT_SECONDS = 1.0


@dataclass(frozen=True)
class QueueHealth:
    """One queue, as the banner and `doctor` show it.

    Attributes:
        workers: names of the workers that were heard of lately; None if the message
            server does not answer, so that nobody knows.
        waiting: rows that wait for a worker.
        since: since when the oldest of them waits.
    """

    queue: str
    workers: tuple[str, ...] | None
    waiting: int
    since: datetime | None

    @property
    def is_stuck(self) -> bool:
        """True if work waits and no worker is there to take it."""
        patience = timedelta(seconds=PATIENCE_SECONDS)
        old = self.since is not None and timezone.now() - self.since > patience
        return bool(self.waiting and not self.workers and old)

    @property
    def advice(self) -> str:
        """What is wrong and what to do, in one line; empty if all is well."""
        if not self.is_stuck:
            return ""
        things = f"{self.waiting} job{'s' if self.waiting != 1 else ''} wait"
        things += "s" if self.waiting == 1 else ""
        if self.workers is None:
            return (
                f"{things} on the queue {self.queue!r} and the message server does "
                "not answer. Start it (REDIS_URL); nothing is lost, the rows wait."
            )
        return (
            f"{things} on the queue {self.queue!r} and no worker answers. Start one: "
            f"celery --app config.celery worker --queues {self.queue}"
        )


def client() -> "redis.Redis":
    """Return a connection to the message server that gives up quickly."""
    return redis.Redis.from_url(
        settings.REDIS_URL,
        socket_timeout=REDIS_TIMEOUT_SECONDS,
        socket_connect_timeout=REDIS_TIMEOUT_SECONDS,
        decode_responses=True,
    )


def key(queue: str) -> str:
    return f"hone:workers:{queue}"


def announce(queues: list[str], worker: str) -> None:
    """Write that a worker lives, and forget those that have been silent for long.

    Raises:
        redis.RedisError: when the message server does not answer.
    """
    now = time.time()
    pipeline = client().pipeline(transaction=False)
    for queue in queues:
        pipeline.zadd(key(queue), {worker: now})
        pipeline.zremrangebyscore(key(queue), 0, now - 10 * SILENT_SECONDS)
    pipeline.execute()


def depart(queues: list[str], worker: str) -> None:
    """Write that a worker has left."""
    for queue in queues:
        client().zrem(key(queue), worker)


def live_workers(queue: str) -> tuple[str, ...] | None:
    """Return the queue's live workers; None if the message server does not answer."""
    try:
        names = client().zrangebyscore(key(queue), time.time() - SILENT_SECONDS, "+inf")
    except redis.RedisError:
        return None
    return tuple(str(name) for name in names)


def messages(queue: str) -> int | None:
    """Return how many messages no worker has taken; None if nobody can say."""
    try:
        return int(client().llen(queue))
    except redis.RedisError:
        return None


def queue_health() -> list[QueueHealth]:
    """Return the state of every queue."""
    found = []
    for queue in QUEUES:
        waiting, since = _waiting(queue)
        found.append(QueueHealth(queue, live_workers(queue), waiting, since))
    return found


def _waiting(queue: str) -> tuple[int, datetime | None]:
    if queue == "gpu":
        rows = TrainingRun.objects.filter(state__in=TrainingRun.WAITING_STATES)
        # A run that goes on waiting after a crash has waited since its last beat.
        times = [
            beat or created
            for beat, created in rows.values_list("heartbeat_at", "created_at")
        ]
        return len(times), min(times, default=None)
    if queue == "default":
        snapshots = Snapshot.objects.filter(state=Snapshot.State.QUEUED)
        uploads = Import.objects.filter(pk__in=waiting_imports(older_than_seconds=0))
        times = [
            rows.aggregate(at=Min("created_at"))["at"] for rows in (snapshots, uploads)
        ]
        since = min((time for time in times if time), default=None)
        return snapshots.count() + uploads.count(), since
    # A person waits for each of these replies.
    replies = Reply.objects.filter(state=Reply.State.QUEUED).order_by("beat_at")
    times = [
        *judge_work()
        .order_by("created_at")
        .values_list("created_at", flat=True)[:COUNTED],
        *replies.values_list("beat_at", flat=True)[:COUNTED],
    ]
    return len(times), min(times, default=None)


def judge_work() -> QuerySet[Task]:
    """Return the tasks that a project's or a round's own judge should answer."""
    return Task.objects.filter(
        Q(project__routing__has_key="judge") | Q(scores__has_key="judge"),
        state=Task.State.OPEN,
        route=Task.Route.AI,
        counted__lt=F("overlap"),
    )
