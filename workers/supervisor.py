"""One attempt at a run: starts the engine, relays what it says, ends it.

The supervisor holds no rule of its own about runs: `training.services.runs` decides
by the row. As soon as the row is no longer this attempt's (reaped, or taken by
another), the engine's whole process group is killed and nothing more is written.
"""

import contextlib
import json
import logging
import platform
import socket
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from django.conf import settings
from django.db import (
    InterfaceError,
    OperationalError,
    close_old_connections,
    connection,
)

from annotation.errors import HoneError
from training.models import TrainingRun
from training.services import artifacts, promoting, runs, specs
from training.services.results import take_results
from workers.launchers import HASTY, command, environment
from workers.live import LiveIntake
from workers.processes import EngineProcess
from workers.tailing import LineTail, LogTail, parse_event

log = logging.getLogger(__name__)

TICK_SECONDS = 0.25
LOOK_SECONDS = 1.0
DATABASE_RETRY_SECONDS = 2.0
DATABASE_LOST = (OperationalError, InterfaceError)
Stop = Callable[[], bool]


class Lost(Exception):
    """The run is no longer this attempt's."""


class Supervisor:
    """Runs one claimed attempt to its end.

    Args:
        run: as `runs.claim` returned it.
        stop: says whether this worker was told to shut down; the run is then
            preempted: it saves a checkpoint and waits for another worker. So is a
            background run when one that people wait for finds no worker.
    """

    def __init__(self, run: TrainingRun, *, stop: Stop = lambda: False) -> None:
        self.run = run
        self.out = artifacts.attempt_dir(run.pk, run.attempt)
        self._stop = stop
        self._events = LineTail(self.out / "events.jsonl")
        self._engine_log = LineTail(self.out / "engine.log")
        self._tail = LogTail()
        self._progress: dict[str, Any] = {}
        self._metrics: dict[str, Any] = {}
        self._live = LiveIntake(run, self.out)
        self._beat_at = self._look_at = 0.0

    def supervise(self) -> None:
        """Run the attempt and write how it ended."""
        try:
            self._attempt()
        except Lost:
            log.warning("Attempt %s of run %s was fenced.", self.run.attempt, self.run)
        except HoneError as error:
            self._end("failed", error=runs.as_dict(error))
        except OSError as error:
            self._end("failed", error=_disk_error(error, self.out))

    def _attempt(self) -> None:
        earlier = self._earlier()
        if earlier and _status(earlier[0]).get("state") == "succeeded":
            # The engine was done when its worker died: only the record is missing.
            self.out = earlier[0]
            self._finish(_status(self.out))
            return
        self.out.mkdir(parents=True, exist_ok=True)
        spec = specs.write_spec(self.run, self.out)
        process = EngineProcess(
            command(self.run.launcher, spec, self.out, earlier),
            out=self.out,
            environment=environment(),
            directory=settings.BASE_DIR,
            signalled=self.run.launcher not in HASTY,
        )
        try:
            ordered = self._follow(process)
        finally:
            process.end()
        self._relay()
        self._live.take()
        self._conclude(process.poll(), ordered)

    def _earlier(self) -> list[Path]:
        """Return the directories of earlier attempts, newest first."""
        attempts = range(self.run.attempt - 1, 0, -1)
        found = [artifacts.attempt_dir(self.run.pk, number) for number in attempts]
        return [directory for directory in found if directory.is_dir()]

    def _follow(self, process: EngineProcess) -> str | None:
        """Relay until the engine ends; return the order it was given, if any."""
        self._progress["environment"] = _machine() | {"pid": process.pid}
        order: str | None = None
        patience = 0.0
        while process.poll() is None:
            wanted = self._tick()
            if order != "cancel" and wanted is not None and wanted != order:
                order = wanted
                patience = time.monotonic() + settings.RUN_GRACE_SECONDS
                process.order(order)
            if order and time.monotonic() > patience:
                log.warning("Run %s did not end in time: killed.", self.run)
                return order
            time.sleep(TICK_SECONDS)
        return order

    def _tick(self) -> str | None:
        """Relay events and heartbeats; return what the engine should be told.

        A database that is away for a while stops nothing: the engine goes on, and
        what it says is relayed later.
        """
        try:
            self._relay()
            self._live.take()
            pulse = self._pulse()
        except DATABASE_LOST as error:
            log.warning("The database does not answer; the run goes on: %s", error)
            close_old_connections()
            time.sleep(DATABASE_RETRY_SECONDS)
            return None
        if pulse is not None and pulse.cancel_requested:
            return "cancel"
        give_way = pulse is not None and pulse.give_way
        return "preempt" if give_way or self._stop() else None

    def _pulse(self) -> runs.Pulse | None:
        """Beat or look, when it is time; return what is asked of the run.

        Raises:
            Lost: when the row is no longer this attempt's.
        """
        now = time.monotonic()
        if now < self._look_at:
            return None
        self._look_at = now + LOOK_SECONDS
        if now >= self._beat_at:
            if (tail := self._tail.take()) is not None:
                self._progress["log_tail"] = tail
            pulse = runs.heartbeat(self.run, **self._progress)
            self._progress = {}
            self._beat_at = now + settings.RUN_HEARTBEAT_SECONDS
        else:
            pulse = runs.look(self.run)
        if pulse is None:
            raise Lost
        return pulse

    def _relay(self) -> None:
        """Write the engine's new events; those that cannot be kept are read again."""
        for line in self._engine_log.lines():
            self._tail.add(line)
        mark = self._events.mark()
        found = [parse_event(line) for line in self._events.lines()]
        events = [event for event in found if event is not None]
        if not events:
            return
        try:
            runs.record_events(self.run, events)
        except DATABASE_LOST:
            self._events.rewind(mark)
            raise
        for event in events:
            self._tail.add_event(event)
            progress = event.payload.get("progress") or {}
            if isinstance(total := progress.get("total"), int) and total >= 0:
                self._progress["total_steps"] = total
            if event.step is not None:
                self._progress["step"] = event.step
            self._metrics |= event.payload.get("metrics") or {}
        self._progress["metrics"] = self._metrics
        # A curve that moves is worth a beat before its time, once a second.
        self._beat_at = min(self._beat_at, self._look_at)

    def _conclude(self, code: int | None, ordered: str | None) -> None:
        """Write how the engine ended. Its status file says so: an exit code lies."""
        status = _status(self.out)
        state, error = status.get("state"), status.get("error") or _no_status(code)
        if state == "succeeded":
            self._finish(status)
        elif ordered == "cancel" or state == "cancelled":
            self._end("cancelled")
        elif ordered == "preempt" or state == "preempted":
            self._end("preempted")
        elif state == "failed" and error.get("error") != "bug":
            self._end("failed", error=error)
        else:
            self._patiently(runs.crashed, self.run, error, **self._facts())

    def _finish(self, status: dict[str, Any]) -> None:
        """Register what the run left and close it."""
        metrics = {**self._metrics, **(status.get("metrics") or {})}
        facts = self._facts() | {"metrics": metrics}
        if status.get("subset"):
            facts["metrics"]["subset"] = status["subset"]
        if isinstance(status.get("step"), int):
            facts["step"] = status["step"]
        with kept_alive(self.run):
            # Hashing and taking in gigabytes outlasts many heartbeats.
            sha256 = promoting.measure(self.run, status, self.out)
            self._patiently(
                take_results, self.run, status, self.out, sha256=sha256, facts=facts
            )
        artifacts.drop_checkpoints(self.run.pk)

    def _end(self, state: Any, *, error: dict[str, Any] | None = None) -> None:
        self._patiently(runs.end, self.run, state, error=error, **self._facts())

    def _facts(self) -> dict[str, Any]:
        facts = {"log_tail": self._tail.text()} | self._progress
        self._progress = {}
        return facts

    def _patiently(self, write: Callable[..., Any], *args: Any, **kwargs: Any) -> None:
        """Write the end, waiting as long as it takes for a database that is away."""
        while True:
            try:
                write(*args, **kwargs)
                return
            except DATABASE_LOST as error:
                log.warning("The database does not answer; trying again: %s", error)
                close_old_connections()
                time.sleep(DATABASE_RETRY_SECONDS)


