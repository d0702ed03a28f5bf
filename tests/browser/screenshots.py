"""Take the README's pictures from the real screens of a running Hone.

    python -m tests.browser.screenshots --url http://127.0.0.1:8000 \
        --user demo-annotator --password ... [--project demo] [--out docs/images]

Pictures are reduced to a palette, which makes them a third of the size.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, Page, sync_playwright

SHOTS: dict[str, dict[str, Any]] = {
    "workspace-light": {
        "color_scheme": "light",
        "viewport": {"width": 1280, "height": 800},
    },
    "workspace-dark": {
        "color_scheme": "dark",
        "viewport": {"width": 1280, "height": 800},
    },
    "workspace-phone": {
        "color_scheme": "light",
        "viewport": {"width": 360, "height": 740},
        "device_scale_factor": 2,
        "has_touch": True,
        "is_mobile": True,
    },
}


def open_task(page: Page, *, project: str, user: str, password: str) -> None:
    page.goto(f"/app/login?next=/app/projects/{project}")
    page.get_by_label("User name").fill(user)
    page.get_by_label("Password").fill(password)
    page.keyboard.press("Enter")
    page.locator("[data-front=true] .pane").first.wait_for()


def take(browser: Browser, name: str, options: argparse.Namespace) -> Path:
    """Take one picture, with an answer chosen but not sent."""
    context = browser.new_context(base_url=options.url, **SHOTS[name])
    # One tab for all pictures, so that they show the same task.
    context.add_init_script("sessionStorage.setItem('hone.tab', 'pictures')")
    page = context.new_page()
    open_task(
        page, project=options.project, user=options.user, password=options.password
    )
    page.get_by_role("radio").nth(1).click()
    # No blinking caret, and fonts in place.
    page.evaluate("document.fonts.ready")
    path: Path = options.out / f"{name}.png"
    page.screenshot(path=path, animations="disabled", caret="hide")
    context.close()
    reduce(path)
    return path


def reduce(path: Path) -> None:
    """Reduce a picture to 128 colours, where pngquant is installed."""
    if shutil.which("pngquant"):
        subprocess.run(
            ["pngquant", "--force", "--ext", ".png", "--strip", "128", str(path)],
            check=True,
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--url", default="http://127.0.0.1:8000")
    parser.add_argument("--project", default="demo")
    parser.add_argument("--user", required=True)
    parser.add_argument("--password", required=True)
    parser.add_argument("--out", type=Path, default=Path("docs/images"))
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    found = os.environ.get("HONE_CHROMIUM") or shutil.which("chromium")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=found, args=["--no-sandbox", "--disable-gpu"]
        )
        for name in SHOTS:
            path = take(browser, name, options)
            print(f"{path} ({path.stat().st_size // 1024} KB)")
        browser.close()


if __name__ == "__main__":
    main()
