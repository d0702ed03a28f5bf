"""Who sits at the screen, what lies on it, and what must never happen there."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from playwright.sync_api import (
    BrowserContext,
    ConsoleMessage,
    Locator,
    Page,
    ViewportSize,
    expect,
)

if TYPE_CHECKING:
    from django.contrib.auth.models import User

    from annotation.models import Project

OpenContext = Callable[..., BrowserContext]
DESK: ViewportSize = {"width": 1280, "height": 800}
PHONE: ViewportSize = {"width": 360, "height": 740}


@dataclass
class Watch:
    """What must not happen on any page; `allowed` names what a test provokes."""

    origin: str
    found: list[str] = field(default_factory=list)
    allowed: list[str] = field(default_factory=list)

    def console(self, message: ConsoleMessage) -> None:
        if message.type in ("error", "warning"):
            self.note(f"console {message.type}: {message.text}")

    def request(self, url: str) -> None:
        parts = urlsplit(url)
        if parts.scheme in ("http", "https") and f"//{parts.netloc}" not in self.origin:
            self.note(f"a request to another host: {url}")

    def note(self, what: str) -> None:
        if not any(text in what for text in self.allowed):
            self.found.append(what)


@dataclass
class World:
    """Alice annotates, Olga owns, and the queue holds tasks."""

    alice: User
    olga: User
    project: Project
    open_context: OpenContext

    @property
    def address(self) -> str:
        return f"/app/projects/{self.project.slug}"

    def page(self, **options: Any) -> Page:
        """Return Alice's page with her first task on it."""
        page = self.open_context(self.alice, **options).new_page()
        page.goto(self.address)
        # The first page of a server waits for its processes to start.
        expect(front(page)).to_be_visible(timeout=30_000)
        return page


MakeWorld = Callable[..., World]


def front(page: Page) -> Locator:
    """The task on the screen; the next ones are laid out behind it, hidden."""
    return page.locator('[data-front="true"]')


def task_in_front(page: Page) -> str:
    """Return the two digits that the numbered tasks bear in their texts."""
    text: str = front(page).locator(".conversation .message").last.inner_text()
    return text.removeprefix("Question ")[:2]


def judge(page: Page, *keys: str) -> str:
    """Press keys, then wait until another task, or none, is in front.

    Returns the digits of the task that was answered.
    """
    expect(front(page)).to_be_visible()
    number = task_in_front(page)
    for key in keys:
        page.keyboard.press(key)
    expect(front(page).get_by_text(f"Question {number}")).to_have_count(0)
    return number


def saved(page: Page) -> None:
    """Wait until the server has every answer."""
    expect(page.locator(".sync")).to_have_text("Saved", timeout=15_000)