@contextlib.contextmanager
def kept_alive(run: TrainingRun) -> Iterator[None]:
    """Beat from a thread of its own while the block runs."""
    done = threading.Event()

    def beat() -> None:
        while not done.wait(settings.RUN_HEARTBEAT_SECONDS):
            with contextlib.suppress(*DATABASE_LOST):
                runs.heartbeat(run)
        connection.close()

    thread = threading.Thread(target=beat, name="heartbeat", daemon=True)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()


def _status(directory: Path) -> dict[str, Any]:
    try:
        status = json.loads((directory / "status.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return status if isinstance(status, dict) else {}


def _machine() -> dict[str, Any]:
    return {"host": socket.gethostname(), "python": platform.python_version()}


def _disk_error(error: OSError, directory: Path) -> dict[str, Any]:
    return {
        "error": "disk",
        "message": "The run's files cannot be written or read.",
        "expected": f"room and permission under {directory}",
        "found": str(error),
        "fix": "Free space or mend the permissions, then press retry.",
    }


def _no_status(code: int | None) -> dict[str, Any]:
    how = f"signal {-code}" if code is not None and code < 0 else f"exit code {code}"
    return {
        "error": "crash",
        "message": "The engine ended without saying how.",
        "expected": "a status.json from the engine",
        "found": f"none, and {how}",
        "fix": "Signal 9 is mostly a machine out of memory: lower batch_size or "
        "max_length. Otherwise read the log below.",
    }
