"""What people see: untrusted text stays inert, every page is fit for everybody."""

from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests.browser.axe import serious
from tests.browser.serving import numbered
from tests.browser.texts import HOSTILE, RICH
from tests.browser.world import (
    PHONE,
    MakeWorld,
    OpenContext,
    World,
    front,
    judge,
)


def test_scripts_in_a_text_stay_text(make_world: MakeWorld) -> None:
    page = make_world([HOSTILE]).page()
    expect(front(page)).to_contain_text("<script>window.hacked = 1</script>")
    expect(front(page)).to_contain_text("<script>window.hacked = 2</script>")
    expect(front(page)).to_contain_text('<img src=x onerror="window.hacked = 3">')
    for link in front(page).get_by_role("link").all():
        assert (link.get_attribute("href") or "").startswith("https://")
        assert "noopener" in (link.get_attribute("rel") or "")
    assert (
        front(page).locator("script, iframe, style, [onclick], [onerror]").count() == 0
    )
    front(page).get_by_text("click me").click()
    front(page).get_by_text("raw").click()
    assert page.evaluate("window.hacked") is None


def test_images_of_other_hosts_become_links_and_are_not_fetched(
    make_world: MakeWorld,
) -> None:
    # The `watch` fixture fails the test on any request to another host.
    page = make_world([HOSTILE]).page()
    link = front(page).get_by_role("link", name="Image: a cat (tracker.invalid)")
    expect(link).to_have_attribute("href", "https://tracker.invalid/cat.png")
    sources = front(page).locator("img").evaluate_all("(all) => all.map((i) => i.src)")
    assert [source[:22] for source in sources] == ["data:image/png;base64,"]


def test_markdown_code_and_mathematics_are_set(make_world: MakeWorld) -> None:
    page = make_world([RICH]).page()
    task = front(page)
    expect(task.locator("pre .hljs-keyword").first).to_have_text("def")
    expect(task.locator(".katex-display math")).to_have_count(1)
    expect(task.locator("table td").first).to_have_text("1")
    expect(task.locator(".conversation")).to_contain_text("It costs $5 or $10")
    expect(task.locator(".conversation .katex")).to_have_count(0)
    # KaTeX's styles came through the policy: a fraction's line has its width.
    height = task.locator(".katex .frac-line").first.evaluate(
        "(line) => getComputedStyle(line).borderBottomWidth"
    )
    assert height != "0px"
    # The last turn is the one to answer: it is in view.
    expect(task.get_by_text("Show it as code")).to_be_in_viewport()


def test_the_difference_marks_words_in_both_texts(make_world: MakeWorld) -> None:
    row = {
        "prompt": "How long does it rest?",
        "completions": ["It rests for five minutes.", "It rests for ten minutes."],
    }
    page = make_world([row]).page()
    page.keyboard.press("d")
    marks = front(page).locator("mark").all_inner_texts()
    assert sorted(marks) == ["five", "ten"]
    page.keyboard.press("d")
    expect(front(page).locator("mark")).to_have_count(0)


def test_locked_scrolling_moves_both(make_world: MakeWorld) -> None:
    long = "\n\n".join(f"Paragraph {number}." for number in range(200))
    row = {"prompt": "Tell me a lot.", "completions": [long, "Again. " + long]}
    page = make_world([row]).page()
    panes = front(page).locator(".pane > .scroll")
    page.keyboard.press("l")
    page.keyboard.press("ArrowLeft")
    panes.first.evaluate("(pane) => { pane.scrollTop = 1000; }")
    # A function, not an expression: the policy forbids pages to evaluate strings.
    page.wait_for_function(
        "(pane) => pane.scrollTop > 500", arg=panes.last.element_handle()
    )


def test_a_huge_text_does_not_freeze_the_page(make_world: MakeWorld) -> None:
    huge = "**word** " * 60_000
    row = {"prompt": "Go on.", "completions": [huge, "Short."]}
    page = make_world([row, *numbered(2)]).page()
    expect(page.get_by_text("it is shown as written")).to_be_visible()
    judge_any(page)


def judge_any(page: Page) -> None:
    page.keyboard.press("2")
    page.keyboard.press("Enter")
    expect(front(page)).to_contain_text("Question")


