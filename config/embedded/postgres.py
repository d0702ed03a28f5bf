"""The embedded PostgreSQL."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import time
from pathlib import Path

from config.embedded.servers import STOP_SECONDS, Server, StartFailure, log_tail


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


def serves(pid: int, data: Path) -> bool:
    """Say whether process `pid` is a server over `data` (pids get reused)."""
    shown = subprocess.run(
        ["ps", "-o", "command=", "-p", str(pid)], capture_output=True, text=True
    ).stdout
    return "postgres" in shown and str(data) in shown
