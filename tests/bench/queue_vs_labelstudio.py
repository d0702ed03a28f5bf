"""Hone beside Label Studio, on the same PostgreSQL, in one interleaved run.

    python -m tests.bench.queue_vs_labelstudio [--driver DIR] [--venv DIR] [--json FILE]

`--driver` is the folder of the load driver (`annotators.py`); `--venv` a virtual
environment with label-studio 1.23.2 and uwsgi. Without them it says so and ends.

Each system gets a PostgreSQL of its own from the same binaries with the same settings,
and 4 web processes; where nginx is installed it stands before Label Studio, as it is
published. All of it ends with this script.

Targets, Hone to Label Studio: server CPU an annotation, submit and next-task p50 at
K=1, next p95 at K=20: at most 1/4; annotations a second at K=8 and K=20: at least 4
times; resident memory (PSS): at most 1/2; export time a row: at most 1/5.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

ROOT = Path(__file__).resolve().parents[2]
PROCESSES = 4
DRIVER = ROOT.parent / "shared" / "bench"
VENV = ROOT / "var" / "label-studio"
MAKE_VENV = (
    "python3 -m venv var/label-studio && "
    "var/label-studio/bin/pip install label-studio==1.23.2 uwsgi"
)
NGINX = """
daemon off; pid {folder}/nginx.pid; error_log {folder}/nginx.log; worker_processes 1;
events {{ worker_connections 256; }}
http {{
  access_log off; client_max_body_size 300m; client_body_temp_path {folder}/body;
  proxy_temp_path {folder}/proxy; fastcgi_temp_path {folder}/f;
  uwsgi_temp_path {folder}/u; scgi_temp_path {folder}/s;
  server {{
    listen 127.0.0.1:{port};
    location / {{
      proxy_pass http://127.0.0.1:{behind}; proxy_read_timeout 300;
      proxy_set_header Host $http_host;
    }}
  }}
}}
"""


@dataclass
class Running:
    """A server under test: where it answers and whose CPU and memory are its own."""

    url: str
    pids: list[int]
    environment: dict[str, str]


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def wait_for(url: str, process: subprocess.Popen[bytes], seconds: float = 180) -> None:
    """Return when something answers at `url`.

    Raises:
        RuntimeError: if the process ends or the time is over first.
    """
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline and process.poll() is None:
        try:
            urllib.request.urlopen(url, timeout=30).close()
            return
        except OSError:
            time.sleep(0.3)
    raise RuntimeError(f"expected an answer at {url}; found none: see its log")


@contextlib.contextmanager
def process(command: list[str], log: Path, **more: Any) -> Iterator[Any]:
    """Run a program with its output in a file; end it and its children after."""
    with log.open("ab") as out:
        started = subprocess.Popen(
            command, stdout=out, stderr=out, start_new_session=True, **more
        )
    try:
        yield started
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(started.pid, signal.SIGTERM)
        try:
            started.wait(20)
        except subprocess.TimeoutExpired:
            os.killpg(started.pid, signal.SIGKILL)
            started.wait()


@contextlib.contextmanager
def services(folder: Path) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Start PostgreSQL and Valkey under a folder; yield URLs and their state."""
    from config.services import ensure_services, stop_services

    urls = ensure_services(folder)
    state = json.loads((folder / "run" / "state.json").read_text())
    try:
        yield urls.database_url, urls.redis_url, state
    finally:
        stop_services(folder)


@contextlib.contextmanager
def hone(folder: Path) -> Iterator[Running]:
    with services(folder) as (database, redis, state):
        port = free_port()
        environment = {
            **os.environ,
            "DATABASE_URL": database,
            "REDIS_URL": redis,
            "HONE_VAR": str(folder),
            "HONE_PORT": str(port),
            "HONE_WEB_WORKERS": str(PROCESSES),
            "HONE_WEB_THREADS": "4",
            "HONE_LOG_LEVEL": "WARNING",
            "DJANGO_SETTINGS_MODULE": "config.settings",
        }
        subprocess.run(
            [sys.executable, "manage.py", "migrate", "--verbosity=0"],
            cwd=ROOT,
            env=environment,
            check=True,
        )
        command = [sys.executable, "-m", "gunicorn", "--config", "config/web.py"]
        command.append("config.wsgi:application")
        log = folder / "web.log"
        with process(command, log, cwd=ROOT, env=environment) as web:
            url = f"http://127.0.0.1:{port}"
            wait_for(f"{url}/api/v1/health", web)
            pids = [web.pid, state["postgres_pid"], state["valkey_pid"]]
            yield Running(url, pids, environment)


