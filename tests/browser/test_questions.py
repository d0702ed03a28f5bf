"""The panel's page of a project's questions: its script, and the preview beside it."""

from __future__ import annotations

from playwright.sync_api import expect

from annotation.services.projects import publish_protocol
from tests.browser import kinds
from tests.browser.world import MakeWorld

# The kinds whose own fields are on the screen; what all kinds share is not counted.
SHOWN = """
(one) => [...one.querySelectorAll("[data-kind]:not([data-kind=''])")]
  .filter((part) => part.checkVisibility())
  .map((part) => part.dataset.kind)
"""
OFFERED = """
(one) => [...one.querySelectorAll("[data-kind]:not([data-kind=''])")]
  .map((part) => part.dataset.kind)
"""


def test_only_the_fields_of_the_chosen_kind_show(make_world: MakeWorld) -> None:
    world = make_world([])
    publish_protocol(project=world.project, questions=[kinds.RATE])
    page = world.open_context(world.olga).new_page()
    page.goto(f"/admin/annotation/project/{world.project.pk}/questions/")
    asked = page.locator("#questions-form fieldset")
    first, further = asked.first, asked.last
    kind = first.locator("select[name$='-kind']")
    expect(kind).to_have_value("rate")
    assert first.evaluate(SHOWN) == ["rate"]
    beside = further.evaluate(SHOWN)

    own = set(first.evaluate(OFFERED))
    options = kind.locator("option").evaluate_all("(all) => all.map((o) => o.value)")
    chosen = [each for each in options if each in own]
    assert len(chosen) > 5
    for each in [*chosen, "rate"]:
        kind.select_option(each)
        assert first.evaluate(SHOWN) == [each]
        expect(first.locator("[name$='-text']").first).to_be_visible()
    assert further.evaluate(SHOWN) == beside, "each question has its own kind"


def test_the_preview_follows_what_is_being_edited(make_world: MakeWorld) -> None:
    world = make_world([])
    publish_protocol(project=world.project, questions=[kinds.RATE])
    page = world.open_context(world.olga).new_page()
    page.goto(f"/admin/annotation/project/{world.project.pk}/questions/")
    with page.expect_popup() as opened:
        page.get_by_role("link", name="Look at the screen").click()
    preview = opened.value
    expect(preview.get_by_text("How helpful is it?").first).to_be_visible()

    first = page.locator("#questions-form fieldset").first
    text = first.locator("[name$='-text']").first
    text.fill("Would you send it?")
    expect(page.get_by_text("The preview shows this as it stands.")).to_be_visible()
    expect(preview.get_by_text("Would you send it?").first).to_be_visible()
    text.fill("")
    expect(page.get_by_text("what was right last")).to_be_visible()
    expect(preview.get_by_text("Would you send it?").first).to_be_visible()

    # For experts: what the fields say, as JSON to go on from.
    first.get_by_text("As JSON, for experts").click()
    first.get_by_role("button", name="Edit this as JSON").click()
    settings = first.locator("textarea[name$='-settings']")
    expect(settings).to_be_focused()
    assert '"scale"' in settings.input_value()
    world.project.refresh_from_db()
    assert world.project.protocol.questions[0]["text"] == "How helpful is it?"
