"""Workers for as long as a command needs them, where none are up already."""

import os
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from config.linux import die_with_parent
from config.run import worker_command
from training.services.health import queue_health

QUEUES = ("default", "judge", "gpu")
GRACE_SECONDS = 10


@contextmanager
def workers_at_hand(log_dir: Path) -> Iterator[list[str]]:
    """Start a worker for each queue that has none; stop them at the end.

    Yields:
        the queues that workers were started for.
    """
    log_dir.mkdir(parents=True, exist_ok=True)
    manned = {health.queue for health in queue_health() if health.workers}
    missing = [queue for queue in QUEUES if queue not in manned]
    started: list[subprocess.Popen[bytes]] = []
    try:
        for queue in missing:
            started.append(_start(queue, log_dir / f"loop-{queue}.log"))
        yield missing
    finally:
        for process in started:
            process.send_signal(signal.SIGTERM)
        for process in started:
            try:
                process.wait(GRACE_SECONDS)
            except subprocess.TimeoutExpired:
                process.send_signal(signal.SIGQUIT)
                try:
                    process.wait(GRACE_SECONDS)
                except subprocess.TimeoutExpired:
                    process.kill()
                    process.wait()


def _start(queue: str, log: Path) -> subprocess.Popen[bytes]:
    parent = os.getpid()
    with open(log, "ab") as out:
        return subprocess.Popen(
            worker_command(queue),
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=subprocess.STDOUT,
            env={**os.environ, "PYTHONUNBUFFERED": "1"},
            start_new_session=True,
            preexec_fn=lambda: die_with_parent(parent, signal.SIGQUIT),
        )
