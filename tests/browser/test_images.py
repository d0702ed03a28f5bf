"""Images that people bring: into a turn they write, and beside a file they import."""

from __future__ import annotations

import base64
import re
from pathlib import Path

import pytest
from playwright.sync_api import FilePayload, Page, expect

from annotation.services.projects import publish_protocol
from tests.browser.test_kinds import accessible
from tests.browser.texts import PIXEL
from tests.browser.world import PHONE, MakeWorld, Watch, World

PNG: FilePayload = {
    "name": "loaf.png",
    "mimeType": "image/png",
    "buffer": base64.b64decode(PIXEL.partition(",")[2]),
}
NOT_ONE: FilePayload = PNG | {"name": "loaf.svg", "mimeType": "image/svg+xml"}
LIES: FilePayload = PNG | {"buffer": b"<svg onload='alert(1)'/>"}
WRITTEN = re.compile(r"What is this\? !\[a loaf of rye\]\(media:[0-9a-f]{64}\)")
HUGE: FilePayload = PNG | {"buffer": b"\x89PNG\r\n\x1a\n" + b"0" * (8 * 2**20)}


@pytest.fixture
def chat(make_world: MakeWorld) -> World:
    """A project whose people write the prompts, and a model that answers."""
    from training.models import ModelVersion

    world = make_world([])
    publish_protocol(project=world.project, preset="hh")
    ModelVersion.objects.create(
        project=world.project, name="careful", role="policy", source="tiny:causal"
    )
    return world


def seen(page: Page, name: str) -> None:
    """The image is there, and its bytes were pixels."""
    image = page.get_by_role("img", name=name).first
    expect(image).to_be_visible()
    expect(image).to_have_js_property("naturalWidth", 1)


def test_an_annotator_puts_an_image_into_a_turn_by_keyboard(
    chat: World, watch: Watch
) -> None:
    watch.allowed = ["422"]
    page = chat.open_context(chat.alice, viewport=PHONE).new_page()
    # Asked for now: a chooser that opens before the browser knows of it is lost.
    page.on("filechooser", lambda _: None)
    page.goto(f"/app/live/{chat.project.slug}")
    box = page.get_by_label("Your turn")
    expect(box).to_be_focused()
    page.keyboard.type("What is this? ")

    # Neither type nor size is left to the server; what lies about its type is.
    chooser = page.locator("input[type=file]")
    for file, said in (
        (NOT_ONE, "PNG, JPEG, GIF, WebP and AVIF can"),
        (HUGE, "At most 8 MiB fit; this one has 9"),
        (LIES, "Convert it to one of these"),
    ):
        chooser.set_input_files(file)
        expect(page.get_by_text(said)).to_be_visible()

    page.keyboard.press("Tab")  # past Send
    page.keyboard.press("Tab")
    expect(page.get_by_role("button", name="Add an image")).to_be_focused()
    with page.expect_file_chooser() as opened:
        page.keyboard.press("Enter")
    opened.value.set_files(PNG)
    words = page.get_by_label("What it shows")
    expect(words).to_be_focused()
    seen(page, "The image you are adding")
    accessible(page)
    page.keyboard.type("a loaf of [rye]")
    page.keyboard.press("Enter")
    expect(box).to_be_focused()
    expect(box).to_have_value(WRITTEN)
    seen(page, "a loaf of rye")
    page.reload()  # what is written keeps its picture
    seen(page, "a loaf of rye")
    page.keyboard.press("Enter")
    turns = page.get_by_role("region", name="Turns")
    expect(turns.get_by_role("img", name="a loaf of rye")).to_be_visible()
    assert chat.project.talks.get().turns.get().content.startswith("What is this? ![")


def test_a_researcher_brings_an_image_beside_a_file(
    make_world: MakeWorld, watch: Watch, tmp_path: Path
) -> None:
    watch.allowed = ["422"]
    world = make_world([])
    page = world.open_context(world.olga).new_page()
    page.goto(f"/admin/annotation/import/add/?project={world.project.pk}")
    card = page.locator("#images")
    chooser = card.get_by_label("Image", exact=True)
    for file, said in (
        (NOT_ONE, "PNG, JPEG, GIF, WebP and AVIF can"),
        (HUGE, "At most 8.0 MiB fit"),
        (LIES, "This is no image that can be shown"),
    ):
        chooser.set_input_files(file)
        expect(card.get_by_role("status")).to_contain_text(said)
    chooser.set_input_files(PNG)
    expect(card.get_by_label("What it shows")).to_be_focused()
    copy = card.get_by_role("button", name="Copy the line")
    expect(copy).to_be_disabled()
    page.keyboard.type("a loaf")
    seen(page, "a loaf")
    expect(copy).to_be_enabled()
    line = card.get_by_label("The line for the text").input_value()
    assert line.startswith("![a loaf](media:")
