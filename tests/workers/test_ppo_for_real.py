"""PPO on a real worker and the real engine, judged by a registered reward model."""

from __future__ import annotations

import pytest

from config.dispatch import enqueue
from tests.training.factories import make_project, make_snapshot, tiny_policy
from tests.workers.conftest import StartWorker, eventually
from training.models import ModelVersion, RunEvent, TrainingRun
from training.services import launching, runs
from training.services.promoting import base_model

pytestmark = pytest.mark.django_db(transaction=True)
PARAMS = {
    "prompts_per_update": 8,
    "max_new_tokens": 6,
    "minibatch": 8,
    "ppo_epochs": 1,
    "critic": "shared",
    "checkpoint_steps": 2,
}


def launch_ppo(updates: int) -> TrainingRun:
    project = make_project()
    judge = base_model(project=None, source="tiny:encoder", role="reward")
    return launching.launch(
        project=project,
        kind="ppo",
        model=tiny_policy(),
        snapshot=make_snapshot(project),
        inputs={"reward_model": str(judge.pk)},
        params=PARAMS,
        limits={"max_steps": updates},
    )


def has_ended(run: TrainingRun) -> bool:
    run.refresh_from_db()
    return run.state in TrainingRun.FINAL_STATES


def test_registered_reward_model_trains_a_policy_that_is_registered(
    start_worker: StartWorker,
) -> None:
    run = launch_ppo(updates=3)
    start_worker()
    enqueue("workers.execute_run", str(run.pk), queue="gpu")
    eventually(lambda: has_ended(run), what="the end of the run")
    assert (run.state, run.error) == ("succeeded", None)
    assert (run.step, run.total_steps) == (3, 3)
    policy = ModelVersion.objects.get(run=run)
    assert (policy.role, policy.parent_id) == ("policy", run.model_id)
    told = RunEvent.objects.filter(run=run, kind="metrics").order_by("pk")
    assert [event.step for event in told] == [1, 2, 3]
    assert {"rewards/mean", "objective/kl", "loss/value"} <= set(
        told[0].payload["metrics"]
    )


def test_cancelled_run_goes_on_from_its_checkpoint_when_it_is_retried(
    start_worker: StartWorker,
) -> None:
    run = launch_ppo(updates=100000)
    start_worker()
    enqueue("workers.execute_run", str(run.pk), queue="gpu")

    def cancel_after_a_checkpoint(attempt: int) -> None:
        saved = RunEvent.objects.filter(run=run, kind="checkpoint", attempt=attempt)
        eventually(saved.exists, what=f"a checkpoint of attempt {attempt}")
        run.refresh_from_db()
        runs.request_cancel(run)
        eventually(lambda: has_ended(run), what=f"the end of attempt {attempt}")
        assert run.state == "cancelled"

    cancel_after_a_checkpoint(1)
    assert not ModelVersion.objects.filter(run=run).exists()
    runs.retry(run)
    cancel_after_a_checkpoint(2)
    again = RunEvent.objects.get(run=run, attempt=2, kind="started")
    assert again.step is not None and again.step >= 2
    first = RunEvent.objects.filter(run=run, attempt=2, kind="metrics").first()
    assert first is not None and first.step == again.step + 1
