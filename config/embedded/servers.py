"""A server as a child of the keeper: prepare, start, wait, stop.

Part of the keeper (`config/embedded/keeper.py`): the standard library alone.
"""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from config.embedded.identity import Identity

START_SECONDS = 30.0  # crash recovery of a large write-ahead log takes a while
STOP_SECONDS = 8.0


class StartFailure(Exception):
    """A server cannot start; says what a person can do about it."""

    def __init__(self, message: str, *, expected: str, found: str, fix: str) -> None:
        super().__init__(message)
        self.report = {
            "message": message,
            "expected": expected,
            "found": found,
            "fix": fix,
        }


@dataclass(frozen=True)
class Plan:
    """What to run and where; the starting process has found it (`binaries.py`)."""

    var: Path
    postgres_bin: Path  # directory with initdb and postgres
    postgres_major: int
    valkey_server: Path

    @property
    def run(self) -> Path:
        return self.var / "run"

    @property
    def log(self) -> Path:
        return self.var / "log"

    @property
    def pg_data(self) -> Path:
        return self.var / "pg"

    @property
    def valkey_data(self) -> Path:
        return self.var / "valkey"


def free_port(wanted: int | None) -> int:
    """Return `wanted` when it can be bound on loopback, any free port otherwise."""
    for port in (wanted, 0) if wanted else (0,):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            found: int = probe.getsockname()[1]
            return found
    raise StartFailure(
        "No loopback port is free.",
        expected="a free TCP port on 127.0.0.1",
        found="none",
        fix="close programs that hold many ports, then try again",
    )


def log_tail(path: Path, lines: int = 6) -> str:
    try:
        return "\n".join(path.read_text(errors="replace").splitlines()[-lines:])
    except OSError:
        return "(no log)"


class Server:
    """One embedded server as a child of the keeper."""

    name = ""
    stop_signal = signal.SIGTERM

    def __init__(self, plan: Plan, identity: Identity, settings: dict[str, Any]):
        self.plan = plan
        self.identity = identity
        self.settings = settings
        self.process: subprocess.Popen[bytes] | None = None
        self.log_path = plan.log / f"{self.name}.log"

    # What differs between the two servers.
    def prepare(self) -> None: ...
    def command(self) -> list[str]:
        raise NotImplementedError

    def config(self) -> bytes:
        return b""

    def is_ready(self) -> bool:
        raise NotImplementedError

    def start(self) -> None:
        """Start and wait until it answers.

        Raises:
            StartFailure: when it exits or stays silent; the log's end is in it.
        """
        self.prepare()
        deadline = time.monotonic() + START_SECONDS
        while True:
            # A new port on each try: the last one may have been taken meanwhile.
            port = f"{self.name}_port"
            self.settings[port] = free_port(self.settings.get(port))
            self._spawn()
            if self._wait_ready(deadline):
                return
            self.stop()
            # Backends of a killed postmaster need a moment to notice its death.
            if time.monotonic() > deadline or not self._is_worth_a_retry():
                break
            time.sleep(0.5)
        raise StartFailure(
            f"The embedded {self.name} server did not start.",
            expected=f"{self.name} answering within {START_SECONDS:.0f} s",
            found=f"the end of {self.log_path}:\n{log_tail(self.log_path)}",
            fix=self.advice(),
        )

    def _is_worth_a_retry(self) -> bool:
        tail = log_tail(self.log_path, 12)
        return any(
            sign in tail
            for sign in ("Address already in use", "shared memory", "postmaster.pid")
        )

    def advice(self) -> str:
        if "No space left" in log_tail(self.log_path, 20):
            return "free some disk space, then start again; nothing stored is lost"
        return "read the log above; `python -m config.services status` shows paths"

    def _spawn(self) -> None:
        with open(self.log_path, "ab") as log:
            self.process = subprocess.Popen(
                self.command(),
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=log,
                cwd="/",
                env={"PATH": os.defpath, "LC_ALL": "C", "TZ": "UTC"},
                start_new_session=True,
                preexec_fn=self.identity.preexec(death_signal=self.stop_signal),
            )
        assert self.process.stdin is not None
        with contextlib.suppress(BrokenPipeError):
            self.process.stdin.write(self.config())
            self.process.stdin.close()

    def _wait_ready(self, deadline: float) -> bool:
        assert self.process is not None
        while time.monotonic() < deadline and self.process.poll() is None:
            if self.is_ready():
                return True
            time.sleep(0.01)
        return False

    def has_died(self) -> bool:
        return self.process is not None and self.process.poll() is not None

    def stop(self) -> None:
        """Stop in order; kill what does not listen. Both servers recover from it."""
        if self.process is None or self.process.poll() is not None:
            return
        self.process.send_signal(self.stop_signal)
        try:
            self.process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
