"""PostgreSQL and Valkey as child processes: prepare, start, stop.

Part of the keeper (`config/keeper.py`): the standard library alone.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from config.privileges import Identity

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
    """What to run and where, found by `config.binaries` in the starting process."""

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


class Postgres(Server):
    name = "postgres"
    stop_signal = signal.SIGINT  # "fast": roll back, checkpoint, exit

    def prepare(self) -> None:
        data = self.plan.pg_data
        if data.exists():
            self._check_version()
        else:
            self._initialise()
        self.identity.own(data)
        self._retire_predecessor()

    def _check_version(self) -> None:
        found = (self.plan.pg_data / "PG_VERSION").read_text().strip()
        if found != str(self.plan.postgres_major):
            raise StartFailure(
                "The data directory belongs to another PostgreSQL version.",
                expected=f"PostgreSQL {self.plan.postgres_major} "
                f"(the server in {self.plan.postgres_bin})",
                found=f"PostgreSQL {found} in {self.plan.pg_data}",
                fix=f"point HONE_POSTGRES_BIN at a version {found} server's bin "
                "directory, or dump there and restore here (docs/operations.md, "
                "Upgrading), or move the directory away to start empty",
            )

    def _initialise(self) -> None:
        """Make the cluster next to its place, then move it in: never half a one."""
        fresh = self.plan.pg_data.with_name("pg.new")
        shutil.rmtree(fresh, ignore_errors=True)
        fresh.mkdir(mode=0o700)
        self.identity.own(fresh)
        password = self.plan.run / "pg.password"
        password.write_text(self.settings["password"])
        password.chmod(0o600)
        self.identity.own(password)
        command = [
            str(self.plan.postgres_bin / "initdb"),
            f"--pgdata={fresh}",
            "--username=hone",
            f"--pwfile={password}",
            "--auth=scram-sha-256",
            "--encoding=UTF8",
            "--no-instructions",
        ]
        if self.plan.postgres_major >= 17:
            command += ["--locale-provider=builtin", "--locale=C.UTF-8"]
        else:
            command += ["--locale=C"]
        if self.plan.postgres_major >= 16:
            # The password is random: stretching it buys nothing, costs every connect.
            command += ["--set=scram_iterations=1"]
        try:
            self._run(command)
            self._single_user(fresh, "CREATE DATABASE hone")
        finally:
            password.unlink(missing_ok=True)
        fresh.rename(self.plan.pg_data)

    def reset_password(self) -> None:
        """Give the role the current password, for when `services.json` was lost."""
        self._single_user(
            self.plan.pg_data,
            f"ALTER ROLE hone PASSWORD '{self.settings['password']}'",
        )

    def _single_user(self, data: Path, sql: str) -> None:
        server = str(self.plan.postgres_bin / "postgres")
        self._run([server, "--single", "-D", str(data), "postgres"], sql.encode())

    def _run(self, command: list[str], stdin: bytes = b"") -> None:
        with open(self.log_path, "ab") as log:
            done = subprocess.run(
                command,
                input=stdin,
                stdout=log,
                stderr=log,
                cwd="/",
                env={"PATH": os.defpath, "LC_ALL": "C", "TZ": "UTC"},
                preexec_fn=self.identity.preexec(death_signal=signal.SIGKILL),
            )
        if done.returncode:
            raise StartFailure(
                f"{Path(command[0]).name} failed.",
                expected="exit status 0",
                found=f"status {done.returncode}; the end of {self.log_path}:\n"
                f"{log_tail(self.log_path)}",
                fix=self.advice(),
            )

    def _retire_predecessor(self) -> None:
        """Clear what a killed keeper or a crash left: a live server or its pidfile."""
        pidfile = self.plan.pg_data / "postmaster.pid"
        try:
            pid = int(pidfile.read_text().split("\n", 1)[0])
        except (OSError, ValueError):
            pidfile.unlink(missing_ok=True)
            return
        deadline = time.monotonic() + STOP_SECONDS
        while serves(pid, self.plan.pg_data):
            late = time.monotonic() > deadline
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGQUIT if late else signal.SIGINT)
            time.sleep(0.1)
        pidfile.unlink(missing_ok=True)

    def command(self) -> list[str]:
        options = {
            "listen_addresses": "127.0.0.1",
            "port": self.settings["postgres_port"],
            "unix_socket_directories": "",
            "max_connections": 200,
            "shared_buffers": "128MB",
            "fsync": "on",
            "jit": "off",  # short queries: compiling costs more than it saves
            "random_page_cost": 1.1,
            "timezone": "UTC",
            "log_timezone": "UTC",
            "log_line_prefix": "%m [%p] ",
            "logging_collector": "off",
        }
        server = str(self.plan.postgres_bin / "postgres")
        flags = [flag for k, v in options.items() for flag in ("-c", f"{k}={v}")]
        return [server, "-D", str(self.plan.pg_data), *flags]

    def is_ready(self) -> bool:
        try:
            lines = (self.plan.pg_data / "postmaster.pid").read_text().split("\n")
        except OSError:
            return False
        return len(lines) > 7 and lines[7].strip() == "ready"


class Valkey(Server):
    name = "valkey"

    def prepare(self) -> None:
        self.plan.valkey_data.mkdir(mode=0o700, exist_ok=True)
        self.identity.own(self.plan.valkey_data)

    def command(self) -> list[str]:
        return [str(self.plan.valkey_server), "-"]  # settings come on stdin

    def config(self) -> bytes:
        # Appended and synced each second: queued messages survive a restart. Rows in
        # PostgreSQL are the truth either way; a lost message only delays a wake-up.
        return "\n".join(
            (
                "bind 127.0.0.1",
                f"port {self.settings['valkey_port']}",
                f"requirepass {self.settings['password']}",
                f'dir "{self.plan.valkey_data}"',
                "appendonly yes",
                "appendfsync everysec",
                'save ""',
                "maxmemory-policy noeviction",
                "daemonize no",
                "",
            )
        ).encode()

    def is_ready(self) -> bool:
        return valkey_answers(self.settings["valkey_port"], self.settings["password"])

    def advice(self) -> str:
        if "append only file" in log_tail(self.log_path, 20).lower():
            return (
                f"the queue's log is damaged: move {self.plan.valkey_data} away and "
                "start again; only wake-up messages are in it, all work is in "
                "PostgreSQL and is picked up by the next sweep"
            )
        return super().advice()


def valkey_answers(port: int, password: str) -> bool:
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=1) as link:
            link.sendall(f"AUTH {password}\r\nPING\r\n".encode())
            answer = b""
            while answer.count(b"\r\n") < 2:
                piece = link.recv(256)
                if not piece:
                    return False
                answer += piece
            return answer.endswith(b"+PONG\r\n")
    except OSError:
        return False


def serves(pid: int, data: Path) -> bool:
    """Say whether process `pid` is a server over `data` (pids get reused)."""
    shown = subprocess.run(
        ["ps", "-o", "command=", "-p", str(pid)], capture_output=True, text=True
    ).stdout
    return "postgres" in shown and str(data) in shown
