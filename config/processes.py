"""A foreground tree of processes: one start, one log, one end.

Each child runs in a session of its own, so a terminal's Ctrl-C reaches the tree's
root alone and everything stops in order. On Linux the kernel ends the children of a
killed root, and strays come back to the root to be ended with the rest.
"""

from __future__ import annotations

import contextlib
import os
import selectors
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

import psutil

from config.linux import adopt_orphans, die_with_parent

POLL_SECONDS = 0.2
GRACE_SECONDS = 3.5  # for work in hand
KILL_SECONDS = 7.0  # after this nothing is asked any more
BACKOFF_SECONDS = (1.0, 2.0, 4.0, 8.0, 15.0, 30.0)
STEADY_SECONDS = 60.0  # up this long, a child's past crashes are forgotten
PROGRESS_SECONDS = 2.0  # at most one redrawn progress line in this time
LOG_BYTES = 16 * 2**20  # then the log of the last start is set aside


@dataclass(frozen=True)
class Child:
    """What to run. Sends `stop` first, `hurry` after the grace, then SIGKILL."""

    name: str
    command: Sequence[str]
    stop: signal.Signals = signal.SIGTERM
    hurry: signal.Signals = signal.SIGTERM
    once: bool = False  # its end is not a crash
    environment: Mapping[str, str] = field(default_factory=dict)


class Running:
    """A child, its process and what it has said so far."""

    def __init__(self, child: Child, log_dir: Path) -> None:
        self.child = child
        self.process: subprocess.Popen[bytes] | None = None
        self.started = 0.0
        self.starts = 0
        self.crashes = 0
        self.due: float | None = 0.0  # monotonic time of the next start
        self.pending = b""
        self.last_progress = 0.0
        self.log_path = log_dir / f"{child.name}.log"
        if self.log_path.exists() and self.log_path.stat().st_size > LOG_BYTES:
            self.log_path.replace(self.log_path.with_suffix(".log.1"))

    def start(self) -> IO[bytes]:
        parent, death_signal = os.getpid(), self.child.hurry
        self.process = subprocess.Popen(
            self.child.command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env={**os.environ, "PYTHONUNBUFFERED": "1", **self.child.environment},
            start_new_session=True,
            preexec_fn=lambda: die_with_parent(parent, death_signal),
        )
        self.started = time.monotonic()
        self.starts += 1
        self.due = None
        assert self.process.stdout is not None
        os.set_blocking(self.process.stdout.fileno(), False)
        return self.process.stdout

    def is_alive(self) -> bool:
        return self.process is not None and self.process.poll() is None

    def send(self, number: signal.Signals) -> None:
        if self.is_alive() and self.process is not None:
            self.process.send_signal(number)


