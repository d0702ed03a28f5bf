"""How a run hears its supervisor: ``control.json``, SIGTERM and the parent's pipe."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import FrameType
from typing import Any

from training.engine import processes
from training.engine.errors import StopState

_LAUNCHER = "TORCHELASTIC_RUN_ID"
"""Set by torch's launcher, which accelerate uses for several devices."""

LATE_SECONDS = 25.0
"""That launcher sends SIGTERM when a process died, and SIGKILL 30 seconds later."""

PARENT_DIED = 75
"""Exit code when the parent's pipe closed: the run has no supervisor any more."""

LOCK = ".lock"
_ACTIONS: dict[str, StopState] = {"cancel": "cancelled", "preempt": "preempted"}


class BusyError(Exception):
    """Another run goes on in the directory."""


@contextlib.contextmanager
def alone_in(directory: Path) -> Iterator[None]:
    """Make a run's directory and keep other runs out of it, however this one ends.

    Of several processes in one run, the first alone holds it.

    Raises:
        BusyError: if another process has it.
        OSError: if it cannot be made or written.
    """
    directory.mkdir(parents=True, exist_ok=True)
    if not processes.is_main():
        yield
        return
    with (directory / LOCK).open("a") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise BusyError from None
        yield


class Control:
    """Answers one question between steps: should the run go on?

    ``control.json`` says why; a bare SIGTERM or SIGINT means preempted, so that the
    work done so far is kept.
    """

    def __init__(self, directory: Path) -> None:
        self._path = directory / "control.json"
        self._signalled = False

    def listen(self, late: Callable[[float], None] | None = None) -> None:
        """Take over SIGTERM and SIGINT; call from the main thread.

        Args:
            late: called, from a thread of its own, if a launcher that kills what does
                not end in time has sent SIGTERM and its time is nearly out.
        """
        signal.signal(signal.SIGTERM, self._on_signal)
        signal.signal(signal.SIGINT, self._on_signal)
        if late is not None and _LAUNCHER in os.environ:
            _watch_signals(late)

    def _on_signal(self, number: int, frame: FrameType | None) -> None:
        if self._signalled and number == signal.SIGINT:
            # A person who presses Ctrl-C twice does not want to wait for a step.
            raise KeyboardInterrupt
        self._signalled = True

    def requested(self) -> StopState | None:
        """Return the state the run is asked to end in, or None to go on."""
        try:
            order: Any = json.loads(self._path.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            # Absent most of the time; half written at worst, then read next time.
            order = None
        if isinstance(order, dict) and order.get("action") in _ACTIONS:
            return _ACTIONS[order["action"]]
        return "preempted" if self._signalled else None

    def obeyed(self) -> None:
        """Forget the order: who resumes the run does not want it stopped again."""
        with contextlib.suppress(OSError):
            self._path.unlink()

    def check(self, step: int = 0) -> None:
        """Raise if the run should end here; all processes of a run must call.

        Raises:
            Interrupted: with the state to end in.
        """
        processes.obey(self.requested(), step)


def _watch_signals(late: Callable[[float], None]) -> None:
    """Call ``late`` some time after SIGTERM, however busy the main thread is.

    Python's own handlers run between two of its instructions: in a process that waits
    inside a library for another one, which may be dead, they never do.
    """
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    signal.set_wakeup_fd(writer, warn_on_full_buffer=False)

    def wait() -> None:
        while signal.SIGTERM not in os.read(reader, 64):
            continue
        time.sleep(LATE_SECONDS)
        late(LATE_SECONDS)

    threading.Thread(target=wait, name="late", daemon=True).start()


def watch_parent(exit_process: Callable[[int], Any] = os._exit) -> threading.Thread:
    """Start a thread that ends the process as soon as stdin closes.

    The supervisor holds the other end of the pipe; the kernel closes it however the
    supervisor dies. The exit is immediate: a run without a supervisor has been
    fenced, and anything it still wrote could collide with its successor.
    """

    def wait() -> None:
        stdin = sys.stdin.fileno() if sys.stdin is not None else 0
        while True:
            try:
                if not os.read(stdin, 4096):
                    break
            except OSError:
                break
        exit_process(PARENT_DIED)

    thread = threading.Thread(target=wait, name="parent-pipe", daemon=True)
    thread.start()
    return thread
