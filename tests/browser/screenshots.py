"""Take the pictures of the README and of docs/ from the real screens.

    python -m pytest -q tests/browser/screenshots.py [-k kind-rank]

Each goes to docs/images, or to the folder that HONE_PICTURES names. They are reduced
to a palette where pngquant is installed, which makes them a third of the size.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from annotation.services.media import keep_image
from annotation.services.principles.library import write_principle
from annotation.services.projects import publish_protocol
from tests.browser import kinds, pictured
from tests.browser.serving import ROOT, WebServer
from tests.browser.test_kinds import press
from tests.browser.test_live import claimed, say
from tests.browser.world import MakeWorld, World, front

OUT = Path(os.environ.get("HONE_PICTURES", ROOT / "docs" / "images"))
STEPS = [
    {
        "name": "search",
        "arguments": {"query": "keep rye bread fresh"},
        "result": "1. Bread boxes compared\n2. Why crusts go soft",
    }
]
LIBRARY = (
    "It names nobody's brand.",
    "It names what it leaves out.",
    "It names where each claim comes from.",
)
BOX = """\
Put it in a bread box, cut side down.

- A **bread box** keeps it for about four days.
- Linen lets it breathe; plastic makes the crust soft.

Freeze what you cannot eat by then, in slices."""
COLD = (
    "In the refrigerator, wrapped in foil. The cold keeps mould away for a week, so "
    "you need not hurry."
)


def take(page: Page, name: str) -> None:
    """Write one picture: fonts in place, nothing blinking or moving."""
    page.evaluate("document.fonts.ready")
    OUT.mkdir(parents=True, exist_ok=True)
    path = OUT / f"{name}.png"
    page.screenshot(path=path, animations="disabled", caret="hide")
    if shutil.which("pngquant"):
        subprocess.run(
            ["pngquant", "--force", "--ext", ".png", "--strip", "128", str(path)],
            check=True,
        )


def put(page: Page, keys: str) -> None:
    """Press keys one by one; words are joined by underscores."""
    for key in keys.split():
        if "_" in key:
            page.keyboard.type(key.replace("_", " "))
        else:
            press(page, key)


@pytest.fixture
def loaf(browser: Browser) -> bytes:
    page = browser.new_page(viewport={"width": 640, "height": 280})
    page.set_content(pictured.LOAF)
    drawn = page.screenshot()
    page.close()
    return drawn


@pytest.fixture
def stored(server: WebServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep images where the web server looks for them."""
    var = Path(server.environment["HONE_VAR"])
    monkeypatch.setattr("django.conf.settings.MEDIA", var / "media")


@pytest.mark.parametrize("name", pictured.PICTURES)
def test_a_screen(make_world: MakeWorld, tmp_path: Path, name: str) -> None:
    picture = pictured.PICTURES[name]
    world = make_world([])
    kinds.ask(world.project, picture.questions, [picture.row], tmp_path)
    page = world.page(locale=picture.language, **picture.look)
    put(page, picture.keys)
    take(page, name)


@pytest.mark.parametrize("name", ["tool-steps", "tool-steps-phone"])
def test_tool_steps(
    make_world: MakeWorld, tmp_path: Path, name: str, loaf: bytes, stored: None
) -> None:
    world = make_world([])
    image = keep_image(project=world.project, pieces=[loaf])
    row = {
        "prompt": "How do I keep a loaf like this one fresh?\n\n"
        f"![a round loaf of rye bread](media:{image.sha256})",
        "completions": [{"text": BOX, "trace": STEPS}, {"text": COLD, "trace": STEPS}],
    }
    kinds.ask(world.project, [kinds.RATE], [row], tmp_path)
    phone = name.endswith("phone")
    page = world.page(**(pictured.PHONE_DARK if phone else pictured.LIGHT))
    expect(front(page).get_by_role("img").first).to_be_visible()
    press(page, "3 3 x")
    if not phone:
        page.keyboard.press("Space")  # opens the conversation
    take(page, name)


def test_principles_of_the_library(make_world: MakeWorld, tmp_path: Path) -> None:
    world = make_world([])
    row = {"prompt": "How do I keep bread fresh?", "completions": [BOX]}
    kinds.ask(world.project, [pictured.FEW], [row], tmp_path)
    for text in LIBRARY:
        write_principle(project=world.project, text=text, user=world.olga)
    page = world.page(**pictured.LIGHT)
    press(page, "1 2 1 r")
    page.keyboard.type("it names")
    offered = page.get_by_role("list", name="In the library").get_by_role("button")
    expect(offered).to_have_count(len(LIBRARY))
    take(page, "principle-library")


@pytest.fixture
def chat(make_world: MakeWorld) -> World:
    from training.models import ModelVersion

    world = make_world([])
    publish_protocol(project=world.project, preset="hh")
    for name in ("careful", "quick"):
        ModelVersion.objects.create(
            project=world.project, name=name, role="policy", source="tiny:causal"
        )
    return world


def test_live_prompts(chat: World, loaf: bytes, stored: None) -> None:
    from training.services import replies

    keep_image(project=chat.project, pieces=[loaf])

    def open_page(**look: Any) -> Page:
        page = chat.open_context(chat.alice, **look).new_page()
        page.goto(f"/app/live/{chat.project.slug}")
        return page

    page = open_page(**pictured.LIGHT)
    page.locator("input[type=file]").set_input_files(
        {"name": "loaf.png", "mimeType": "image/png", "buffer": loaf}
    )
    page.get_by_label("What it shows").fill("a round loaf of rye bread")
    take(page, "live-image")
    page.keyboard.press("Escape")

    say(page, "How do I keep a rye loaf fresh for a week?")
    jobs = claimed(page)
    for job, text in zip(jobs, (BOX, COLD), strict=True):
        replies.grow(job, text[: len(text) * 2 // 3])
    shown = page.get_by_role("region", name=re.compile("Completion"))
    expect(shown.first).to_contain_text("bread box")
    take(page, "live-writing")
    phone = open_page(**pictured.PHONE_DARK)
    expect(phone.get_by_role("region", name="Completion A")).to_contain_text("bread")
    take(phone, "live-writing-phone")
    phone.close()
    for job, text in zip(jobs, (BOX, COLD), strict=True):
        replies.finish(job, text, "stop")
    expect(page.get_by_role("radio").first).to_be_visible()
    press(page, "2")
    take(page, "live-comparing")
