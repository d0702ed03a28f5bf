"""What a task brings along: tool steps, images, references, principles to choose."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import User
from playwright.sync_api import Page, expect

from annotation.models import Feedback
from annotation.services.principles.library import write_principle
from annotation.services.projects import publish_protocol
from tests.browser import kinds
from tests.browser.test_kinds import accessible, judged, press
from tests.browser.texts import PIXEL
from tests.browser.world import PHONE, MakeWorld, OpenContext, Watch, World, front

STEPS = [
    {"name": "search", "arguments": {"q": "<b>rye</b>"}, "result": "Two pages."},
    {"tool": "open", "input": "page 2", "output": "![x](https://tracker.invalid/y)"},
]
REFERENCE = {
    "reference": "A bread box keeps it for four days.",
    "passages": [
        {"doc": "bread", "text": "Bread keeps well in clay. Foil makes it soft."}
    ],
}


def asked(
    make_world: MakeWorld, folder: Path, question: kinds.Question, **row: Any
) -> World:
    world = make_world([])
    kinds.ask(world.project, [question], [kinds.row(1) | row], folder)
    return world


def done(page: Page) -> None:
    """Wait until the server has the answer to the only task."""
    expect(page.get_by_text("All done. Thank you.")).to_be_visible()


def test_tool_steps_open_by_key_and_by_mouse_and_stay_text(
    make_world: MakeWorld, tmp_path: Path
) -> None:
    text = kinds.row(1)["completions"][0]
    world = asked(
        make_world,
        tmp_path,
        kinds.REACTION,
        completions=[{"text": text, "trace": STEPS}],
    )
    page = world.page()
    trace = front(page).get_by_label("Tool steps of completion A")
    expect(trace).to_contain_text("2 tool steps")
    accessible(page)
    expect(trace.get_by_text("Two pages.")).to_be_hidden()
    page.keyboard.press("x")
    expect(trace.get_by_text("Two pages.")).to_be_visible()
    expect(trace.locator("pre").first).to_contain_text('"q": "<b>rye</b>"')
    expect(trace.locator("b, img, a")).to_have_count(0)
    page.keyboard.press("x")
    expect(trace.get_by_text("Two pages.")).to_be_hidden()
    trace.locator("summary").nth(1).click()
    expect(trace.get_by_text("tracker.invalid")).to_be_visible()


@pytest.fixture
def picture() -> bytes:
    return base64.b64decode(PIXEL.partition(",")[2])


def test_an_uploaded_image_is_shown_to_members_alone(
    make_world: MakeWorld,
    open_context: OpenContext,
    watch: Watch,
    tmp_path: Path,
    picture: bytes,
) -> None:
    watch.allowed.append("404 (Not Found)")  # of an image that nobody has uploaded
    world = make_world([])
    address = f"/api/v1/projects/{world.project.slug}/media"
    olga = open_context(world.olga)
    token = olga.new_page()
    token.goto("/app/")
    crumb = next(c["value"] for c in olga.cookies() if c["name"] == "csrftoken")

    def upload(content: bytes) -> Any:
        return olga.request.post(
            address,
            headers={"X-CSRFToken": crumb, "Content-Type": "image/png"},
            data=content,
        )

    kept = upload(picture)
    assert kept.status == 201, kept.text()
    shown = kept.json()
    assert shown["type"] == "image/png"
    assert upload(b"<svg onload='alert(1)'/>").status == 422
    assert upload(picture + b"\0" * 9_000_000).status == 413

    text = f"Like this: ![a loaf]({shown['markdown'][4:-1]})"
    other = "![gone](media:" + "0" * 64 + ") ![tracked](https://tracker.invalid/a.png)"
    kinds.ask(
        world.project,
        [kinds.REACTION],
        [{"prompt": "Question 01: show me.", "completions": [f"{text}\n\n{other}"]}],
        tmp_path,
    )
    page = world.page()
    image = front(page).get_by_role("img", name="a loaf")
    expect(image).to_be_visible()
    assert image.evaluate("(image) => image.naturalWidth") > 0
    expect(front(page).get_by_text("[Image: gone]")).to_be_visible()
    expect(front(page).get_by_role("link", name="Image: tracked")).to_be_visible()

    found = page.request.get(f"{address}/{shown['sha256']}")
    assert found.headers["content-type"] == "image/png"
    assert "sandbox" in found.headers["content-security-policy"]
    stranger = User.objects.create_user("stranger")
    assert (
        open_context(stranger).request.get(f"{address}/{shown['sha256']}").status == 404
    )
    assert open_context().request.get(f"{address}/{shown['sha256']}").status == 401


def test_a_principle_of_the_library_is_found_and_a_near_one_is_told(
    make_world: MakeWorld, tmp_path: Path
) -> None:
    question = kinds.PRINCIPLE | {"principles": kinds.PRINCIPLE["principles"][:1]}
    world = asked(make_world, tmp_path, question)
    for text in ("It names where each claim comes from.", "It stays on one topic."):
        write_principle(project=world.project, text=text, user=world.olga)
    page = world.page()
    page.keyboard.press("1")
    page.keyboard.press("r")
    page.keyboard.type("claim comes")
    offered = page.get_by_role("list", name="In the library").get_by_role("button")
    expect(offered).to_have_text(["It names where each claim comes from."])
    accessible(page)
    page.get_by_label("Add a principle").fill("It names where each claim came from")
    expect(page.get_by_text("Very close to “It names where each claim")).to_be_visible()
    page.get_by_label("Add a principle").fill("topic")
    expect(offered).to_have_text(["It stays on one topic."])
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    page.keyboard.press("2")
    page.keyboard.press("Enter")
    done(page)
    stored = judged(Feedback.objects.get())
    assert [(each["principle"], each["verdict"]) for each in stored] == [
        (kinds.PRINCIPLES[0], "yes"),
        ("It stays on one topic.", "no"),
    ]


def test_references_and_passages_lie_in_the_drawer_and_can_be_marked(
    make_world: MakeWorld, tmp_path: Path
) -> None:
    question = kinds.SPAN | {"target": "passage", "severities": []}
    world = asked(make_world, tmp_path, question, context=REFERENCE)
    page = world.page()
    page.keyboard.press("c")
    drawer = page.get_by_role("complementary", name="Context")
    expect(drawer.get_by_role("heading", name="Reference")).to_be_visible()
    expect(drawer).to_contain_text("A bread box keeps it for four days.")
    accessible(page)
    press(page, "v ArrowRight 2 Enter")
    done(page)
    (mark,) = judged(Feedback.objects.get())
    found = (mark["target"], mark["passage"], mark["start"], mark["category"])
    assert found == ("passage", "bread", 6, "untrue")


def test_prompts_can_be_marked(make_world: MakeWorld, tmp_path: Path) -> None:
    question = kinds.SPAN | {"target": "prompt", "severities": []}
    page = asked(make_world, tmp_path, question).page()
    press(page, "v ArrowRight ArrowRight 1 Enter")
    done(page)
    (mark,) = judged(Feedback.objects.get())
    assert (mark["target"], mark["start"], mark["end"]) == ("prompt", 13, 16)


def test_twelve_cards_are_ranked_by_key(make_world: MakeWorld, tmp_path: Path) -> None:
    world = make_world([])
    texts = [f"The way with number {number}." for number in range(1, 13)]
    kinds.ask(
        world.project,
        [kinds.RANK],
        [{"prompt": "Question 01: how?", "completions": texts}],
        tmp_path,
    )
    page = world.page()
    page.keyboard.press("?")
    sheet = page.get_by_role("dialog", name="Keys")
    for place, key in ((10, "T"), (11, "Y"), (12, "U")):
        cap = sheet.get_by_label(f"Change the key of Place {place}", exact=True)
        expect(cap).to_have_text(key)
    page.keyboard.press("Escape")
    press(page, "u y t 9 8 7 6 5 4 3 2 1 Enter")
    done(page)
    (ranking,) = judged(Feedback.objects.get())
    assert len(ranking["groups"]) == 12
    assert ranking["groups"][0] != ranking["groups"][11]


def test_what_came_of_each_is_shown_in_hindsight_alone(
    make_world: MakeWorld, tmp_path: Path
) -> None:
    world = make_world([])
    publish_protocol(project=world.project, preset="hindsight")
    asked_now = world.project.protocol.questions
    outcomes = ("It went stale on Monday.", "It kept until Friday.")
    sides = [
        {"text": text, "outcome": outcome}
        for text, outcome in zip(kinds.row(2)["completions"], outcomes, strict=True)
    ]
    kinds.ask(
        world.project, asked_now, [kinds.row(2) | {"completions": sides}], tmp_path
    )
    page = world.page()
    for outcome in outcomes:
        expect(front(page)).not_to_contain_text(outcome)
    press(page, "2 Enter")
    for outcome in outcomes:
        expect(front(page)).to_contain_text(outcome)
    expect(page.get_by_text("This part is settled.")).to_be_visible()
    accessible(page)
    press(page, "6 Enter")
    done(page)
    before, after = judged(Feedback.objects.get())
    assert (before["criterion"], before["outcome"]) == ("foresight", "a")
    assert (after["criterion"], after["outcome"]) == ("hindsight", "b")


def test_text_is_marked_by_finger(make_world: MakeWorld, tmp_path: Path) -> None:
    question = kinds.SPAN | {"severities": []}
    world = asked(make_world, tmp_path, question)
    page = world.page(viewport=PHONE, has_touch=True, is_mobile=True)
    source = front(page).locator(".pane [data-source]").first
    # A long press on a phone: the browser selects the word, and no mouse is lifted.
    source.dispatch_event("pointerdown", {"pointerType": "touch", "bubbles": True})
    source.evaluate(
        """(source) => {
          const walker = document.createTreeWalker(source, NodeFilter.SHOW_TEXT);
          const text = walker.nextNode();
          const at = text.data.indexOf("bread");
          document.getSelection().setBaseAndExtent(text, at, text, at + 3);
        }"""
    )
    palette = page.get_by_role("group", name="Selected text")
    expect(palette).to_be_visible()
    palette.get_by_role("button", name="Untrue").tap()
    page.get_by_role("button", name="Next").tap()
    done(page)
    (mark,) = judged(Feedback.objects.get())
    assert (mark["category"], mark["end"] - mark["start"]) == ("untrue", len("bread"))
