"""Annotators who have finished hear what their answers led to."""

from __future__ import annotations

import pytest

from annotation.models import Assignment
from annotation.services.answering import submit
from annotation.services.leasing import lease
from tests import factories
from training.models import ModelVersion, Round, Snapshot, SnapshotFeedback, TrainingRun


@pytest.mark.django_db
def test_finished_annotator_hears_which_models_and_rounds_learned_from_them() -> None:
    project = factories.make_project()
    alice, bob = (factories.add_member(project) for _ in range(2))
    for task in factories.make_tasks(project, 2):
        (held,) = lease(user=alice, slug=project.slug).held
        receipt = submit(
            user=alice,
            assignment=held.id,
            client_id=task.slots.all()[0].completion_id,
            judgments=factories.compare(held.completions),
            protocol_version=1,
        )
    with_hers = Snapshot.objects.create(project=project, name="hers")
    SnapshotFeedback.objects.create(snapshot=with_hers, feedback_id=receipt.feedback_id)
    without = Snapshot.objects.create(project=project, name="without")
    for number, snapshot in enumerate((with_hers, with_hers, without)):
        run = TrainingRun.objects.create(
            project=project, name="r", kind="reward", preset="p", snapshot=snapshot
        )
        ModelVersion.objects.create(
            project=project, name=f"m{number}", role="reward", source="x", run=run
        )
        Round.objects.create(
            project=project, number=number + 1, state="done", snapshot=snapshot
        )
    for person, thanks in (
        (alice, {"answers": 2, "models": 2, "rounds": 2}),
        (bob, {"answers": 0, "models": 0, "rounds": 0}),
    ):
        lease(user=person, slug=project.slug)  # the one that may have expired leases
        handed = lease(user=person, slug=project.slug)
        assert (handed.state, handed.thanks) == ("finished", thanks)
    assert Assignment.objects.count() == 2