@contextlib.contextmanager
def label_studio(folder: Path, venv: Path) -> Iterator[Running]:
    with services(folder) as (database, _, state), contextlib.ExitStack() as stack:
        import psycopg

        with psycopg.connect(database, autocommit=True) as connection:
            connection.execute("CREATE DATABASE ls")
        at = urlsplit(database)
        environment = {
            **os.environ,
            "DJANGO_DB": "default",
            "POSTGRE_NAME": "ls",
            "POSTGRE_USER": at.username or "",
            "POSTGRE_PASSWORD": at.password or "",
            "POSTGRE_HOST": at.hostname or "",
            "POSTGRE_PORT": str(at.port),
            "COLLECT_ANALYTICS": "False",
            "SENTRY_DSN": "",
            "FRONTEND_SENTRY_DSN": "",
            "LATEST_VERSION_CHECK": "False",
            "LABEL_STUDIO_ENABLE_LEGACY_API_TOKEN": "true",
            "LABEL_STUDIO_BASE_DATA_DIR": str(folder / "ls"),
            "DJANGO_SETTINGS_MODULE": "core.settings.label_studio",
            "DEBUG": "False",
            "LOG_LEVEL": "WARNING",
        }
        (folder / "ls").mkdir()
        (app,) = venv.glob("lib/python3*/site-packages/label_studio")
        log = folder / "ls.log"
        with log.open("ab") as out:
            subprocess.run(
                [venv / "bin" / "python", "manage.py", "migrate", "--noinput"],
                cwd=app,
                env=environment,
                stdout=out,
                stderr=out,
                check=True,
            )
        behind, port = free_port(), free_port()
        flags = (
            f"--chdir {app} --virtualenv {venv} --http 127.0.0.1:{behind} "
            f"--module core.wsgi:application --master --processes {PROCESSES} "
            "--single-interpreter --threads 1 --buffer-size 65535 --http-timeout 300 "
            "--need-app --harakiri 120 --post-buffering 4096 --disable-logging "
            "--enable-threads --thunder-lock --lazy-apps --max-requests 5000 "
            "--die-on-term"
        )
        web = stack.enter_context(
            process([str(venv / "bin" / "uwsgi"), *flags.split()], log, env=environment)
        )
        if nginx := shutil.which("nginx", path=os.environ["PATH"] + ":/usr/sbin"):
            settings = folder / "nginx.conf"
            settings.write_text(NGINX.format(folder=folder, port=port, behind=behind))
            proxy = [nginx, "-c", str(settings), "-e", str(folder / "nginx.log")]
            stack.enter_context(process(proxy, log))
        else:
            port = behind
        url = f"http://127.0.0.1:{port}"
        wait_for(f"http://127.0.0.1:{behind}/health", web)
        wait_for(f"{url}/health", web)
        yield Running(url, [web.pid, state["postgres_pid"]], environment)


def summary(cells: list[dict[str, Any]]) -> list[str]:
    """Return the ratios of each comparable cell, Hone to Label Studio."""
    lines = []
    keys = ("tasks", "overlap", "seeded", "k")
    pairs: dict[tuple[Any, ...], dict[str, dict[str, Any]]] = {}
    for cell in cells:
        kind = "run" if "k" in cell else "end" if "pss_mib" in cell else "import"
        at = (kind, *(cell.get(key) for key in keys))
        pairs.setdefault(at, {})[cell["system"]] = cell
    for at, systems in pairs.items():
        if set(systems) != {"hone", "labelstudio"}:
            continue
        ours, theirs = systems["hone"], systems["labelstudio"]
        found = {}
        if at[0] == "run" and not (ours["done"] and theirs["done"]):
            lines.append(f"{at}: nothing answered in the time of a run")
        elif at[0] == "run":
            found = {
                "cpu": ours["cpu"] / theirs["cpu"],
                "next p50": ours["next"][0] / theirs["next"][0],
                "next p95": ours["next"][1] / theirs["next"][1],
                "submit p50": ours["submit"][0] / theirs["submit"][0],
                "rate": ours["rate"] / theirs["rate"],
            }
        elif at[0] == "end":
            found = {"pss": ours["pss_mib"] / theirs["pss_mib"]}
            if ours.get("stored") and theirs.get("stored"):
                found["export a row"] = (ours["export_s"] / ours["stored"]) / (
                    theirs["export_s"] / theirs["stored"]
                )
        ratios = ", ".join(f"{name} {value:.3f}" for name, value in found.items())
        named = " ".join(f"{k}={v}" for k, v in zip(keys, at[1:], strict=True) if v)
        if found:
            lines.append(f"{named}: {ratios}")
    return lines


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--driver", type=Path, default=DRIVER)
    parser.add_argument("--venv", type=Path, default=VENV)
    parser.add_argument("--json", type=Path, default=ROOT / "var" / "queue.jsonl")
    parser.add_argument("--tasks", default="2000")
    parser.add_argument("--done", default="0")
    parser.add_argument("--overlap", default="1")
    parser.add_argument("--annotators", default="1,8,20")
    parser.add_argument("--submits", default="100")
    parser.add_argument("--repeats", default="3")
    given = parser.parse_args()
    for path, fix in (
        (given.driver / "annotators.py", "name the load driver's folder by --driver"),
        (given.venv / "bin" / "uwsgi", f"make it: {MAKE_VENV}"),
    ):
        if not path.exists():
            print(f"Left out: expected {path}, found nothing there; {fix}.")
            return 0
    before = given.json.read_text().count("\n") if given.json.exists() else 0
    with tempfile.TemporaryDirectory(prefix="hone-bench-") as made:
        folder = Path(made)
        folder.chmod(0o755)
        ours, theirs = folder / "hone", folder / "labelstudio"
        ours.mkdir()
        theirs.mkdir()
        with hone(ours) as mine, label_studio(theirs, given.venv.resolve()) as other:
            arguments = {
                "--adaptor": ROOT / "tests" / "bench" / "hone_adaptor.py",
                "--tasks": given.tasks,
                "--done": given.done,
                "--overlap": given.overlap,
                "--annotators": given.annotators,
                "--submits": given.submits,
                "--repeats": given.repeats,
                "--json": given.json.resolve(),
            }
            command = [sys.executable, given.driver / "annotators.py"]
            for name, server in (("labelstudio", other), ("hone", mine)):
                command += ["--system", f"{name}={server.url}"]
                command += ["--pids", f"{name}={','.join(map(str, server.pids))}"]
            for name, value in arguments.items():
                command += [name, str(value)]
            # The adaptor makes people and projects beside the server that it drives.
            subprocess.run(command, env=mine.environment, check=True)
    cells = [json.loads(line) for line in given.json.read_text().splitlines()[before:]]
    print("\nHone / Label Studio:")
    print("\n".join(summary(cells)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
