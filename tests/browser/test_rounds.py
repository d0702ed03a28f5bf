"""A researcher's way in the panel: a judge, its card, a budget, three iterations.

Every model is real and tiny. What workers do is done here, in one process, by the
functions that they call; people are simulated and prefer what is longer.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect
from pytest_django.fixtures import Settings

from tests.browser.world import PHONE, World

MakeWorld = Callable[..., World]
ROWS = [
    {
        "prompt": f"say something of the number {n}",
        "completions": [f"no {n}", f"the number {n} is good and long and kind"],
    }
    for n in range(14)
]
MOST_STEPS = 40
ITERATIONS = 3


class EngineHere:
    """The engine in this process: what `EngineProcess` starts, without its import."""

    pid = 0

    def __init__(
        self,
        arguments: Sequence[str],
        *,
        out: Path,
        environment: Mapping[str, str],
        directory: Path,
        signalled: bool,
    ) -> None:
        from training.engine.cli import run_spec

        spec = arguments[list(arguments).index("run") + 1]
        self._code = run_spec(Path(spec), out)

    def poll(self) -> int:
        return self._code

    def order(self, action: str) -> None:
        raise AssertionError(f"nobody orders an engine that has ended to {action}")

    def end(self) -> None:
        """Nothing of it is left."""


@pytest.fixture
def workers_here(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Let this process do the work of the queues' workers."""
    from training.engine.control import Control
    from workers import supervisor

    settings.ARTIFACTS = tmp_path / "artifacts"
    settings.ARTIFACTS.mkdir()
    monkeypatch.setattr(supervisor, "EngineProcess", EngineHere)
    monkeypatch.setattr(Control, "listen", lambda control, late=None: None)


def work(world: World) -> bool:
    """Do once what workers and people would; return whether there was anything."""
    from annotation.models import Judge
    from training.models import Round, RoutingPlan, Snapshot, TrainingRun
    from training.services import freezing, rounds, runs
    from workers.judges.asking import judge_tasks
    from workers.routing import jobs
    from workers.supervisor import Supervisor

    done = False
    for found in Round.objects.exclude(state__in=rounds.OVER):
        while rounds.advance(found.pk):
            done = True
    for snapshot in Snapshot.objects.filter(state="queued"):
        freezing.freeze(snapshot.pk)
        done = True
    while (run := runs.claim_next(worker="here")) is not None:
        Supervisor(run).supervise()
        run.refresh_from_db()
        assert run.state == TrainingRun.State.SUCCEEDED, (run.kind, run.error)
        done = True
    for plan in RoutingPlan.objects.filter(state="queued"):
        jobs.predict(plan.pk)
        done = True
    for judge in Judge.objects.filter(state="ready"):
        done |= judge_tasks(judge=judge).tasks > 0
    return bool(people_answer(world)) or done


def people_answer(world: World) -> int:
    """Let Alice answer what waits for people."""
    waiting = world.project.tasks.filter(
        state="open", route__in=["human", "both"], counted=0
    )
    for task in list(waiting):
        prefer_the_longer(task, world)
    return len(waiting)


def prefer_the_longer(task: Any, world: World) -> None:
    """Let Alice answer a task."""
    from uuid import uuid4

    from annotation.models import Assignment, Feedback
    from annotation.services.people import actor_of
    from tests.factories import compare

    slots = list(task.slots.select_related("completion").order_by("position"))
    first, second = (slot.completion for slot in slots)
    actor = actor_of(world.alice)
    assignment = Assignment.objects.create(
        task=task,
        project=world.project,
        actor=actor,
        order=[0, 1],
        state="answered",
        counted=True,
        leased_at=task.created_at,
        expires_at=task.created_at,
        ended_at=task.created_at,
    )
    better = "a" if len(first.text) >= len(second.text) else "b"
    Feedback.objects.create(
        client_id=uuid4(),
        assignment=assignment,
        project=world.project,
        actor=actor,
        judgments=compare([first.pk, second.pk], outcome=better),
        active_ms=1000,
        protocol=task.protocol,
        content_hash="0" * 64,
    )


def is_fit(page: Page) -> None:
    """Nothing is wider than the screen, and nobody is locked out."""
    wide = page.evaluate(
        "document.documentElement.scrollWidth - document.documentElement.clientWidth"
    )
    assert wide <= 0
    found = Axe().run(page, context=".hn")
    assert [each["id"] for each in found.response["violations"]] == []


