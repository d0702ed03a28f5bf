"""The compose file: sound on paper, and each service's exact command run for real."""

from __future__ import annotations

import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import textwrap
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from config.embedded.binaries import find_binaries
from config.embedded.identity import server_identity
from config.embedded.staging import reachable_programs
from config.linux import die_with_parent
from config.services import ServiceUrls

ROOT = Path(__file__).resolve().parents[2]
SERVICES = {"web", "worker", "gpu-worker", "beat", "postgres", "redis"}
OURS = {"web", "worker", "gpu-worker", "beat"}
DURATION = re.compile(r"(\d+)s")


def load(name: str = "docker-compose.yml") -> dict[str, Any]:
    loaded: dict[str, Any] = yaml.safe_load((ROOT / name).read_text())
    return loaded


def interpolate(text: str, values: Mapping[str, str]) -> str:
    """Fill in ${NAME}, ${NAME:-default} and ${NAME:?complaint}; $$ is a dollar."""

    def fill(match: re.Match[str]) -> str:
        if match[0] == "$$":
            return "$"
        name, kind, rest = match["name"], match["kind"], match["rest"] or ""
        if values.get(name):
            return values[name]
        assert kind != "?", f"{name}: {rest}"
        return rest

    pattern = r"\$\$|\$\{(?P<name>\w+)(?::(?P<kind>[-?])(?P<rest>[^}]*))?\}"
    return re.sub(pattern, fill, text)


FILLED = {
    "HONE_SECRET_KEY": "secret",
    "POSTGRES_PASSWORD": "pg",
    "VALKEY_PASSWORD": "vk",
}


def interpolated() -> dict[str, Any]:
    text = interpolate((ROOT / "docker-compose.yml").read_text(), FILLED)
    loaded: dict[str, Any] = yaml.safe_load(text)
    return loaded


def seconds(duration: str) -> int:
    match = DURATION.fullmatch(duration)
    assert match, f"expected a duration such as 30s, found {duration!r}"
    return int(match[1])


def test_it_has_the_six_services_each_with_a_health_check() -> None:
    services = load()["services"]
    assert set(services) == SERVICES
    for name, service in services.items():
        check = service["healthcheck"]
        assert check["test"][0] in {"CMD", "CMD-SHELL"}, name
        for key in ("interval", "timeout", "start_period"):
            assert seconds(check[key]) > 0
        assert service["restart"] == "unless-stopped"
        assert seconds(service["stop_grace_period"]) >= 15


def test_no_service_runs_as_root() -> None:
    for name, service in load()["services"].items():
        user = str(service["user"]).split(":")[0]
        assert user not in {"", "0", "root"}, name
    for stage in ("web", "worker"):
        text = (ROOT / "Dockerfile").read_text()
        body = re.split(rf"(?m)^FROM \w+ AS {stage}$", text)[1]
        body = re.split(r"(?m)^FROM ", body)[0]
        assert re.findall(r"(?m)^USER (\S+)", body)[-1] == "hone"


def test_what_must_last_lies_in_declared_volumes() -> None:
    config = load()
    used = {
        volume.split(":")[0]
        for service in config["services"].values()
        for volume in service["volumes"]
    }
    assert used == set(config["volumes"])
    for name in OURS:
        assert config["services"][name]["volumes"] == ["data:/data"]


def test_everything_waits_for_what_it_needs() -> None:
    services = load()["services"]
    for name in OURS:
        needs = services[name]["depends_on"]
        expected = {"postgres", "redis"} | (set() if name == "web" else {"web"})
        assert set(needs) == expected
        assert {n["condition"] for n in needs.values()} == {"service_healthy"}


def test_secrets_come_from_the_environment_and_are_demanded() -> None:
    text = (ROOT / "docker-compose.yml").read_text()
    example = (ROOT / ".env.example").read_text()
    names = set(re.findall(r"\$\{(\w+)", text))
    assert names == set(re.findall(r"(?m)^(\w+)=", example))
    for secret in FILLED:
        with pytest.raises(AssertionError, match=secret):
            interpolate(text, {k: v for k, v in FILLED.items() if k != secret})
    environment = interpolated()["services"]["gpu-worker"]["environment"]
    assert environment["DATABASE_URL"] == "postgresql://hone:pg@postgres:5432/hone"
    assert environment["REDIS_URL"] == "redis://:vk@redis:6379/0"


