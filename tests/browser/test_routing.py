"""The budget slider in a real browser: what it promises, and what it sets."""

from __future__ import annotations

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import expect

from tests.browser.world import PHONE, World


def test_a_budget_is_chosen_on_the_slider(world: World) -> None:
    """On a phone in the dark, by keyboard."""
    from tests.training.test_routing import CURVE
    from training.models import RoutingPlan

    prediction = {
        "mixes": 250,
        "best": "linear",
        "forms": {
            "linear": {"spearman": 0.94, "rmse": 0.008, "refusal": ""},
            "quadratic": {"spearman": 0.92, "rmse": 0.009, "refusal": ""},
        },
        "trial": {
            "people": {"mean": 0.06, "error": 0.015},
            "over_ai": {"predicted-linear": {"mean": 0.07, "error": 0.014}},
            "over_random": {"predicted-linear": {"mean": 0.05, "error": 0.011}},
        },
    }
    plan = RoutingPlan.objects.create(
        project=world.project,
        state="ready",
        curve=CURVE,
        settings={"policy": "default", "floor": 0.05},
        report={
            "follows": "predicted-linear",
            "because": "its choice beat random in the trial",
            "prediction": prediction,
        },
    )
    page = world.open_context(
        world.olga, color_scheme="dark", viewport=PHONE
    ).new_page()
    page.goto(f"/admin/training/routingplan/{plan.pk}/change/")
    slider = page.get_by_role("slider")
    expect(page.locator("#at-accuracy")).to_contain_text("0.750")
    expect(page.locator("#routing-chart svg")).to_be_visible()
    slider.focus()
    for _ in range(3):
        page.keyboard.press("ArrowRight")
    expect(page.locator("#share-words")).to_have_text("40%")
    expect(page.locator("#at-accuracy")).to_contain_text("0.780")
    expect(page.locator("#at-accuracy")).to_contain_text("0.730 to 0.830")
    expect(page.locator("#at-spend")).to_have_text("9")
    # The label of the choice has a place of its own: no curve runs through it.
    chosen = page.locator("#routing-chart svg text", has_text="at 40%").bounding_box()
    curves = page.locator("#routing-chart svg path").all()
    tops = [box["y"] for curve in curves if (box := curve.bounding_box())]
    assert chosen is not None and len(tops) == 4
    assert chosen["y"] + chosen["height"] <= min(tops)
    wide = page.evaluate(
        "document.documentElement.scrollWidth - document.documentElement.clientWidth"
    )
    assert wide <= 0
    found = Axe().run(page, context=".hn")
    assert [each["id"] for each in found.response["violations"]] == []
    page.get_by_role("button", name="Set the routes").click()
    expect(page.get_by_text("A worker sets the routes.")).to_be_visible()
    plan.refresh_from_db()
    assert (plan.state, plan.share) == ("to_apply", 0.4)
