"""Runs on real workers, real servers and the real engine, with tiny models."""

from __future__ import annotations

import subprocess
import sys
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import redis
from django.utils import timezone

from config.dispatch import enqueue
from tests.training.factories import (
    make_project,
    make_prompt,
    make_snapshot,
    tiny_encoder,
    tiny_policy,
)
from tests.workers.conftest import ROOT, StartWorker, eventually
from training.models import ModelVersion, RunEvent, TrainingRun
from training.services import artifacts, health, launching, runs, upkeep
from training.services.promoting import base_model
from workers.processes import group_runs

pytestmark = pytest.mark.django_db(transaction=True)
SMALL = {"batch_size": 4, "max_length": 64}


def launch_reward(train: int = 32, **params: Any) -> TrainingRun:
    project = make_project()
    return launching.launch(
        project=project,
        kind="reward",
        model=tiny_encoder(),
        snapshot=make_snapshot(project, train=train, validation=8),
        params={**SMALL, **params},
    )


def state_of(run: TrainingRun) -> str:
    run.refresh_from_db()
    return run.state


def has_ended(run: TrainingRun) -> bool:
    return state_of(run) in TrainingRun.FINAL_STATES


def at_work(run: TrainingRun, event: str = "metrics") -> int:
    """Wait until the engine trains; return its process group."""
    seen = RunEvent.objects.filter(run=run, kind=event, attempt__gt=0)
    eventually(seen.exists, what=f"an event {event!r}")
    run.refresh_from_db()
    return int(run.environment["pid"])


def test_one_run_comes_of_many_messages_and_workers(start_worker: StartWorker) -> None:
    run = launch_reward()
    for _ in range(3):
        enqueue("workers.execute_run", str(run.pk), queue="gpu")
    start_worker(FAKE_ENGINE="slow")
    start_worker(FAKE_ENGINE="slow")
    eventually(lambda: has_ended(run), what="the end of the run")
    assert (run.state, run.error, run.attempt) == ("succeeded", None, 1)
    assert ModelVersion.objects.filter(run=run).count() == 1
    assert RunEvent.objects.filter(run=run, kind="started").count() == 1


def test_a_killed_worker_costs_an_attempt_and_no_work(
    start_worker: StartWorker,
) -> None:
    run = launch_reward(train=160, checkpoint_steps=5, epochs=6)
    enqueue("workers.execute_run", str(run.pk), queue="gpu")
    worker = start_worker()
    group = at_work(run, "checkpoint")
    worker.kill()
    eventually(lambda: not group_runs(group), seconds=10, what="the engine's end")
    assert state_of(run) == "running", "nobody has noticed yet"

    def reaped() -> bool:
        upkeep.keep_up()
        return state_of(run) == "queued"

    eventually(reaped, seconds=15, what="the reaping")
    start_worker()
    eventually(lambda: has_ended(run), what="the end of the second attempt")
    assert (run.state, run.attempt, run.error) == ("succeeded", 2, None)
    started = RunEvent.objects.get(run=run, attempt=2, kind="started")
    assert started.step is not None and started.step >= 5, "it began again at zero"
    assert (run.step, run.total_steps) == (240, 240)
    model = ModelVersion.objects.get(run=run)
    assert model.parent_id == run.model_id
    assert len(model.sha256) == 64
    assert run.metrics["last/loss"] > 0
    last = RunEvent.objects.filter(run=run).order_by("pk").last()
    assert last is not None and last.kind == "finished"
    assert "step 240" in run.log_tail
    # Checkpoints are several times the model's size: they go once it is there.
    left = artifacts.run_dir(run.pk).glob
    eventually(lambda: not list(left("attempts/*/checkpoints")), seconds=5)


def test_cancel_and_shutdown_reach_the_engine(
    start_worker: StartWorker, broker: redis.Redis
) -> None:
    run = launch_reward()
    worker = start_worker(FAKE_ENGINE="train")
    group = at_work(run)
    gpu = {each.queue: each for each in health.queue_health()}["gpu"]
    assert gpu.workers == ("gpu-0@test",)
    # A worker that is told to stop saves a checkpoint and hands its run on at once.
    worker.stop(seconds=60)
    assert not group_runs(group)
    assert state_of(run) == "preempted"
    assert run.retried_from == 1
    assert health.live_workers("gpu") == ()
    start_worker(FAKE_ENGINE="train")
    eventually(lambda: state_of(run) == "running" and run.attempt == 2, what="taking")
    started = RunEvent.objects.filter(run=run, attempt=2, kind="metrics")
    eventually(started.exists, what="the second attempt's training")
    run.refresh_from_db()
    group = int(run.environment["pid"])
    runs.request_cancel(run)
    eventually(lambda: has_ended(run), seconds=30, what="the cancellation")
    assert (run.state, run.attempt) == ("cancelled", 2)
    assert not group_runs(group)


def test_bad_models_and_full_disks_are_told_and_not_tried_again(
    start_worker: StartWorker, tmp_path: Path
) -> None:
    project = make_project()
    empty = tmp_path / "no-model"
    empty.mkdir()
    bad = launching.launch(
        project=project,
        kind="reward",
        model=base_model(project=None, source=str(empty), role="encoder"),
        snapshot=make_snapshot(project),
        params=SMALL,
    )
    full = launching.launch(
        project=project,
        kind="generate",
        model=tiny_policy(),
        inputs={"prompt_ids": [make_prompt(project, "say a word").pk]},
        params={"max_new_tokens": 4},
    )
    # Writing to this device fails as on a disk without any room.
    attempt = artifacts.attempt_dir(full.pk, 1)
    attempt.mkdir(parents=True)
    (attempt / "completions.jsonl").symlink_to("/dev/full")
    start_worker()
    eventually(lambda: has_ended(bad) and has_ended(full), what="the end of both")
    assert (bad.state, bad.attempt) == ("failed", 1)
    assert bad.error is not None
    assert "is not a model directory" in bad.error["message"]
    assert bad.error["fix"]
    assert "not a model directory" in bad.log_tail
    assert (full.state, full.attempt) == ("failed", 1)
    assert full.error is not None
    assert full.error["message"] == "The disk is full."
    assert "Free some space" in full.error["fix"]


def test_a_dead_message_server_delays_and_loses_nothing(
    hone_environment: dict[str, str], hone_var: Path, broker: redis.Redis
) -> None:
    project = make_project()
    make_snapshot(project)
    command = [
        "train",
        "--project",
        project.slug,
        "--kind",
        "reward",
    ]
    done = subprocess.run(
        [sys.executable, "manage.py", *command, "--source", "tiny:encoder"],
        cwd=ROOT,
        env={**hone_environment, "REDIS_URL": "redis://127.0.0.1:1/0"},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    assert "The row waits" in done.stderr
    run = TrainingRun.objects.get(project=project)
    assert run.state == "queued"
    assert broker.llen("gpu") == 0
    earlier = timezone.now() - timedelta(minutes=1)
    TrainingRun.objects.filter(pk=run.pk).update(created_at=earlier)
    upkeep.keep_up()
    assert broker.llen("gpu") == 1
    upkeep.keep_up()
    gpu = {each.queue: each for each in health.queue_health()}["gpu"]
    assert gpu.is_stuck
    assert "1 job waits on the queue 'gpu' and no worker answers" in gpu.advice
