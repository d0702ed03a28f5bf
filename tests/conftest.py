"""One PostgreSQL and one Valkey for the session, then Django on top of them.

Real servers, always: the embedded ones over a directory that goes with the session.
HONE_TEST_VAR names a directory to keep and reuse (saves a second); DATABASE_URL and
REDIS_URL, both set, name servers of your own.
"""

from __future__ import annotations

import os
import shutil
import socket
import tempfile
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import hypothesis
import pytest

from config.services import ServiceUrls, service_urls, stop_services

ROOT = Path(__file__).resolve().parent.parent
_kept = os.environ.get("HONE_TEST_VAR")
VAR = Path(_kept or tempfile.mkdtemp(prefix="hone-test-")).resolve()

# How long an example takes says how busy the machine is, not whether code is right.
hypothesis.settings.register_profile(
    "unhurried",
    deadline=None,
    suppress_health_check=[hypothesis.HealthCheck.too_slow],
)
hypothesis.settings.load_profile("unhurried")


def pytest_configure(config: pytest.Config) -> None:
    """Point settings at the session's servers before anything reads them."""
    if hands_out(config):
        return
    os.environ["HONE_VAR"] = str(VAR)
    os.environ["HONE_SECRET_KEY"] = "a key for tests alone"
    os.environ["DJANGO_SETTINGS_MODULE"] = "config.settings"
    os.environ.setdefault("HONE_DATA", str(ROOT.parent / "shared" / "data"))
    import django

    django.setup()


def hands_out(config: pytest.Config) -> bool:
    """Whether this process runs no test itself, but lets others (--numprocesses).

    They inherit its environment, and each must find servers of its own.
    """
    is_one_of_them = hasattr(config, "workerinput")
    return bool(config.getoption("numprocesses", None)) and not is_one_of_them


def pytest_unconfigure(config: pytest.Config) -> None:
    stop_services(VAR)
    if not _kept:
        shutil.rmtree(VAR, ignore_errors=True)


@pytest.fixture(scope="session")
def services() -> ServiceUrls:
    """The session's servers."""
    return service_urls(VAR)


@pytest.fixture(scope="session")
def test_database_url(django_db_setup: None) -> str:
    """URL of the database that pytest-django made, for processes of their own.

    They see committed rows only: mark the test `django_db(transaction=True)`.
    """
    from django.db import connection

    made = connection.settings_dict
    login = f"{quote(made['USER'], safe='')}:{quote(made['PASSWORD'], safe='')}"
    host = f"{made['HOST']}:{made['PORT']}"
    return f"postgresql://{login}@{host}/{made['NAME']}"


@pytest.fixture
def hone_environment(
    test_database_url: str, services: ServiceUrls, tmp_path: Path
) -> dict[str, str]:
    """Environment for a Hone process on the test database, with files of its own."""
    return {
        **os.environ,
        "DATABASE_URL": test_database_url,
        "REDIS_URL": services.redis_url,
        "HONE_VAR": str(tmp_path / "var"),
        "PYTHONUNBUFFERED": "1",
    }


@pytest.fixture
def free_port() -> int:
    """A TCP port on loopback that was free a moment ago."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@pytest.fixture(scope="session")
def data_dir() -> Path:
    """Real comparisons for tests (HONE_DATA); tests that need them skip without."""
    folder = Path(os.environ["HONE_DATA"])
    if not folder.is_dir():
        pytest.skip(f"no data: expected the directory {folder}; set HONE_DATA")
    return folder


@pytest.fixture
def temporary_var(tmp_path: Path) -> Iterator[Path]:
    """An empty directory for servers of one test; they are stopped after it."""
    var = tmp_path / "var"
    yield var
    stop_services(var)