def test_on_a_phone_a_and_b_are_tabs_and_all_is_in_reach(
    make_world: MakeWorld,
) -> None:
    world = make_world([RICH, *numbered(2)])
    page = world.page(viewport=PHONE, has_touch=True, is_mobile=True)
    width = page.evaluate("document.documentElement.scrollWidth")
    assert width <= PHONE["width"], "nothing may stick out sideways"
    a, b = (front(page).locator(".pane").nth(place) for place in (0, 1))
    expect(a).to_be_in_viewport(ratio=0.9)
    expect(b).not_to_be_in_viewport()
    front(page).get_by_role("button", name="B", exact=True).tap()
    expect(b).to_be_in_viewport(ratio=0.9)
    # A swipe is the strip's own scrolling; the tab follows it.
    front(page).locator(".panes").evaluate("(strip) => strip.scrollTo({ left: 0 })")
    tab = front(page).get_by_role("button", name="A", exact=True)
    expect(tab).to_have_attribute("aria-pressed", "true")
    for option in page.get_by_role("radio").all():
        box = option.bounding_box()
        assert box is not None
        assert box["width"] >= 24 and box["height"] >= 44
    page.get_by_role("radio", name="B is better", exact=True).tap()
    page.get_by_role("button", name="Next").tap()
    expect(page.get_by_role("radio", checked=True)).to_have_count(0)


def test_nothing_moves_when_the_next_task_comes(make_world: MakeWorld) -> None:
    page = make_world([*numbered(2), RICH, *numbered(5)[2:]]).page()

    def places() -> list[Any]:
        found: list[Any] = page.evaluate(
            "[...document.querySelectorAll('[data-front=true] .pane, footer, .scale')]"
            ".map((e) => { const r = e.getBoundingClientRect();"
            " return [r.x, r.y, r.width, r.height]; })"
        )
        return found

    before = places()
    for _ in range(4):
        page.keyboard.press("2")
        shown = front(page).get_attribute("data-assignment")
        page.keyboard.press("Enter")
        expect(front(page)).not_to_have_attribute("data-assignment", shown or "")
        assert places() == before


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_axe_finds_nothing_serious_on_a_phone(
    make_world: MakeWorld, theme: str
) -> None:
    page = make_world([RICH]).page(color_scheme=theme, viewport=PHONE)
    page.get_by_role("radio", name="A is better", exact=True).click()
    assert serious(page) == []


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_axe_finds_nothing_serious_on_any_page(
    make_world: MakeWorld, open_context: OpenContext, theme: str
) -> None:
    options: dict[str, Any] = {"color_scheme": theme, "reduced_motion": "reduce"}
    page = open_context(**options).new_page()
    page.goto("/app/login")
    expect(page.get_by_label("Password")).to_be_visible()
    assert serious(page) == []

    world = make_world([RICH])
    page = open_context(world.alice, **options).new_page()
    page.goto("/app/")
    expect(page.get_by_role("link", name="Everyday help")).to_be_visible()
    assert serious(page) == []

    page.goto(world.address)
    expect(front(page)).to_be_visible()
    page.keyboard.press("2")
    assert serious(page) == []
    # Two at once where they do not cover one another.
    page.keyboard.press("d")
    page.keyboard.press("g")
    page.keyboard.press("f")
    page.keyboard.press("1")
    assert serious(page) == []
    page.keyboard.press("Escape")
    page.keyboard.press("Escape")
    page.keyboard.press("?")
    assert serious(page) == []
    page.keyboard.press("Escape")
    page.locator(".me").click()
    assert serious(page) == []
    page.keyboard.press("Escape")
    page.get_by_role("button", name="Next").click()
    expect(page.get_by_role("heading", name="All done. Thank you.")).to_be_visible()
    assert serious(page) == []


def test_a_chosen_theme_holds_from_the_first_paint(world: World) -> None:
    page = world.page(color_scheme="light")
    page.locator(".me").click()
    page.get_by_role("radio", name="Dark").check()
    ground = "getComputedStyle(document.documentElement).backgroundColor"
    dark = page.evaluate(ground)
    page.reload(wait_until="commit")
    page.wait_for_selector("html[data-theme=dark]", state="attached")
    assert page.evaluate(ground) == dark != "rgb(244, 245, 244)"


def test_the_page_comes_with_the_strict_policy(world: World) -> None:
    response = world.open_context().new_page().goto("/app/login")
    assert response is not None
    policy = response.headers["content-security-policy"]
    for rule in ("default-src 'self'", "script-src 'self'", "style-src 'self'"):
        assert rule in policy
    assert "unsafe" not in policy


def test_judging_is_possible_with_no_pointer_at_all(world: World) -> None:
    page = world.page()
    for _ in range(40):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.getAttribute('role')") == "radio":
            break
    else:
        pytest.fail("Tab never reached the scale")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowRight")
    expect(page.get_by_role("radio", name="A is better", exact=True)).to_be_checked()
    judge(page, "Enter")
