"""What a submit costs the page's main thread, read off Chromium's own trace.

Wall time on a busy machine says little of the page; its thread's CPU clock does not
count what it waits for. Tracing costs something itself, so it is off unless asked for.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from playwright.sync_api import Browser, Page

CATEGORIES = ["-*", "blink.user_timing", "toplevel"]
TASK = "ThreadControllerImpl::RunTask"
# The task that handled the key press began before the page could set its mark.
BEFORE_US = 2000


@contextmanager
def traced(browser: Browser, page: Page) -> Iterator[list[float]]:
    """Yield a list that holds each submit's CPU milliseconds once the block has ended.

    The page sets the marks `submit` and `painted`.
    """
    spent: list[float] = []
    browser.start_tracing(page=page, categories=CATEGORIES)
    yield spent
    events: list[dict[str, Any]] = json.loads(browser.stop_tracing())["traceEvents"]
    marks = [each for each in events if each.get("cat") == "blink.user_timing"]
    times = {
        name: sorted(each["ts"] for each in marks if each["name"] == name)
        for name in ("submit", "painted")
    }
    main = {(each["pid"], each["tid"]) for each in marks}
    tasks = [
        each
        for each in events
        if each["name"] == TASK and (each["pid"], each["tid"]) in main
    ]
    for start, end in zip(times["submit"], times["painted"], strict=True):
        inside = (e for e in tasks if start - BEFORE_US <= e["ts"] <= end)
        spent.append(sum(each.get("tdur", 0) for each in inside) / 1000)
