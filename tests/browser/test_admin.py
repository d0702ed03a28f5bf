"""The researcher's panel in a real browser: once round the loop, live, inert, fit."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from django.utils.timezone import now
from playwright.sync_api import Page, expect

from tests.browser.world import PHONE, Watch, World

MakeWorld = Callable[..., World]
EVIL = '<script>window.hacked = 1</script><img src="x" onerror="window.hacked = 2">'


def answer_all(world: World) -> None:
    """Let Alice answer every task; the keyboard's way is tested elsewhere."""
    from tests.annotation.test_admin_access import answer

    for task in world.project.tasks.order_by("pk"):
        answer(task, world.alice)


def make_snapshot(world: World, **fields: Any) -> Any:
    from training.models import Snapshot

    fields = {"rows": 12, "manifest": {"counts": {"train": 12}}} | fields
    return Snapshot.objects.create(
        project=world.project, name="first batch", state="ready", **fields
    )


def make_run(world: World, *, steps: int = 0, **fields: Any) -> Any:
    from training.models import TrainingRun

    fields = {"kind": "reward", "preset": "reward-bt", "name": "a first run"} | fields
    run = TrainingRun.objects.create(project=world.project, **fields)
    report(run, range(1, steps + 1))
    return run


def report(run: Any, steps: Any) -> None:
    """Report metrics as a worker does."""
    from training.models import RunEvent

    for step in steps:
        metrics = {"loss": 0.7 - step / 50, "rewards/accuracies": 0.5 + step / 50}
        RunEvent.objects.create(
            run=run,
            attempt=1,
            seq=step,
            kind="metrics",
            step=step,
            payload={"metrics": metrics},
            at=now(),
        )


def olgas(world: World, **options: Any) -> Page:
    page: Page = world.open_context(world.olga, **options).new_page()
    return page


def test_once_round_the_loop_from_the_overview(
    make_world: MakeWorld, watch: Watch
) -> None:
    """Sign in, freeze, launch a reward and a DPO run, start a round."""
    from training.models import Round, Snapshot, TrainingRun
    from training.services.freezing import freeze

    rows = [
        {"prompt": f"Why is {n} a number?", "completions": [f"Yes {n}.", f"No {n}."]}
        for n in range(12)
    ]
    world = make_world(rows, validation_share=0.0, test_share=0.0)
    page = world.open_context().new_page()
    page.goto("/admin/")
    page.get_by_label("Username").fill("olga")
    page.get_by_label("Password").fill("a long pass phrase")
    page.get_by_role("button", name="Log in").click()
    steps = page.get_by_label("First steps")
    expect(steps.locator("[aria-current=step]")).to_contain_text("Label ten")

    answer_all(world)
    page.reload()
    steps.get_by_role("link", name="Freeze a snapshot").first.click()
    page.get_by_role("button", name="Freeze").click()
    expect(page.get_by_text("It is being frozen")).to_be_visible()
    freeze(Snapshot.objects.get().pk)  # what the default queue's worker does
    expect(page.get_by_text("Left out, and why")).to_be_visible()  # by itself

    page.get_by_role("link", name="Train a reward model on it").click()
    page.get_by_label("Batch size").fill("a few")
    page.get_by_role("button", name="Launch").click()
    wrong = page.get_by_text("Expected a whole number")
    expect(wrong).to_be_visible()
    page.get_by_label("Batch size").fill("8")
    page.get_by_role("button", name="Launch").click()
    expect(page.get_by_text("Waits for a worker of the gpu queue.")).to_be_visible()
    reward = TrainingRun.objects.get()
    assert (reward.kind, reward.params["batch_size"]) == ("reward", 8)

    page.get_by_role("link", name="Launch a run").click()
    page.get_by_role("link", name="Direct preference optimisation").click()
    page.get_by_label("Train low-rank adapters (LoRA)").check()
    page.get_by_role("button", name="Launch").click()
    expect(page.get_by_text("Waits for a worker of the gpu queue.")).to_be_visible()
    dpo = TrainingRun.objects.get(kind="dpo")
    assert dpo.lora is not None and dpo.snapshot == reward.snapshot

    TrainingRun.objects.update(state="succeeded", finished_at=now())
    page.goto("/admin/")
    steps.get_by_role("link", name="Start a round").first.click()
    page.get_by_label("Min labels").fill("5")
    page.get_by_role("button", name="Start the round").click()
    expect(page.locator(".hn-steps [aria-current=step]")).to_contain_text("Collect")
    assert Round.objects.get().settings["min_labels"] == 5
    page.get_by_role("button", name="Pause").click()
    expect(page.get_by_text("It is paused")).to_be_visible()


def test_a_method_is_found_by_a_word(world: World) -> None:
    """The usual methods stand first; every other is a search away."""
    make_snapshot(world)
    page = olgas(world)
    page.goto("/admin/training/trainingrun/add/")
    expect(page.get_by_role("link", name="Bradley-Terry reward model")).to_have_count(1)
    page.get_by_text("methods", exact=False).locator("visible=true").last.click()
    box = page.get_by_label("Find by name, title or paper")
    box.fill("kahneman")
    expect(page.get_by_text("1 of ")).to_be_visible()
    box.press("Enter")
    expect(page.get_by_role("heading", name="Kahneman-Tversky")).to_be_visible()


