"""`manage.py up`: everything comes up on one machine, and all of it goes away."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from config.linux import die_with_parent
from config.processes import is_living
from tests.config.test_processes import Started, living

ROOT = Path(__file__).resolve().parents[2]
Start = Callable[..., Started]


@pytest.fixture
def up(tmp_path: Path) -> Iterator[Start]:
    """Start `manage.py up` over a directory of its own, embedded servers included."""
    started: list[Started] = []
    environment = {
        k: v for k, v in os.environ.items() if k not in {"DATABASE_URL", "REDIS_URL"}
    } | {"HONE_VAR": str(tmp_path / "var"), "PYTHONUNBUFFERED": "1"}

    test = os.getpid()

    def before_exec() -> None:
        die_with_parent(test, signal.SIGTERM)
        # As under a shell that starts it in the background: `make demo &`.
        signal.signal(signal.SIGQUIT, signal.SIG_IGN)

    def start(port: int) -> Started:
        process = subprocess.Popen(
            [sys.executable, "manage.py", "up", "--port", str(port)],
            cwd=ROOT,
            env=environment,
            preexec_fn=before_exec,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        started.append(Started(process, tmp_path / "var" / "log"))
        return started[-1]

    yield start
    for each in started:
        if each.process.poll() is None:
            each.process.terminate()
        each.process.communicate(timeout=20)


def all_processes(run: Started, var: Path) -> list[psutil.Process]:
    """Return the tree's processes and the servers over `var`."""
    servers = [
        p
        for p in psutil.process_iter(["cmdline"])
        if str(var) in str(p.info["cmdline"])
    ]
    families = [q for p in servers for q in (p, *p.children(recursive=True))]
    return [*run.descendants(), *families]


def test_everything_runs_until_ctrl_c_and_nothing_is_left(
    up: Start, free_port: int, tmp_path: Path
) -> None:
    run = up(free_port)
    run.read_until("Hone is up", "gpu@", "judge@", "default@", seconds=150)
    with urllib.request.urlopen(f"http://127.0.0.1:{free_port}/api/v1/health") as page:
        assert page.status == 200
    all_of_it = all_processes(run, tmp_path / "var")
    names = " ".join(" ".join(p.cmdline()) for p in all_of_it if is_living(p))
    for part in ("gunicorn", "beat", "default@", "judge@", "gpu@", "bin/postgres"):
        assert part in names

    began = time.monotonic()
    run.process.send_signal(signal.SIGINT)
    assert run.process.wait(30) == 0

    assert time.monotonic() - began < 15
    assert living(all_of_it) == []

    second = up(free_port)
    began = time.monotonic()
    seen = second.read_until("Hone is up", seconds=150)
    assert time.monotonic() - began < 45
    assert "Preparing the database" not in seen, "the data was kept"


def test_a_killed_up_leaves_no_orphans_and_a_killed_worker_comes_back(
    up: Start, free_port: int, tmp_path: Path
) -> None:
    run = up(free_port)
    run.read_until("Hone is up", "gpu@", seconds=150)
    gpu = next(p for p in run.descendants() if "gpu@%h" in p.cmdline())
    gpu.kill()
    run.read_until("gpu ended with signal SIGKILL", "ready", seconds=120)
    all_of_it = all_processes(run, tmp_path / "var")

    run.process.kill()

    _, alive = psutil.wait_procs(all_of_it, timeout=90)
    assert living(alive) == []


def test_a_taken_port_is_said_before_anything_starts(up: Start, tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        run = up(port)
        said = run.process.communicate(timeout=60)[0]
    assert run.process.returncode == 1
    assert f"cannot listen on 127.0.0.1:{port}" in said
    assert "HONE_PORT=" in said
    assert "web" not in said