def test_images_are_built_from_stages_and_files_that_exist() -> None:
    dockerfile = (ROOT / "Dockerfile").read_text()
    stages = set(re.findall(r"(?m)^FROM \S+ AS (\w+)", dockerfile))
    for name in OURS:
        build = load()["services"][name]["build"]
        assert build["target"] in stages
        for argument in build.get("args", {}):
            assert f"ARG {argument}" in dockerfile
    ignored = (ROOT / ".dockerignore").read_text().splitlines()
    for line in re.findall(r"(?m)^COPY ((?!--from).+) \S+$", dockerfile):
        for source in line.split():
            assert (ROOT / source).exists(), source
            assert f"!{source.split('/')[0].rstrip('/')}" in ignored, source


def test_the_gpu_file_only_adds_devices() -> None:
    extra = load("docker-compose.gpu.yml")["services"]
    assert set(extra) == {"gpu-worker"}
    devices = extra["gpu-worker"]["deploy"]["resources"]["reservations"]["devices"]
    assert devices[0]["capabilities"] == ["gpu"]


def test_docker_accepts_the_files() -> None:
    docker = shutil.which("docker")
    if (
        not docker
        or subprocess.run(
            [docker, "compose", "version"], capture_output=True
        ).returncode
    ):
        pytest.skip("no docker compose client here: the tests above stand in")
    files = ("-f", "docker-compose.yml", "-f", "docker-compose.gpu.yml")
    done = subprocess.run(
        [docker, "compose", *files, "config", "--quiet"],
        cwd=ROOT,
        env={**os.environ, **FILLED},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr


class Service:
    """A service of the file, its command and its health check run on this machine."""

    def __init__(self, name: str, environment: Mapping[str, str], log: Path) -> None:
        self.facts = interpolated()["services"][name]
        self.environment = {
            **os.environ,
            **{k: str(v) for k, v in self.facts["environment"].items()},
            **environment,
        }
        self.log = log
        self.process: subprocess.Popen[bytes] | None = None

    def start(self, **options: Any) -> None:
        # Should the tests be killed, nothing of theirs may stay.
        test = os.getpid()
        options.setdefault("preexec_fn", lambda: die_with_parent(test, signal.SIGTERM))
        with open(self.log, "wb") as log:
            self.process = subprocess.Popen(
                self.facts["command"],
                cwd=ROOT,
                env=self.environment,
                stdout=log,
                stderr=log,
                start_new_session=True,
                **options,
            )

    def is_healthy(self) -> bool:
        kind, *command = self.facts["healthcheck"]["test"]
        if kind == "CMD-SHELL":
            command = ["sh", "-c", *command]
        done = subprocess.run(
            command,
            cwd=ROOT,
            env=self.environment,
            capture_output=True,
            timeout=seconds(self.facts["healthcheck"]["timeout"]),
        )
        return done.returncode == 0

    def becomes_healthy(self) -> bool:
        check = self.facts["healthcheck"]
        assert self.process is not None
        deadline = time.monotonic() + seconds(check["start_period"])
        while time.monotonic() < deadline and self.process.poll() is None:
            if self.is_healthy():
                return True
            time.sleep(0.5)
        return False

    def said(self) -> str:
        return self.log.read_text(errors="replace")[-4000:]

    def stop(self, number: signal.Signals = signal.SIGTERM) -> int:
        assert self.process is not None
        self.process.send_signal(number)
        return self.process.wait(seconds(self.facts["stop_grace_period"]))

    def end(self) -> None:
        if self.process is not None and self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()


@pytest.fixture
def tools(tmp_path: Path) -> Path:
    """A directory with what images have on their PATH and this machine may lack."""
    folder = tmp_path / "bin"
    folder.mkdir()
    binaries = find_binaries()
    (folder / "valkey-server").symlink_to(binaries.valkey_server)
    client = folder / "valkey-cli"
    client.write_text(
        textwrap.dedent(f"""\
        #!{sys.executable}
        import os, sys, redis
        assert sys.argv[1:] == ["ping"]
        print("PONG" if redis.Redis(password=os.environ["REDISCLI_AUTH"]).ping() else 1)
        """)
    )
    client.chmod(0o755)
    return folder


@pytest.fixture
def stage(
    hone_environment: dict[str, str],
    services: ServiceUrls,
    free_port: int,
    tools: Path,
    tmp_path: Path,
) -> Iterator[Any]:
    """Make services that find our servers instead of the containers'."""
    made: list[Service] = []

    def make(name: str, **more: str) -> Service:
        ours = {
            key: hone_environment[key]
            for key in ("DATABASE_URL", "REDIS_URL", "HONE_VAR")
        }
        environment = {
            **(ours if name in OURS else {}),
            "HONE_PORT": str(free_port),
            "PATH": f"{tools}:{Path(sys.executable).parent}:{os.environ['PATH']}",
            **more,
        }
        made.append(Service(name, environment, tmp_path / f"{name}.log"))
        return made[-1]

    yield make
    for service in made:
        service.end()


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("name", sorted(OURS))
def test_our_services_run_their_command_become_healthy_and_stop(
    stage: Any, name: str
) -> None:
    service = stage(name)
    assert not service.is_healthy(), "nothing runs yet"
    service.start()
    assert service.becomes_healthy(), service.said()
    assert service.stop() == 0, service.said()
    assert "Traceback" not in service.said()


@pytest.mark.django_db(transaction=True)
def test_the_web_is_healthy_behind_a_proxy_that_ends_tls(stage: Any) -> None:
    web = stage("web", HONE_HTTPS="1", HONE_ALLOWED_HOSTS="hone.example.org")
    web.start()
    assert web.becomes_healthy(), web.said()


@pytest.mark.django_db(transaction=True)
def test_the_web_is_unhealthy_without_its_message_server(
    stage: Any, free_port: int
) -> None:
    web = stage("web", REDIS_URL="redis://127.0.0.1:1/0")
    web.facts["healthcheck"]["start_period"] = "12s"
    web.start()
    assert not web.becomes_healthy()
    assert web.process.poll() is None, web.said()


def test_postgres_runs_its_command_and_becomes_healthy(
    stage: Any, free_port: int, tmp_path: Path
) -> None:
    identity = server_identity([tmp_path])
    as_server: dict[str, Any] = {"preexec_fn": identity.preexec(signal.SIGKILL)}
    data = tmp_path / "pgdata"
    data.mkdir(mode=0o700)
    identity.own(data)
    with reachable_programs(find_binaries().postgres_bin, identity) as programs:
        subprocess.run(
            [programs / "initdb", "-D", data, "-U", "hone", "--no-sync"],
            check=True,
            capture_output=True,
            cwd="/",
            **as_server,
        )
        postgres = stage("postgres", PGDATA=str(data), PGPORT=str(free_port))
        postgres.environment["PATH"] = f"{programs}:{os.environ['PATH']}"
        postgres.start(**as_server)
        assert postgres.becomes_healthy(), postgres.said()
        assert postgres.stop(signal.SIGINT) == 0  # as the image's STOPSIGNAL


def test_the_message_server_runs_its_command_and_becomes_healthy(
    stage: Any, tmp_path: Path
) -> None:
    with socket.socket() as probe:
        if probe.connect_ex(("127.0.0.1", 6379)) == 0:
            pytest.skip("port 6379 is taken here, and the command uses it")
    queue = stage("redis")
    queue.facts["command"] = [
        part.replace("/data", str(tmp_path)) for part in queue.facts["command"]
    ]
    queue.start()
    assert queue.becomes_healthy(), queue.said()
    assert queue.stop() == 0
    assert (tmp_path / "appendonlydir").is_dir()