def test_a_run_is_watched_live_and_cancelled(world: World) -> None:
    from training.models import TrainingRun

    run = make_run(world, state="running", steps=5, total_steps=20, attempt=1)
    TrainingRun.objects.filter(pk=run.pk).update(
        heartbeat_at=now(), worker="gpu@here", step=5
    )
    page = olgas(world)
    page.goto(f"/admin/training/trainingrun/{run.pk}/change/")
    loss = page.locator("figure[data-chart=loss]")
    expect(loss.locator("figcaption")).to_have_text("Loss 0.600, from 0.680")
    expect(loss.locator("svg")).to_be_visible()

    report(run, range(6, 11))
    TrainingRun.objects.filter(pk=run.pk).update(step=10, log_tail=EVIL)
    expect(loss.locator("figcaption")).to_have_text("Loss 0.500, from 0.680")
    meter = page.get_by_role("progressbar", name="Progress")
    expect(meter).to_have_attribute("aria-valuenow", "50")
    expect(page.get_by_label("Log")).to_have_text(EVIL)
    assert page.evaluate("window.hacked") is None
    loss.get_by_text("The numbers").click()
    expect(loss.get_by_role("cell", name="0.500")).to_be_visible()

    page.get_by_role("button", name="Cancel").click()
    expect(page.get_by_text("Cancelling:")).to_be_visible()
    expect(page.get_by_role("button", name="Cancel")).to_be_hidden()
    TrainingRun.objects.filter(pk=run.pk).update(
        state="failed",
        finished_at=now(),
        error={"message": "Too big.", "expected": "room", "found": "none", "fix": "x"},
    )
    expect(page.get_by_role("heading", name="Too big.")).to_be_visible()
    expect(page.get_by_role("button", name="Retry")).to_be_visible()


def test_runs_are_compared_in_one_picture(world: World) -> None:
    for name in ("one", "two"):
        make_run(world, name=name, state="succeeded", steps=10, seed=len(name))
    page = olgas(world)
    page.goto("/admin/training/trainingrun/")
    for box in page.get_by_role("checkbox", name="Select record").all():
        box.check()
    page.get_by_label("Select action to run").select_option("compare_runs")
    page.get_by_role("button", name="Run").click()
    loss = page.locator("figure[data-chart=loss]")
    expect(loss.locator("svg")).to_contain_text("run A 0.500")
    expect(loss.locator("svg")).to_contain_text("run B 0.500")


def test_no_worker_shows_a_banner_on_every_page(world: World) -> None:
    from training.models import TrainingRun

    run = make_run(world, state="queued")
    page = olgas(world)
    page.goto("/admin/annotation/task/")
    banner = page.get_by_role("alert")
    expect(banner).to_be_hidden()
    TrainingRun.objects.filter(pk=run.pk).update(
        created_at=now() - timedelta(minutes=2)
    )
    page.reload()
    expect(banner).to_contain_text("no worker answers")


def test_the_menu_opens_by_keyboard_on_a_phone(world: World) -> None:
    page = olgas(world, viewport=PHONE)
    page.goto("/admin/")
    runs = page.locator("#nav-sidebar").get_by_role("link", name="Runs")
    expect(runs).to_be_hidden()
    page.get_by_role("button", name="Menu").first.press("Enter")
    expect(runs).to_be_visible()


def test_text_of_models_never_runs(make_world: MakeWorld, watch: Watch) -> None:
    world = make_world([{"prompt": EVIL, "completions": [EVIL, EVIL + "!"]}])
    snapshot = make_snapshot(world, query={EVIL: EVIL})
    run = make_run(world, state="failed", name=EVIL, snapshot=snapshot, log_tail=EVIL)
    task = world.project.tasks.get()
    page = olgas(world)
    for path in (
        f"annotation/task/{task.pk}/change/",
        f"annotation/prompt/{task.prompt_id}/change/",
        "annotation/completion/",
        f"training/trainingrun/{run.pk}/change/",
        f"training/trainingrun/compare/?run={run.pk}",
        f"training/snapshot/{snapshot.pk}/change/",
        "training/trainingrun/",
    ):
        page.goto(f"/admin/{path}")
        expect(page.get_by_text("window.hacked").first).to_be_attached()
        assert page.evaluate("window.hacked") is None, path


@pytest.mark.parametrize(
    ("theme", "viewport"), [("light", None), ("dark", PHONE)], ids=["desk", "phone"]
)
def test_pages_are_fit_for_everybody(
    world: World, theme: str, viewport: dict[str, int] | None
) -> None:
    """No serious finding of axe, and nothing that sticks out at 360 px."""
    answer_all(world)
    snapshot = make_snapshot(world)
    run = make_run(world, state="running", steps=6, total_steps=9, snapshot=snapshot)
    options: dict[str, Any] = {"color_scheme": theme}
    if viewport:
        options["viewport"] = viewport
    page = olgas(world, **options)
    task = world.project.tasks.order_by("pk")[0]
    findings = []
    paths = [
        "",
        f"annotation/project/{world.project.pk}/change/",
        f"annotation/task/{task.pk}/change/",
        "training/trainingrun/add/?preset=dpo",
        f"training/trainingrun/{run.pk}/change/",
    ]
    if not viewport:
        paths += [
            "annotation/import/add/",
            "training/snapshot/add/",
            f"training/snapshot/{snapshot.pk}/change/",
            "training/round/add/",
            "annotation/judge/add/",
            "annotation/libraryprinciple/?o=1",
            "training/curationjob/add/?kind=iterate",
        ]
    for path in paths:
        page.goto(f"/admin/{path}")
        wide = page.evaluate("document.documentElement.scrollWidth - innerWidth")
        if wide > 0:
            findings.append(f"{path}: {wide} px too wide")
        for found in Axe().run(page).response["violations"]:
            if found["impact"] in ("serious", "critical"):
                where = found["nodes"][0]["html"][:200]
                findings.append(f"{path}: {found['id']}: {where}")
    assert findings == []
