"""`manage.py up`: all of Hone on one machine, in one foreground process tree."""

from __future__ import annotations

import contextlib
import fcntl
import os
import socket
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from signal import SIGQUIT

from django.conf import settings
from django.core.management import call_command
from django.db import connection, connections
from django.db.migrations.executor import MigrationExecutor

from config import run
from config.health import web_problem
from config.processes import Child, Tree
from config.services import ServiceError, stop_services

WEB_CRASHES_ALLOWED = 3  # before it has answered once
WEB_SLOW_SECONDS = 60.0


def up(*, host: str, port: int, demo: bool) -> int:
    """Run everything until Ctrl-C or SIGTERM; return the exit status.

    Raises:
        ServiceError: when the port is taken or another `up` runs over this data.
    """
    began = time.monotonic()
    with only_one(settings.VAR):
        check_port(host, port)
        try:
            migrate()
            tree = Tree(
                children(host, port),
                log_dir=settings.VAR / "log",
                on_poll=announce(host, port, demo, began),
            )
            status = tree.run()
        finally:
            connections.close_all()
            if not os.environ.get("DATABASE_URL"):
                stopped = stop_services(settings.VAR, even_if_used=False)
                if not stopped:
                    print("The databases stay up: another Hone command uses them.")
    print(f"Stopped. All data is in {settings.VAR}")
    return status


@contextlib.contextmanager
def only_one(var: Path) -> Iterator[None]:
    (var / "run").mkdir(parents=True, exist_ok=True)
    with open(var / "run" / "up.lock", "a") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise ServiceError(
                "Hone is already up over this data.",
                expected=f"no other `manage.py up` over {var}",
                found="one that runs",
                fix="stop that one with Ctrl-C, or set HONE_VAR (and HONE_PORT) to "
                "run a second Hone with data of its own",
            ) from error
        yield


def check_port(host: str, port: int) -> None:
    """Fail early, before anything has started, when the port is taken."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            raise ServiceError(
                f"Hone cannot listen on {host}:{port}.",
                expected="a free TCP port",
                found=str(error),
                fix=f"stop the program that uses it, or choose another port: "
                f"HONE_PORT={port + 1 if port < 65535 else 8000}",
            ) from error


def migrate() -> None:
    """Bring the database's tables up to date, saying so only when there is work."""
    executor = MigrationExecutor(connection)
    plan = executor.migration_plan(executor.loader.graph.leaf_nodes())
    if plan:
        print(f"Preparing the database ({len(plan)} migrations)", flush=True)
        call_command("migrate", interactive=False, verbosity=0)


def children(host: str, port: int) -> list[Child]:
    """Return web, a worker for each queue, and beat."""
    address = {"HONE_HOST": host, "HONE_PORT": str(port)}
    # SIGTERM lets a task end, SIGQUIT does not: what is cut off is claimed again.
    workers = [Child(q, run.worker_command(q), hurry=SIGQUIT) for q in run.QUEUES]
    return [
        Child("web", run.web_command(), environment=address),
        *workers,
        Child("beat", run.beat_command(settings.VAR), hurry=SIGQUIT),
    ]


def announce(host: str, port: int, demo: bool, began: float) -> Callable[[Tree], bool]:
    """Return a poll that says once that the web answers, or gives up on it."""
    shown_host = {"0.0.0.0": "localhost", "::": "localhost"}.get(host, host)
    url = f"http://{shown_host}:{port}"
    is_announced = False
    has_complained = False
    next_look = 0.0

    def poll(tree: Tree) -> bool:
        nonlocal is_announced, has_complained, next_look
        now = time.monotonic()
        if is_announced or now < next_look:
            return True
        next_look = now + 0.5
        if tree.starts("web") > WEB_CRASHES_ALLOWED:
            tree.say("The web process does not start; its last words are above.")
            return False
        if web_problem(url) is not None:
            if now - began > WEB_SLOW_SECONDS and not has_complained:
                has_complained = True
                tree.say(f"still waiting for {url}/api/v1/health")
            return True
        is_announced = True
        tree.say(
            f"\nHone is up after {now - began:.0f} s: {url}/\n"
            f"  workspace  {url}/app/\n"
            f"  admin      {url}/admin/\n"
            "Ctrl-C stops everything; the data stays.\n"
        )
        if demo:
            manage = str(settings.BASE_DIR / "manage.py")
            command = (sys.executable, manage, "demo")
            tree.add(Child("demo", command, once=True, environment={"HONE_URL": url}))
        return True

    return poll