def test_a_judge_a_budget_and_three_iterations(
    make_world: MakeWorld, workers_here: None
) -> None:
    from annotation.models import Judge
    from training.models import Round, RoutingPlan
    from training.services.promoting import base_model

    tiny = base_model(project=None, source="tiny:causal", role="policy")
    world = make_world(ROWS, validation_share=0.0, test_share=0.0)
    # The judge will meet eight pairs that people answer; six wait to be routed.
    known = world.project.tasks.order_by("pk")[:8].values_list("pk", flat=True)
    world.project.tasks.filter(pk__in=list(known)).update(route="both", overlap=2)
    for task in world.project.tasks.filter(pk__in=list(known)):
        prefer_the_longer(task, world)
    page = world.open_context(world.olga).new_page()

    # A judge is set up and started; its card says how far to trust it.
    page.goto("/admin/annotation/judge/add/")
    page.get_by_label("Name", exact=True).fill("Tiny")
    page.get_by_label("What is asked").select_option("model")
    page.get_by_label("Model of ours").select_option(str(tiny.pk))
    page.get_by_role("button", name="Save").click()
    page.get_by_role("button", name="Start", exact=True).click()
    expect(page.get_by_text("It has answered nothing yet.")).to_be_visible()
    work_judge = Judge.objects.get()
    from workers.judges.asking import judge_tasks

    judge_tasks(judge=work_judge)
    page.reload()
    expect(page.get_by_text("8 pairs answered")).to_be_visible()
    expect(page.get_by_text("agrees with people")).to_be_visible()

    # The slider says what each budget costs before anything is spent.
    page.goto(f"/admin/training/routingplan/add/?project={world.project.pk}")
    page.get_by_label("Policy").select_option("uncertainty")
    page.get_by_role("button", name="Predict").click()
    from workers.routing import jobs

    jobs.predict(RoutingPlan.objects.get().pk)
    page.reload()
    slider = page.get_by_role("slider")
    slider.focus()
    for _ in range(5):
        page.keyboard.press("ArrowRight")
    expect(page.locator("#share-words")).to_have_text("50%")
    expect(page.locator("#at-people")).to_have_text("3")
    page.get_by_role("button", name="Start a round with this budget").click()

    # The round's form has taken it along.
    expect(page.get_by_label("People's share at most")).to_have_value("0.5")
    expect(page.get_by_label("Policy of routing")).to_have_value("uncertainty")
    page.get_by_label("Who answers besides people").select_option(str(work_judge.pk))
    for label, text in (
        ("Min labels", "2"),
        ("Prompts", "4"),
        ("Samples", "2"),
        ("Pairs", "4"),
        ("Seconds", "20"),
    ):
        page.get_by_label(label, exact=True).fill(text)
    page.get_by_label("Gate", exact=True).select_option("off")
    page.get_by_text("More settings").click()
    page.get_by_label("Reward base").fill("tiny:encoder")
    page.get_by_label("Policy base").fill("tiny:causal")
    page.get_by_label("Min pairs").fill("2")
    page.get_by_label("Watch pairs").fill("0")
    page.get_by_label("Evaluate").uncheck()
    page.get_by_role("button", name="Start the round").click()
    expect(page.locator(".hn-steps [aria-current=step]")).to_contain_text("Collect")

    # Nobody touches anything: three rounds come to their end.
    for number in range(1, ITERATIONS + 1):
        watched = Round.objects.get(number=number)
        for _ in range(MOST_STEPS):
            work(world)
            watched.refresh_from_db()
            if watched.state in ("done", "failed"):
                break
        assert (watched.state, watched.error) == ("done", None), watched.waiting_for
        page.goto(f"/admin/training/round/{watched.pk}/change/")
        expect(page.get_by_text("Done. Its queue is open.")).to_be_visible()
        who = page.get_by_label("Who answers the next queue")
        expect(who).to_contain_text("50% of the queue")
        expect(who).to_contain_text("uncertainty")
        expect(who.get_by_role("link", name="Tiny")).to_be_visible()
    who.get_by_text("Why each went where").click()
    expect(who.get_by_role("row")).to_have_count(1 + 4)
    expect(who.get_by_text("exploration floor: drawn at random")).to_be_visible()
    is_fit(page)
    page.goto("/admin/training/round/")
    done = page.locator(".hn-badge", has_text="done: its queue is open")
    expect(done).to_have_count(ITERATIONS)
    page.close()

    # The same on a phone in the dark.
    phone = world.open_context(
        world.olga, color_scheme="dark", viewport=PHONE
    ).new_page()
    for number in range(1, ITERATIONS + 1):
        pk = Round.objects.get(number=number).pk
        phone.goto(f"/admin/training/round/{pk}/change/")
        is_fit(phone)
