"""The processes of Hone and how each is run, for `manage.py up` and containers alike.

    python -m config.run web [--migrate]
    python -m config.run worker QUEUE[,QUEUE]
    python -m config.run beat

Replaces itself with the process, so signals reach it directly.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
from pathlib import Path

from config.env import env_int

ROOT = Path(__file__).resolve().parent.parent
CELERY = (sys.executable, "-m", "celery", "--quiet", "--app", "config.celery")
QUEUES = ("default", "judge", "gpu")
# One run a device: a GPU worker takes one at a time unless told otherwise.
PROCESSES = {
    "default": env_int("HONE_DEFAULT_PROCESSES", 2),
    "judge": env_int("HONE_JUDGE_PROCESSES", 1),
    "gpu": env_int("HONE_GPU_PROCESSES", 1),
}


def web_command() -> list[str]:
    return [
        *(sys.executable, "-m", "gunicorn"),
        *("--config", "config/web.py", "config.wsgi:application"),
    ]


def worker_command(*queues: str) -> list[str]:
    return [
        *(*CELERY, "worker", "--queues", ",".join(queues)),
        *("--hostname", f"{worker_name(queues)}@%h"),
        *("--concurrency", str(sum(PROCESSES[queue] for queue in queues))),
        *("--loglevel", "INFO", "--without-mingle", "--without-gossip"),
    ]


def worker_name(queues: tuple[str, ...]) -> str:
    """Return the part of a worker's name before the host's."""
    return "-".join(queues)


def beat_schedule(var: Path) -> Path:
    """Return the file that beat writes at each tick."""
    return var / "run" / "beat-schedule"


def beat_command(var: Path) -> list[str]:
    return [
        *(*CELERY, "beat", "--loglevel", "WARNING", "--pidfile", ""),
        *("--schedule", str(beat_schedule(var))),
    ]


def main(arguments: list[str] | None = None) -> None:
    """Become the process that was asked for."""
    parser = argparse.ArgumentParser(prog="python -m config.run")
    kinds = parser.add_subparsers(dest="kind", required=True)
    web = kinds.add_parser("web", help="serve pages and the API")
    web.add_argument("--migrate", action="store_true", help="update the database first")
    worker = kinds.add_parser("worker", help="do the work of queues")
    worker.add_argument("queues", help=f"some of {', '.join(QUEUES)}, with commas")
    kinds.add_parser("beat", help="wake the workers at regular times")
    given = parser.parse_args(arguments)

    os.chdir(ROOT)
    if given.kind == "web":
        if given.migrate:
            manage = [sys.executable, "manage.py", "migrate", "--no-input"]
            subprocess.run(manage, check=True)
        command = web_command()
    elif given.kind == "worker":
        queues = tuple(given.queues.split(","))
        unknown = set(queues) - set(QUEUES)
        if unknown:
            parser.error(
                f"expected some of {', '.join(QUEUES)}, found {', '.join(unknown)}"
            )
        command = worker_command(*queues)
    else:
        from config.services import default_var

        var = default_var().resolve()
        beat_schedule(var).parent.mkdir(parents=True, exist_ok=True)
        command = beat_command(var)
    sys.stdout.flush()
    os.execv(command[0], command)


if __name__ == "__main__":
    main()
