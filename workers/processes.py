"""An engine's process group: started, spoken to, and ended to the last member."""

import contextlib
import json
import os
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

KILL_SECONDS = 10.0
PROC = Path("/proc")  # Linux; elsewhere a zombie counts as running


class EngineProcess:
    """One engine in a session of its own, tied to this process by a pipe.

    However this process dies, the kernel closes the pipe and the engine exits.

    Args:
        signalled: whether an order is also a signal, which ends waits; without, the
            engine takes the time that it needs.
    """

    def __init__(
        self,
        arguments: Sequence[str],
        *,
        out: Path,
        environment: Mapping[str, str],
        directory: Path,
        signalled: bool = True,
    ) -> None:
        self.out = out
        self._signalled = signalled
        with (out / "engine.log").open("ab") as log:
            # Events come through events.jsonl; their echo would only fill the log.
            self._process = subprocess.Popen(
                list(arguments),
                stdin=subprocess.PIPE,
                stdout=subprocess.DEVNULL,
                stderr=log,
                env=dict(environment),
                cwd=directory,
                start_new_session=True,
            )

    @property
    def pid(self) -> int:
        return self._process.pid

    def poll(self) -> int | None:
        """Return the exit code, or None while it runs."""
        return self._process.poll()

    def order(self, action: str) -> None:
        """Leave an order that the engine reads between two steps, or signal it too."""
        with contextlib.suppress(OSError):
            scratch = self.out / ".control.new"
            scratch.write_text(json.dumps({"action": action}), encoding="utf-8")
            scratch.replace(self.out / "control.json")
        if self._signalled:
            self._signal(signal.SIGTERM)

    def end(self) -> None:
        """Kill whatever is left of the group and wait until nothing of it runs."""
        self._signal(signal.SIGKILL)
        if self._process.stdin is not None:
            with contextlib.suppress(OSError):
                self._process.stdin.close()
        self._process.wait()
        deadline = time.monotonic() + KILL_SECONDS
        while group_runs(self.pid) and time.monotonic() < deadline:
            self._signal(signal.SIGKILL)
            time.sleep(0.05)

    def _signal(self, number: signal.Signals) -> None:
        # The group has the pid of its first member, dead or alive.
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self.pid, number)


def group_runs(group: int) -> bool:
    """Return True if a process group has a member that is not a zombie."""
    if not PROC.is_dir():
        with contextlib.suppress(ProcessLookupError):
            os.killpg(group, 0)
            return True
        return False
    for entry in PROC.glob("[0-9]*"):
        try:
            # After the name in brackets: state, parent, process group.
            fields = (entry / "stat").read_text().rpartition(")")[2].split()
        except OSError:
            continue
        if len(fields) > 2 and int(fields[2]) == group and fields[0] not in "ZX":
            return True
    return False
