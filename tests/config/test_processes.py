"""The process tree: output, restarts, and an end that leaves nothing behind."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import psutil
import pytest

from config.linux import die_with_parent
from config.processes import is_living

ROOT = Path(__file__).resolve().parents[2]
TREE = """
import sys
from pathlib import Path
from config.processes import Child, Tree
children = [Child(f"child{i}", [sys.executable, "-c", code], once=code.startswith("#"))
            for i, code in enumerate(sys.argv[2:])]
sys.exit(Tree(children, log_dir=Path(sys.argv[1])).run())
"""
OBEDIENT = "import time; print('ready', flush=True); time.sleep(600)"
STUBBORN = (
    "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN);"
    "print('ready', flush=True); time.sleep(600)"
)
PARENT_OF_STRAY = (
    "import subprocess, sys, time;"
    "subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)'],"
    " start_new_session=True); print('ready', flush=True); time.sleep(600)"
)
CRASHING = "import sys; print('oh no', flush=True); sys.exit(3)"


class Started(NamedTuple):
    process: subprocess.Popen[str]
    log_dir: Path

    def read_until(self, *wanted: str, seconds: float = 15) -> str:
        """Read output until each of `wanted` has been seen."""
        assert self.process.stdout is not None
        seen = ""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline and not all(w in seen for w in wanted):
            line = self.process.stdout.readline()
            if not line:
                break
            seen += line
        assert all(w in seen for w in wanted), seen
        return seen

    def descendants(self) -> list[psutil.Process]:
        return psutil.Process(self.process.pid).children(recursive=True)


Start = Callable[..., Started]


def living(processes: list[psutil.Process]) -> list[psutil.Process]:
    return [process for process in processes if is_living(process)]


@pytest.fixture
def tree(tmp_path: Path) -> Iterator[Start]:
    started: list[subprocess.Popen[str]] = []
    test = os.getpid()

    def start(*codes: str) -> Started:
        process = subprocess.Popen(
            [sys.executable, "-c", TREE, str(tmp_path), *codes],
            cwd=ROOT,
            preexec_fn=lambda: die_with_parent(test, signal.SIGTERM),
            stdout=subprocess.PIPE,
            text=True,
        )
        started.append(process)
        return Started(process, tmp_path)

    yield start
    for process in started:
        if process.poll() is None:
            process.kill()
        process.communicate()


def test_lines_carry_their_childs_name_and_are_kept_in_its_log(tree: Start) -> None:
    run = tree(OBEDIENT)
    run.read_until("child0 | ready")
    run.process.send_signal(signal.SIGINT)
    run.process.wait(10)
    assert (run.log_dir / "child0.log").read_text() == "ready\n"


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_one_signal_ends_all_in_order(tree: Start, number: signal.Signals) -> None:
    run = tree(OBEDIENT, OBEDIENT)
    run.read_until("child0 | ready", "child1 | ready")
    below = run.descendants()
    assert len(below) == 2

    run.process.send_signal(number)

    assert run.process.wait(5) == 0
    assert living(below) == []


def test_what_ignores_the_signal_and_what_it_left_behind_end_too(tree: Start) -> None:
    run = tree(STUBBORN, PARENT_OF_STRAY)
    run.read_until("child0 | ready", "child1 | ready")
    below = run.descendants()
    assert len(below) == 3

    run.process.send_signal(signal.SIGINT)

    assert run.process.wait(12) == 0
    assert living(below) == []


def test_a_second_signal_does_not_wait(tree: Start) -> None:
    run = tree(STUBBORN)
    run.read_until("child0 | ready")
    below = run.descendants()
    run.process.send_signal(signal.SIGINT)
    run.read_until("stopping")
    began = time.monotonic()
    run.process.send_signal(signal.SIGINT)
    run.process.wait(10)
    assert time.monotonic() - began < 4, "asking alone takes longer"
    assert living(below) == []


def test_a_killed_root_takes_its_children_along(tree: Start) -> None:
    run = tree(OBEDIENT, OBEDIENT)
    run.read_until("child0 | ready", "child1 | ready")
    below = run.descendants()
    os.kill(run.process.pid, signal.SIGKILL)
    _, alive = psutil.wait_procs(below, timeout=5)
    assert living(alive) == []


def test_a_crash_is_said_and_the_child_started_again(tree: Start) -> None:
    run = tree(CRASHING)
    seen = run.read_until("ended with status 3", "again in 2 s")
    assert seen.count("oh no") == 2
    run.process.send_signal(signal.SIGINT)
    assert run.process.wait(5) == 0


def test_what_a_killed_child_left_ends_before_it_starts_again(tree: Start) -> None:
    leaving = PARENT_OF_STRAY.replace("start_new_session=True", "close_fds=True")
    run = tree(leaving)
    run.read_until("child0 | ready")
    (child,) = psutil.Process(run.process.pid).children()
    (stray,) = child.children()
    child.kill()
    run.read_until("ended with signal SIGKILL")
    _, alive = psutil.wait_procs([stray], timeout=5)
    assert living(alive) == []
    run.process.send_signal(signal.SIGINT)
    assert run.process.wait(10) == 0


def test_a_child_that_runs_once_is_not_started_again(tree: Start) -> None:
    run = tree("#\nprint('done', flush=True)", OBEDIENT)
    run.read_until("child0 | done", "child1 | ready")
    time.sleep(1.5)
    run.process.send_signal(signal.SIGINT)
    rest = run.process.communicate(timeout=5)[0]
    assert "done" not in rest
    assert "again" not in rest


def test_a_redrawn_progress_bar_does_not_flood_the_log(tree: Start) -> None:
    bar = (
        "import sys, time\n"
        "for i in range(40):\n"
        "    print(f'\\r{i} of 40', end='', flush=True); time.sleep(0.02)\n"
        "print('\\rall 40 of 40', flush=True); time.sleep(600)"
    )
    run = tree(bar)
    seen = run.read_until("all 40 of 40")
    run.process.send_signal(signal.SIGINT)
    run.process.wait(5)
    assert seen.count("\n") <= 4
