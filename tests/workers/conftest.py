"""Real workers for tests: Celery processes on the session's PostgreSQL and Valkey."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import redis
from pytest_django.fixtures import Settings

from config.services import ServiceUrls

ROOT = Path(__file__).resolve().parents[2]
CELERY = (sys.executable, "-m", "celery", "--quiet", "--app")
FAST = {
    "HONE_RUN_HEARTBEAT_SECONDS": "1",
    "HONE_RUN_SILENT_SECONDS": "4",
    "HONE_RUN_GRACE_SECONDS": "15",
    "HONE_UPKEEP_SECONDS": "2",
    "OMP_NUM_THREADS": "1",
    "HONE_DB_CONN_MAX_AGE": "0",
}


@pytest.fixture
def hone_var(tmp_path: Path, settings: Settings) -> Path:
    """Files of this test alone, for this process and its workers alike."""
    settings.VAR = tmp_path / "var"
    settings.ARTIFACTS = settings.VAR / "artifacts"
    settings.ARTIFACTS.mkdir(parents=True)
    settings.RUN_HEARTBEAT_SECONDS = 1
    settings.RUN_SILENT_SECONDS = 4
    return tmp_path / "var"


@pytest.fixture
def broker(services: ServiceUrls) -> Iterator[redis.Redis]:
    """The message server without messages from earlier tests."""
    with contextlib.closing(redis.Redis.from_url(services.redis_url)) as client:
        names = ("default", "judge", "gpu", "unacked", "unacked_index")
        client.delete(*names, *(f"hone:workers:{name}" for name in names))
        yield client
        client.delete(*names)


class Worker:
    """A Celery worker process, or beat."""

    def __init__(self, arguments: list[str], environment: dict[str, str], log: Path):
        self.log = log
        fake = "FAKE_ENGINE" in environment
        app = "tests.workers.fake_app" if fake else "config.celery"
        with log.open("ab") as out:
            self.process = subprocess.Popen(
                [*CELERY, app, *arguments],
                cwd=ROOT,
                env=environment,
                stdout=out,
                stderr=out,
                start_new_session=True,
            )

    def kill(self) -> None:
        """SIGKILL to the worker and its pool, as a machine that goes away."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()

    def stop(self, seconds: float = 20) -> None:
        self.process.terminate()
        try:
            self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            self.kill()


StartWorker = Callable[..., Worker]


@pytest.fixture
def start_worker(
    hone_environment: dict[str, str], hone_var: Path, broker: redis.Redis
) -> Iterator[StartWorker]:
    """Start workers of a queue (or "beat"); what is left of them ends with the test.

    With FAKE_ENGINE="mode", they start the stand-in for the engine.
    """
    started: list[Worker] = []

    def start(queue: str = "gpu", *, pool: str = "prefork", **extra: str) -> Worker:
        environment = {**hone_environment, **FAST, **extra, "HONE_VAR": str(hone_var)}
        hone_var.mkdir(exist_ok=True)
        if queue == "beat":
            arguments = ["beat", "--schedule", str(hone_var / "beat"), "--pidfile", ""]
        else:
            name = f"{queue}-{len(started)}@test"
            arguments = ["worker", "--queues", queue, "--hostname", name]
            arguments += ["--concurrency", "1", "--pool", pool, "--loglevel", "INFO"]
            arguments += ["--without-mingle", "--without-gossip"]
        log = hone_var / f"worker-{len(started)}.log"
        started.append(Worker(arguments, environment, log))
        return started[-1]

    yield start
    for worker in started:
        worker.kill()
        for line in worker.log.read_text(errors="replace").splitlines()[-40:]:
            print(f"{worker.log.stem}: {line}")


def eventually(
    holds: Callable[[], object], *, seconds: float = 180, what: str = "it"
) -> None:
    """Wait until something holds, or fail after a while."""
    deadline = time.monotonic() + seconds
    while not holds():
        if time.monotonic() > deadline:
            raise AssertionError(f"{what} did not happen within {seconds} s")
        time.sleep(0.1)
