"""A real Chromium in front of the real web server, Postgres and Valkey.

HONE_CHROMIUM names another browser than the one that is found. Playwright keeps an
event loop running in this thread, so Django must be told that calls from it are meant.
"""

from __future__ import annotations

import os
import shutil
import socket
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from playwright.sync_api import (
    Browser,
    BrowserContext,
    Playwright,
    expect,
    sync_playwright,
)

from config.services import ServiceUrls
from tests.browser.world import DESK, OpenContext, Watch, World

if TYPE_CHECKING:
    # Models load once tests/conftest.py has set Django up; this file comes earlier.
    from django.contrib.auth.models import User

    from tests.browser.serving import WebServer

HERE = Path(__file__).parent
IDLE_WITHIN_SECONDS = 10
ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
    "--disable-quic",
]
expect.set_options(timeout=8000)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if HERE in item.path.parents:
            item.add_marker(pytest.mark.browser)
            item.add_marker(pytest.mark.django_db(transaction=True))


@pytest.fixture(scope="session")
def server(
    tmp_path_factory: pytest.TempPathFactory,
    services: ServiceUrls,
    test_database_url: str,
) -> Iterator[WebServer]:
    """The web server; a test that kills it starts it again."""
    from tests.browser.serving import ROOT, WebServer

    if not (ROOT / "frontend" / "dist" / "index.html").is_file():
        pytest.fail(
            "expected the built workspace at frontend/dist/, found nothing; "
            "run `make frontend`"
        )
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    var = tmp_path_factory.mktemp("web")
    (var / "static").mkdir()
    web = WebServer(
        port=port,
        environment={
            **os.environ,
            "DATABASE_URL": test_database_url,
            "REDIS_URL": services.redis_url,
            "HONE_VAR": str(var),
            "HONE_WEB_WORKERS": "2",
            "HONE_SIGN_IN_ATTEMPTS": "1000",
        },
    )
    web.start()
    yield web
    web.kill()


@pytest.fixture(scope="session")
def playwright() -> Iterator[Playwright]:
    with sync_playwright() as started, pytest.MonkeyPatch.context() as patch:
        patch.setenv("DJANGO_ALLOW_ASYNC_UNSAFE", "1")
        yield started


@pytest.fixture(scope="session")
def browser(playwright: Playwright) -> Iterator[Browser]:
    names = ("chromium", "chromium-browser", "google-chrome")
    found = os.environ.get("HONE_CHROMIUM") or next(
        filter(None, map(shutil.which, names)), None
    )
    # With none on the machine, the one that `playwright install` brought.
    launched = playwright.chromium.launch(executable_path=found, args=ARGUMENTS)
    yield launched
    launched.close()


VIOLATION = """
document.addEventListener("securitypolicyviolation", (event) =>
  console.error("policy violation", event.violatedDirective, event.blockedURI));
"""


@pytest.fixture
def watch(server: WebServer) -> Iterator[Watch]:
    """Fails the test on console errors, policy violations and foreign requests."""
    watching = Watch(server.url)
    yield watching
    assert watching.found == []


@pytest.fixture
def open_context(
    browser: Browser, server: WebServer, watch: Watch, transactional_db: None
) -> Iterator[OpenContext]:
    """Open a browser context of its own: one person's browser."""
    contexts: list[BrowserContext] = []

    def open_one(user: User | None = None, **options: Any) -> BrowserContext:
        options = {"viewport": DESK, "base_url": server.url} | options
        context = browser.new_context(**options)
        contexts.append(context)
        context.add_init_script(VIOLATION)
        context.on("console", watch.console)
        context.on("request", lambda request: watch.request(request.url))
        context.on("weberror", lambda error: watch.note(f"page error: {error.error}"))
        if user is not None:
            from tests.browser.serving import session_cookie

            cookie = session_cookie(user)
            context.add_cookies(
                [{"name": "sessionid", "value": cookie, "url": server.url}]
            )
        return context

    yield open_one
    for context in contexts:
        context.close()
    wait_until_idle()


def wait_until_idle() -> None:
    """Let the server end what closed pages had asked for, before tables are emptied."""
    from django.db import connection

    busy = """
        SELECT count(*) FROM pg_stat_activity
        WHERE datname = current_database() AND pid <> pg_backend_pid()
            AND (state <> 'idle' OR state_change > now() - interval '0.1 s')
    """
    deadline = time.monotonic() + IDLE_WITHIN_SECONDS
    with connection.cursor() as cursor:
        while time.monotonic() < deadline:
            cursor.execute(busy)
            if cursor.fetchone() == (0,):
                return
            time.sleep(0.05)


@pytest.fixture
def make_world(open_context: OpenContext, tmp_path: Path) -> Callable[..., World]:
    from tests.browser import serving

    def make(rows: list[dict[str, Any]], **settings: Any) -> World:
        alice = serving.make_person("alice", first_name="Alice")
        olga = serving.make_person("olga", is_staff=True)
        project = serving.make_project(
            folder=tmp_path,
            rows=rows,
            members={alice: "annotator", olga: "owner"},
            **settings,
        )
        return World(alice, olga, project, open_context)

    return make


@pytest.fixture
def world(make_world: Callable[..., World]) -> World:
    from tests.browser.serving import numbered

    return make_world(numbered(12))
