"""Answers on their way: offline, over reloads and restarts, and never twice."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Page, Route, expect

from annotation.models import Assignment, Feedback
from tests.browser.serving import WebServer, session_cookie
from tests.browser.world import Watch, World, front, judge, saved

WAITING = """
() => new Promise((resolve, reject) => {
  const opening = indexedDB.open("hone");
  opening.onerror = () => reject(opening.error);
  opening.onsuccess = () => {
    const all = opening.result.transaction("entries").objectStore("entries").getAll();
    all.onsuccess = () => { opening.result.close(); resolve(all.result.length); };
  };
})
"""


@pytest.fixture(autouse=True)
def expected_noise(watch: Watch) -> None:
    """The browser itself logs a request that fails; these tests make them fail."""
    watch.allowed += ["Failed to load resource", "no earlier answers"]


@pytest.fixture
def down(server: WebServer) -> Iterator[WebServer]:
    """The web server, which is running again after the test."""
    yield server
    if not server.running:
        server.start()


def test_an_answer_survives_a_killed_server_and_a_reload_and_is_stored_once(
    world: World, down: WebServer
) -> None:
    page = world.page()
    down.kill()
    answered = [judge(page, key, "Enter") for key in ("1", "7")]
    expect(page.locator(".sync")).to_have_text("Offline · 2 waiting")
    assert page.evaluate(WAITING) == 2
    assert Feedback.objects.count() == 0

    down.start()
    page.reload()
    saved(page)
    assert page.evaluate(WAITING) == 0
    rows = Feedback.objects.order_by("created_at")
    assert [row.judgments[0]["outcome"] for row in rows] == ["a", "b"]
    assert not any(row.late for row in rows)
    expect(front(page)).to_be_visible()
    for number in answered:
        expect(front(page).get_by_text(f"Question {number}")).to_have_count(0)


def test_the_server_comes_back_and_all_goes_on_without_a_reload(
    world: World, down: WebServer
) -> None:
    page = world.page()
    down.kill()
    for _ in range(5):
        judge(page, "3", "Enter")
    expect(page.get_by_role("heading", name="Offline")).to_be_visible()
    expect(page.get_by_text("5 answers wait safely here.")).to_be_visible()
    down.start()
    page.get_by_role("button", name="Try now").click()
    expect(front(page)).to_be_visible()
    saved(page)
    assert Feedback.objects.count() == 5
    judge(page, "3", "Enter")
    saved(page)
    assert Feedback.objects.count() == 6


def test_a_lost_reply_leads_to_one_row(world: World) -> None:
    page = world.page()
    calls: list[str] = []

    def lose_the_first(route: Route) -> None:
        calls.append(route.request.post_data or "")
        if len(calls) == 1:
            route.fetch()  # the server stores it
            route.abort("connectionreset")  # and the browser never hears of it
        else:
            route.continue_()

    page.route("**/feedback", lose_the_first)
    judge(page, "6", "Enter")
    saved(page)
    assert len(calls) == 2
    assert calls[0] == calls[1]
    assert Feedback.objects.count() == 1


def test_two_tabs_send_what_waits_once(world: World) -> None:
    context = world.open_context(world.alice)
    first = context.new_page()
    first.goto(world.address)
    expect(front(first)).to_be_visible()
    posts: list[str] = []
    context.route("**/feedback", lambda route: route.abort("connectionrefused"))
    for _ in range(3):
        judge(first, "2", "Enter")
    expect(first.locator(".sync")).to_have_text("Offline · 3 waiting")
    # What was refused has no reply, so replies may be counted from before it ends.
    context.on(
        "response",
        lambda response: (
            posts.append(response.url) if "/feedback" in response.url else None
        ),
    )
    context.unroute("**/feedback")
    second = context.new_page()
    second.goto("/app/")
    for page in (first, second):
        page.evaluate("dispatchEvent(new Event('online'))")
    saved(first)
    saved(second)
    assert len(posts) == len(set(posts)) == 3
    assert Feedback.objects.count() == 3


def test_an_ended_session_keeps_the_answers_until_the_next_sign_in(
    world: World,
) -> None:
    page = world.page()
    page.context.clear_cookies(name="sessionid")
    judge(page, "5", "Enter")
    expect(page.locator(".sync")).to_have_text("Log in · 1 waiting")
    page.locator(".sync").click()
    page.get_by_role("link", name="Log in again").click()
    expect(page.get_by_text("1 answer waits on this device")).to_be_visible()
    page.get_by_label("User name").fill("alice")
    page.get_by_label("Password").fill("a long pass phrase")
    page.keyboard.press("Enter")
    expect(front(page)).to_be_visible()
    saved(page)
    assert Feedback.objects.count() == 1


def test_an_answer_is_never_sent_in_another_persons_name(world: World) -> None:
    page = world.page()
    page.context.clear_cookies(name="sessionid")
    judge(page, "5", "Enter")
    expect(page.locator(".sync")).to_have_text("Log in · 1 waiting")
    sign_in(page, world, "olga")
    page.goto("/app/")
    expect(page.get_by_role("link", name="Everyday help")).to_be_visible()
    page.locator(".sync").click()
    expect(page.get_by_text("1 answer of somebody else")).to_be_visible()
    assert Feedback.objects.count() == 0
    sign_in(page, world, "alice")
    page.goto("/app/")
    expect(page.get_by_role("link", name="Everyday help")).to_be_visible()
    saved(page)
    assert Feedback.objects.get().actor.user_id == world.alice.pk


def sign_in(page: Page, world: World, name: str) -> None:
    cookie = session_cookie(getattr(world, name))
    url = page.evaluate("location.origin")
    page.context.add_cookies([{"name": "sessionid", "value": cookie, "url": url}])


def test_an_answer_after_the_lease_has_ended_is_still_stored(world: World) -> None:
    page = world.page()
    leased = Assignment.objects.filter(state=Assignment.State.LEASED)
    leased.update(expires_at="2020-01-01T00:00:00Z")
    judge(page, "1", "Enter")
    saved(page)
    assert Feedback.objects.get().late


def test_a_refused_answer_is_shown_kept_and_can_be_saved(world: World) -> None:
    page = world.page()
    body = '{"error": "invalid_judgments", "message": "It names no scale of ours."}'
    page.route("**/feedback", lambda route: route.fulfill(status=422, body=body))
    judge(page, "1", "Enter")
    expect(page.locator(".sync")).to_have_text("1 refused")
    page.unroute("**/feedback")
    page.reload()
    expect(front(page)).to_be_visible()  # the bar of the page that opens is another
    expect(page.locator(".sync")).to_have_text("1 refused")
    page.locator(".sync").click()
    expect(page.get_by_text("It names no scale of ours.")).to_be_visible()
    expect(page.get_by_role("button", name="Remove")).to_be_disabled()
    with page.expect_download() as download:
        page.get_by_role("button", name="Save as a file").click()
    assert '"outcome": "a"' in download.value.path().read_text()
    page.get_by_role("button", name="Send again").click()
    saved(page)
    assert Feedback.objects.count() == 1


def test_a_correction_made_offline_follows_its_answer(
    world: World, down: WebServer
) -> None:
    page = world.page()
    down.kill()
    judge(page, "1", "Enter")
    page.keyboard.press("z")
    expect(page.get_by_role("radio", name="A is much better")).to_be_checked()
    page.keyboard.press("0")
    page.keyboard.press("Enter")
    expect(page.get_by_text("Corrected.")).to_be_visible()
    down.start()
    page.reload()
    saved(page)
    old, new = Feedback.objects.order_by("created_at")
    assert (old.judgments[0]["outcome"], new.judgments[0]["outcome"]) == (
        "a",
        "both_bad",
    )
    assert new.supersedes_id == old.pk
