"""PPO on the panel: launched from a snapshot and a judge, watched, stopped, resumed."""

from __future__ import annotations

from typing import Any

from django.utils.timezone import now
from playwright.sync_api import expect

from tests.browser.test_admin import make_snapshot, olgas
from tests.browser.world import World


def report(run: Any, steps: Any) -> None:
    """Report updates as a worker does."""
    from training.models import RunEvent

    for step in steps:
        metrics = {"rewards/mean": step / 10, "objective/kl": step / 5, "loss": 0.1}
        RunEvent.objects.create(
            run=run,
            attempt=1,
            seq=step,
            kind="metrics",
            step=step,
            payload={"metrics": metrics},
            at=now(),
        )


def test_ppo_is_launched_watched_cancelled_and_resumed(world: World) -> None:
    from training.models import ModelVersion, TrainingRun

    snapshot = make_snapshot(world)
    judge = ModelVersion.objects.create(
        project=world.project, name="first judge", role="reward", source="tiny:encoder"
    )
    page = olgas(world)
    page.goto("/admin/training/trainingrun/add/?preset=ppo")
    expect(page.get_by_label("Reward model that judges")).to_have_value(str(judge.pk))
    page.get_by_label("Kl coef").fill("much")
    page.get_by_role("button", name="Launch").click()
    expect(page.get_by_text("Expected a number")).to_be_visible()
    page.get_by_label("Kl coef").fill("0.1")
    page.get_by_role("button", name="Launch").click()
    expect(page.get_by_text("Waits for a worker of the gpu queue.")).to_be_visible()
    run = TrainingRun.objects.get()
    assert (run.kind, run.snapshot, run.params["kl_coef"]) == ("ppo", snapshot, 0.1)
    assert run.inputs == {"reward_model": str(judge.pk)}

    TrainingRun.objects.filter(pk=run.pk).update(
        state="running", attempt=1, step=4, total_steps=8, heartbeat_at=now()
    )
    report(run, range(1, 5))
    page.reload()
    for chart in ("kl", "rewards"):
        expect(page.locator(f"figure[data-chart={chart}] svg")).to_be_visible()
    meter = page.get_by_role("progressbar", name="Progress")
    expect(meter).to_have_attribute("aria-valuenow", "50")

    page.get_by_role("button", name="Cancel", exact=True).click()
    expect(page.get_by_text("Cancelling:")).to_be_visible()
    run.refresh_from_db()
    assert run.cancel_requested
    TrainingRun.objects.filter(pk=run.pk).update(state="cancelled", finished_at=now())
    page.get_by_role("button", name="Retry").click()
    expect(page.get_by_role("button", name="Cancel", exact=True)).to_be_visible()
    expect(page.get_by_role("button", name="Retry")).to_be_hidden()
    run.refresh_from_db()
    assert (run.state, run.retried_from) == ("queued", 1)