class Tree:
    """Runs children until told to stop.

    `on_poll` is called a few times a second; returning False ends the tree, which
    then exits with status 1.
    """

    def __init__(
        self,
        children: Sequence[Child],
        *,
        log_dir: Path,
        out: IO[str] | None = None,
        on_poll: Callable[[Tree], bool] | None = None,
    ) -> None:
        log_dir.mkdir(parents=True, exist_ok=True)
        self.log_dir = log_dir
        self.out = out or sys.stdout
        self.on_poll = on_poll
        self.running = [Running(child, log_dir) for child in children]
        self.width = max(len(child.name) for child in children)
        self.selector = selectors.DefaultSelector()
        self.stopping = 0  # how often we were asked

    def add(self, child: Child) -> None:
        """Start one more child with the next poll."""
        self.running.append(Running(child, self.log_dir))

    def starts(self, name: str) -> int:
        """Return how often the child has been started."""
        return next(r.starts for r in self.running if r.child.name == name)

    def run(self) -> int:
        """Run in the foreground; return the exit status."""
        adopt_orphans()
        status = 0
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, lambda *_: self._ask_to_stop())
        try:
            while not self.stopping:
                self._start_due()
                self._read(POLL_SECONDS)
                self._collect_ended()
                if self.on_poll is not None and not self.on_poll(self):
                    status = 1
                    break
        finally:
            self._stop()
        return status

    def say(self, message: str, name: str = "hone") -> None:
        with contextlib.suppress(OSError, ValueError):  # the terminal went away
            for line in message.split("\n"):
                self.out.write(f"{name:<{self.width}} | {line}\n")
            self.out.flush()

    def _ask_to_stop(self) -> None:
        self.stopping += 1

    def _start_due(self) -> None:
        for running in self.running:
            if running.due is None or time.monotonic() < running.due:
                continue
            pipe = running.start()
            self.selector.register(pipe, selectors.EVENT_READ, running)

    def _read(self, seconds: float) -> None:
        for key, _ in self.selector.select(seconds):
            running: Running = key.data
            piece = os.read(key.fd, 65536)
            if piece:
                self._show(running, piece)
            else:
                self.selector.unregister(key.fileobj)
                self._show(running, b"\n" if running.pending else b"")

    def _show(self, running: Running, piece: bytes) -> None:
        """Write whole lines to the log and, prefixed, to the terminal."""
        text = running.pending + piece
        *lines, running.pending = text.replace(b"\r\n", b"\n").split(b"\n")
        if b"\r" in running.pending:  # a progress bar that redraws itself
            *drawn, running.pending = running.pending.split(b"\r")
            if time.monotonic() - running.last_progress > PROGRESS_SECONDS:
                running.last_progress = time.monotonic()
                lines += drawn[-1:]
        shown = [line.rsplit(b"\r", 1)[-1] for line in lines if line.strip()]
        if not shown:
            return
        with contextlib.suppress(OSError), open(running.log_path, "ab") as log:
            log.write(b"\n".join(shown) + b"\n")  # a full disk must not stop us
        for line in shown:
            self.say(line.decode(errors="replace"), running.child.name)

    def _collect_ended(self) -> None:
        for running in self.running:
            if running.process is None or running.due is not None:
                continue
            if running.is_alive():
                if time.monotonic() - running.started > STEADY_SECONDS:
                    running.crashes = 0
                continue
            status = running.process.returncode
            # What it has left in its group would hold on to the databases.
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(running.process.pid, signal.SIGKILL)
            running.process = None
            if running.child.once:
                if status:
                    self.say(f"{running.child.name} ended with {describe(status)}")
                continue
            wait = BACKOFF_SECONDS[min(running.crashes, len(BACKOFF_SECONDS) - 1)]
            running.crashes += 1
            running.due = time.monotonic() + wait
            self.say(
                f"{running.child.name} ended with {describe(status)}; starting it "
                f"again in {wait:.0f} s (its log: {running.log_path})"
            )

    def _stop(self) -> None:
        """Ask, ask harder, end: strays included. A second Ctrl-C skips the asking."""
        self.say("stopping")
        asked = self.stopping
        began = time.monotonic()
        for running in self.running:
            running.send(running.child.stop)
        hurried = False
        while any(r.is_alive() for r in self.running):
            waited = time.monotonic() - began
            if waited > KILL_SECONDS or self.stopping > max(asked, 1):
                break
            if waited > GRACE_SECONDS and not hurried:
                hurried = True
                for running in self.running:
                    running.send(running.child.hurry)
            self._read(0.05)
        kill_descendants()
        for running in self.running:
            if running.process is not None:
                running.process.wait()
        self._read(0)


def kill_descendants() -> None:
    """SIGKILL every process below this one, and collect them."""
    for _ in range(50):
        below = psutil.Process().children(recursive=True)
        living = [p for p in below if is_living(p)]
        for process in living:
            with contextlib.suppress(psutil.NoSuchProcess):
                process.kill()
        if not living:
            return
        psutil.wait_procs(living, timeout=0.1)


def is_living(process: psutil.Process) -> bool:
    """Say whether the process is there and more than a zombie."""
    try:
        return bool(process.is_running() and process.status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False


def describe(status: int) -> str:
    """Say an exit status in words."""
    if status < 0:
        return f"signal {signal.Signals(-status).name}"
    return f"status {status}"
