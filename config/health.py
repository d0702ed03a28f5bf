"""Is this process healthy? The health checks of the containers.

    python -m config.health web
    python -m config.health worker QUEUE[,QUEUE]
    python -m config.health beat

Exits 0 when it is, 1 with a sentence when it is not.
"""

from __future__ import annotations

import argparse
import os
import socket
import sys
import time
import urllib.error
import urllib.request

from config.env import env_int, env_list
from config.run import beat_schedule, worker_name
from config.services import default_var

BEAT_SILENT_SECONDS = 120.0


def web_problem(url: str) -> str | None:
    """Return what is wrong with the web process at `url`; None when nothing is."""
    # As a proxy would ask: by a name that is allowed, over TLS if that is required.
    host = env_list("HONE_ALLOWED_HOSTS", ["localhost"])[0]
    headers = {"X-Forwarded-Proto": "https"}
    if host not in {"*", "localhost"}:
        headers["Host"] = host.lstrip(".")
    request = urllib.request.Request(f"{url}/api/v1/health", headers=headers)
    try:
        with urllib.request.urlopen(request, timeout=5) as answer:
            status = answer.status
    except urllib.error.HTTPError as error:
        return f"expected 200, found {error.code}: {error.read(500)!r}"
    except (urllib.error.URLError, OSError) as error:
        return f"expected an answer from {url}, found {error}"
    return None if status == 200 else f"expected 200, found {status}"


def worker_problem(queues: tuple[str, ...]) -> str | None:
    """Return what is wrong with this host's worker for `queues`."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    import django

    django.setup()
    from training.services.health import live_workers

    name = f"{worker_name(queues)}@{socket.gethostname()}"
    for queue in queues:
        living = live_workers(queue)
        if living is None:
            return "expected the message server at REDIS_URL to answer, it does not"
        if name not in living:
            return f"expected {name} on queue {queue}, found {list(living)}"
    return None


def beat_problem() -> str | None:
    """Return what is wrong with the beat process over this data directory."""
    path = beat_schedule(default_var())
    # Python's dbm modules put endings of their own behind the name.
    written = [file.stat().st_mtime for file in path.parent.glob(f"{path.name}*")]
    if not written:
        return f"expected beat to write {path}, found no such file"
    age = time.time() - max(written)
    if age > BEAT_SILENT_SECONDS:
        return (
            f"expected a tick within {BEAT_SILENT_SECONDS:.0f} s, the last was "
            f"{age:.0f} s ago"
        )
    return None


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m config.health")
    parser.add_argument("kind", choices=("web", "worker", "beat"))
    parser.add_argument("queues", nargs="?", default="default")
    given = parser.parse_args(arguments)
    if given.kind == "web":
        problem = web_problem(f"http://127.0.0.1:{env_int('HONE_PORT', 8000)}")
    elif given.kind == "worker":
        problem = worker_problem(tuple(given.queues.split(",")))
    else:
        problem = beat_problem()
    if problem:
        print(f"{given.kind}: {problem}", file=sys.stderr)
    return 1 if problem else 0


if __name__ == "__main__":
    sys.exit(main())
