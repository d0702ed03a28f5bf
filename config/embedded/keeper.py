"""The keeper: the one process that owns the embedded PostgreSQL and Valkey.

`config.services` starts it detached, as a plain script with the standard library
alone, so it costs about ten megabytes. It starts both servers, restarts one that
crashes, and stops them when nobody uses them any more.

Using is holding a shared lock on `var/run/users.lock`. The kernel drops that lock
with the process, however it dies, so no count can go stale: servers live as long as
the last Hone process that uses them, `kill -9` included. A file `var/run/pinned`
(`python -m config.services start`) keeps them up without users.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import secrets
import signal
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from types import FrameType
from typing import Any

sys.path.append(str(Path(__file__).resolve().parents[2]))
from config.embedded.identity import server_identity
from config.embedded.postgres import Postgres
from config.embedded.servers import Plan, Server, StartFailure
from config.embedded.staging import reachable_programs
from config.embedded.valkey import Valkey

LINGER_SECONDS = 2.0  # bridges two commands in a row without a restart
POLL_SECONDS = 0.2
CRASHES_ALLOWED = 5  # within CRASH_WINDOW_SECONDS, then the keeper gives up
CRASH_WINDOW_SECONDS = 60.0


@contextlib.contextmanager
def locked(path: Path) -> Iterator[None]:
    """Hold an exclusive lock on `path` for the length of the block."""
    with open(path, "a") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def write_private(path: Path, value: dict[str, Any]) -> None:
    """Write JSON for the owner's eyes alone, whole or not at all."""
    scratch = path.with_suffix(".new")
    scratch.unlink(missing_ok=True)
    descriptor = os.open(scratch, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w") as file:
        json.dump(value, file, indent=2)
    scratch.replace(path)


class Keeper:
    """Starts both servers, watches them and their users, stops them."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.stopping = False
        self.hurry = False
        self.crashes: list[float] = []
        self.settings_path = plan.var / "services.json"
        self.state_path = plan.run / "state.json"
        self.settings = self._load_settings()
        identity = server_identity([plan.valkey_server, plan.var])
        self.staging = contextlib.ExitStack()
        programs = reachable_programs(plan.postgres_bin.resolve(), identity)
        plan = replace(plan, postgres_bin=self.staging.enter_context(programs))
        self.postgres = Postgres(plan, identity, self.settings)
        self.valkey = Valkey(plan, identity, self.settings)
        self.servers: tuple[Server, ...] = (self.valkey, self.postgres)

    def _load_settings(self) -> dict[str, Any]:
        try:
            loaded: dict[str, Any] = json.loads(self.settings_path.read_text())
            if loaded.get("password"):
                return loaded
        except (OSError, ValueError):
            pass
        return {"password": secrets.token_urlsafe(24), "password_is_new": True}

    def start(self) -> None:
        password_is_new = self.settings.pop("password_is_new", False)
        had_data = self.plan.pg_data.exists()
        try:
            write_private(self.settings_path, self.settings)
            if password_is_new and had_data:
                self.postgres.prepare()
                self.postgres.reset_password()
            for server in self.servers:
                server.start()
        except BaseException:
            self.stop()
            raise
        self.publish()

    def ask_to_stop(self, number: int, frame: FrameType | None) -> None:
        self.stopping = True

    def ask_to_hurry(self, number: int, frame: FrameType | None) -> None:
        """Stop without lingering, once nobody uses the servers."""
        self.hurry = True

    def publish(self) -> None:
        write_private(self.settings_path, self.settings)
        password = self.settings["password"]
        pg, valkey = self.settings["postgres_port"], self.settings["valkey_port"]
        write_private(
            self.state_path,
            {
                "pid": os.getpid(),
                "postgres_pid": self.postgres.process and self.postgres.process.pid,
                "valkey_pid": self.valkey.process and self.valkey.process.pid,
                "database_url": f"postgresql://hone:{password}@127.0.0.1:{pg}/hone",
                "redis_url": f"redis://:{password}@127.0.0.1:{valkey}/0",
            },
        )

    def watch(self) -> None:
        """Run until told to stop, unused, or a server will not stay up."""
        idle_since: float | None = None
        while not self.stopping:
            for server in self.servers:
                if server.has_died():
                    self._revive(server)
            with self.unused() as unused:
                pass
            idle_since = (idle_since or time.monotonic()) if unused else None
            if idle_since is not None and (
                self.hurry or time.monotonic() - idle_since > LINGER_SECONDS
            ):
                # Both locks until all is down: a newcomer waits, then starts anew.
                with locked(self.plan.run / "start.lock"), self.unused() as unused:
                    if unused:
                        self.stop()
                        return
            time.sleep(POLL_SECONDS)
        self.stop()

    @contextlib.contextmanager
    def unused(self) -> Iterator[bool]:
        """Yield whether nobody uses the servers; nobody can begin to inside."""
        if (self.plan.run / "pinned").exists():
            yield False
            return
        with open(self.plan.run / "users.lock", "a") as users:
            try:
                fcntl.flock(users, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                yield False
            else:
                yield True

    def _revive(self, server: Server) -> None:
        assert server.process is not None
        say(f"{server.name} ended with {server.process.returncode}; starting it again")
        now = time.monotonic()
        self.crashes = [t for t in self.crashes if now - t < CRASH_WINDOW_SECONDS]
        self.crashes.append(now)
        if len(self.crashes) > CRASHES_ALLOWED:
            say(f"{len(self.crashes)} crashes in a minute: giving up")
            self.stopping = True
            return
        try:
            server.start()
        except StartFailure as failure:
            say(json.dumps(failure.report))
            self.stopping = True
            return
        self.publish()

    def stop(self) -> None:
        self.state_path.unlink(missing_ok=True)
        for server in reversed(self.servers):
            server.stop()
        self.staging.close()
        say("stopped")


def say(message: str) -> None:
    stamp = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    print(stamp, message, file=sys.stderr, flush=True)


def main(argument: str) -> int:
    """Daemonise, start, report one JSON line on stdout, then keep watch."""
    if os.fork():
        return 0
    given = json.loads(argument)
    plan = Plan(
        var=Path(given["var"]),
        postgres_bin=Path(given["postgres_bin"]),
        postgres_major=given["postgres_major"],
        valkey_server=Path(given["valkey_server"]),
    )
    alive = open(plan.run / "keeper.lock", "a")  # noqa: SIM115 - held until exit
    fcntl.flock(alive, fcntl.LOCK_EX)
    try:
        keeper = Keeper(plan)
        signal.signal(signal.SIGTERM, keeper.ask_to_stop)
        signal.signal(signal.SIGINT, keeper.ask_to_stop)
        signal.signal(signal.SIGUSR1, keeper.ask_to_hurry)
        keeper.start()
    except StartFailure as failure:
        print(json.dumps({"error": failure.report}), flush=True)
        return 1
    except OSError as error:
        report = {
            "message": "The embedded servers could not be set up.",
            "expected": f"a writable directory {plan.var}",
            "found": str(error),
            "fix": "free disk space or point HONE_VAR at a directory you may write",
        }
        print(json.dumps({"error": report}), flush=True)
        return 1
    print(json.dumps({"ready": True}), flush=True)
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    keeper.watch()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
