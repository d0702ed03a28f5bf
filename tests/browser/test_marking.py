"""Marking text by mouse and keys, ranking by hand, and what the screens refuse."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from annotation.models import Completion, Feedback
from tests.browser import kinds
from tests.browser.axe import serious
from tests.browser.world import MakeWorld, World, front, saved

FAMILY = "👨‍👩‍👧"
TRICKY = {
    "emoji": f"A {FAMILY} bakes 👍🏽 bread today.",
    "combining": "Le cafe\u0301 est tre\u0300s bon.",
    "chinese": "面包应该放在盒子里。",
    "arabic": "احفظ الخبز في صندوق جاف.",
    "markdown": "Use **two** loaves\n\n- and `salt`",
}
MARKED = {
    "emoji": "bakes 👍🏽 bread",
    "combining": "cafe\u0301 est",
    "chinese": "面包",
    "arabic": "الخبز في",
    "markdown": "**two** loaves",
}


def world_asking(
    make_world: MakeWorld,
    folder: Path,
    questions: list[kinds.Question],
    rows: list[kinds.Row],
) -> World:
    world = make_world([])
    kinds.ask(world.project, questions, rows, folder)
    return world


def select(page: Page, text: str) -> None:
    """Select words with the mouse, from the middle of the first to that of the last."""
    box = page.evaluate(
        """(text) => {
          const source = document.querySelector("[data-front=true] [data-source]");
          const walker = document.createTreeWalker(source, NodeFilter.SHOW_TEXT);
          const node = walker.nextNode();
          const at = node.data.indexOf(text);
          const range = document.createRange();
          range.setStart(node, at);
          range.setEnd(node, at + text.length);
          document.getSelection().removeAllRanges();
          document.getSelection().addRange(range);
          const { x, y } = range.getBoundingClientRect();
          return { x, y };
        }""",
        text,
    )
    # Lifting the mouse is what takes a selection up.
    page.mouse.move(box["x"], box["y"])
    page.evaluate(
        "document.dispatchEvent(new PointerEvent('pointerup', {pointerType: 'mouse'}))"
    )


@pytest.mark.parametrize("name", TRICKY)
def test_marks_keep_code_points_of_the_source(
    make_world: MakeWorld, tmp_path: Path, name: str
) -> None:
    rows = [{"prompt": "Say something.", "completions": [TRICKY[name]]}]
    question = kinds.SPAN | {"severities": []}
    page = world_asking(make_world, tmp_path, [question], rows).page()
    expect(page.get_by_text("Shown as written")).to_be_visible()
    select(page, MARKED[name])
    expect(page.get_by_role("group", name="Selected text")).to_be_visible()
    page.keyboard.press("1")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="All done. Thank you.")).to_be_visible()
    saved(page)
    (span,) = Feedback.objects.get().judgments
    text = Completion.objects.get(pk=span["completion"]).messages[0]["content"]
    assert text == TRICKY[name]
    assert text[span.get("start", 0) : span["end"]] == MARKED[name]
    assert span["text_sha"] == hashlib.sha256(text.encode()).hexdigest()


def test_marks_are_listed_lettered_and_by_the_rule_of_overlaps(
    make_world: MakeWorld, tmp_path: Path
) -> None:
    world = world_asking(make_world, tmp_path, [kinds.SPAN], [kinds.row(1)])
    page = world.page()
    select(page, "way is a bread box")
    page.keyboard.press("2")
    # A severity is wanted: Enter says so, and the task stays.
    page.keyboard.press("Enter")
    expect(page.locator(".said")).to_have_text("How severe? Choose.")
    page.keyboard.press("1")
    mark = front(page).locator("mark.span")
    expect(mark).to_have_attribute("data-letter", "U")
    expect(page.get_by_role("list", name="Marked text")).to_contain_text("way is a")
    page.keyboard.press("Escape")
    page.evaluate("document.getSelection().removeAllRanges()")
    page.keyboard.press("v")
    for key in ("ArrowRight", "v", "ArrowRight", "ArrowRight"):
        page.keyboard.press(key)
    page.keyboard.press("1")
    expect(page.locator(".said")).to_have_text(
        "A stretch of text has one category here."
    )
    assert serious(page) == []
    page.keyboard.press("Escape")
    page.keyboard.press("z")
    page.keyboard.press("z")
    expect(mark).to_have_count(0)


def test_the_shown_order_is_no_answer_and_cards_can_be_dragged(
    make_world: MakeWorld, tmp_path: Path
) -> None:
    world = world_asking(make_world, tmp_path, [kinds.RANK], [kinds.row(3, long=True)])
    page = world.page()
    page.keyboard.press("Enter")
    expect(page.locator(".said")).to_contain_text("Choose an answer first")
    assert Feedback.objects.count() == 0

    cards = front(page).locator(".completion-card")
    grips = front(page).locator(".grip")
    page.keyboard.press("Alt+ArrowUp")
    expect(page.locator(".order")).to_contain_text("to place: B, C")
    source, target = grips.nth(1).bounding_box(), grips.nth(0).bounding_box()
    assert source is not None and target is not None
    page.mouse.move(source["x"] + 8, source["y"] + 8)
    page.mouse.down()
    page.mouse.move(source["x"] + 8, source["y"] - 20, steps=4)
    page.mouse.move(target["x"] + 8, target["y"], steps=6)
    page.mouse.up()
    expect(page.locator(".order b")).to_have_text("B › A")
    # A long card opens in place, and closes again.
    page.keyboard.press("Space")
    expect(cards.first.get_by_role("button", name="Show less")).to_be_visible()
    page.keyboard.press("o")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="All done. Thank you.")).to_be_visible()
    saved(page)
    (rank,) = Feedback.objects.get().judgments
    assert [len(group) for group in rank["groups"]] == [1, 1, 1]


def test_another_language_is_chosen_and_its_direction_with_it(
    make_world: MakeWorld, tmp_path: Path
) -> None:
    world = world_asking(
        make_world, tmp_path, [kinds.COMPARE, kinds.RATE], [kinds.row(2)]
    )
    page = world.page(locale="de-DE")
    expect(page.get_by_role("button", name="Weiter")).to_be_visible()
    page.keyboard.press("2")
    page.locator(".me").click()
    page.get_by_label("Sprache").select_option("ar")
    expect(page.locator("html")).to_have_attribute("dir", "rtl")
    expect(page.get_by_role("button", name="التالي")).to_be_visible()
    # The draft is still there.
    expect(page.get_by_role("radio", checked=True)).to_have_count(1)
    width = page.evaluate("document.documentElement.scrollWidth")
    assert width <= page.evaluate("innerWidth")
    assert serious(page) == []


def test_the_preview_is_the_screen_itself_and_keeps_nothing(
    make_world: MakeWorld, tmp_path: Path
) -> None:
    world = world_asking(make_world, tmp_path, [kinds.CHOOSE], [kinds.row(1)])
    page = world.open_context(world.olga).new_page()
    page.goto(f"/app/preview/{world.project.slug}")
    expect(page.get_by_text("Preview: answers go nowhere.")).to_be_visible()
    for _ in "AB":
        page.keyboard.press("1")
    page.keyboard.press("Enter")
    expect(page.get_by_text("What would be stored")).to_be_visible()
    assert Feedback.objects.count() == 0
    # What is being edited comes by message.
    page.evaluate(
        "(questions) => postMessage({ type: 'hone:questions', questions })",
        [kinds.REACTION],
    )
    expect(page.get_by_role("radio", name="👍 Like").first).to_be_visible()
