"""Runs on real workers: claimed once, supervised, killed, resumed, cancelled."""

from __future__ import annotations

import pytest

from tests.training.factories import make_project, make_snapshot, tiny_encoder
from tests.workers.conftest import StartWorker, eventually
from training.models import ModelVersion, RunEvent, TrainingRun
from training.services import launching

pytestmark = pytest.mark.django_db(transaction=True)


def launch_reward(train: int = 32, **fields: object) -> TrainingRun:
    project = make_project()
    return launching.launch(
        project=project,
        kind="reward",
        model=tiny_encoder(),
        snapshot=make_snapshot(project, train=train, validation=8),
        params={"batch_size": 4, "max_length": 64, **fields},
    )


def ended(run: TrainingRun) -> bool:
    run.refresh_from_db()
    return run.state in TrainingRun.FINAL_STATES


def test_a_launched_run_trains_and_leaves_a_model(start_worker: StartWorker) -> None:
    start_worker()
    run = launch_reward()
    eventually(lambda: ended(run), what="the end of the run")
    assert (run.state, run.error) == ("succeeded", None)
    model = ModelVersion.objects.get(run=run)
    assert model.parent_id == run.model_id
    assert len(model.sha256) == 64
    assert run.step == 8
    assert run.metrics["last/loss"] > 0
    kinds = list(RunEvent.objects.filter(run=run).values_list("kind", flat=True))
    assert kinds[0] == "started"
    assert kinds[-1] == "finished"
