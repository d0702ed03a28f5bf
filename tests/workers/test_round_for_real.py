"""A whole round on real workers and tiny models, from imported labels to a queue."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from annotation.models import Actor, Feedback, Project, Task
from annotation.services.importing import import_file
from tests.training.factories import WORDS, make_project
from tests.workers.conftest import StartWorker, eventually
from training.models import ModelVersion, Round
from training.services import rounds

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.loop,
    # Five engines start one after the other: minutes on a machine with other work.
    pytest.mark.timeout(600),
]

TINY = {"batch_size": 8, "max_length": 64}
SETTINGS = {
    "min_labels": 20,
    "min_pairs": 10,
    "reward_base": "tiny:encoder",
    "policy_base": "tiny:causal",
    "reward": {"params": TINY},
    "policy": {"params": {**TINY, "learning_rate": 1e-3}},
    "prompts": 8,
    "samples": 2,
    "sampling": {"max_new_tokens": 12, "temperature": 1.0},
    "pairs": 10,
    "human_share": 0.5,
    "routing": "uncertainty",
    "audit_share": 0.0,
    "gate": "off",
    "strategy": "information",
    "evaluate": False,
}


def import_comparisons(project: Project, path: Path, count: int) -> None:
    rows = [
        {
            "prompt": f"say {WORDS[number % len(WORDS)]} number {number}",
            "chosen": f"{' '.join(WORDS)} {number}",
            "rejected": f"no {number}",
        }
        for number in range(count)
    ]
    path.write_text("\n".join(json.dumps(row) for row in rows))
    import_file(project=project, path=path)


def test_a_round_leads_from_labels_to_the_next_queue(
    start_worker: StartWorker, tmp_path: Path
) -> None:
    # Nobody dies here: a machine under load must not be taken for a dead worker.
    patient = {"HONE_RUN_SILENT_SECONDS": "60", "HONE_UPKEEP_SECONDS": "3"}
    start_worker("gpu", **patient)
    start_worker("judge", **patient)
    start_worker("default", **patient)
    start_worker("beat", **patient)
    project = make_project()
    first = rounds.start(project=project, settings=SETTINGS)
    eventually(
        lambda: "20 more labels" in Round.objects.get(pk=first.pk).waiting_for,
        what="saying why it waits",
    )
    import_comparisons(project, tmp_path / "labels.jsonl", 40)

    def is_over() -> bool:
        first.refresh_from_db()
        return first.state in rounds.OVER

    eventually(is_over, seconds=520, what="the end of the round")
    assert (first.state, first.error) == ("done", None)

    # What it learned from and what it made can be traced.
    assert first.snapshot is not None and first.snapshot.state == "ready"
    assert first.policy_out is not None and first.policy_out.parent == first.policy_in
    assert first.reward_model is not None
    assert ModelVersion.objects.filter(run__rounds=first).count() == 2

    # Heads on the reward model's features ranked the pairs.
    reasons = Task.objects.filter(project=project, round=2).values_list("reason")
    assert "expected to tell most" in " ".join(reason for (reason,) in reasons)

    # The next queue is open, half for people, half answered by the reward model.
    queue = Task.objects.filter(project=project, round=2)
    assert queue.count() == first.counts["tasks"] == 10
    assert set(queue.values_list("state", flat=True)) == {"open"}
    assert queue.filter(route="human", counted=0, leased=0).count() == 5
    assert queue.filter(route="ai", counted=1).count() == 5
    assert set(queue.values_list("prompt__split", flat=True)) == {"train"}
    sure = {
        route: [
            task.scores["confidence"]
            for task in queue.filter(route=route)
            if not task.scores["routing"]["floor"]
        ]
        for route in ("human", "ai")
    }
    assert max(sure["human"]) <= min(sure["ai"])
    judge = Actor.objects.get(project=project, kind="model", source="reward-model")
    assert judge.model_version == first.reward_model.pk
    answers = Feedback.objects.filter(actor=judge).order_by("assignment__presentation")
    assert answers.count() == 10
    assert answers.filter(assignment__counted=True).count() == 5

    # Each old completion meets one of the new policy's.
    for task in queue.prefetch_related("completions"):
        models = {row.model_version for row in task.completions.all()}
        assert models == {first.policy_in_id, first.policy_out_id}

    following = Round.objects.get(project=project, number=2)
    assert following.policy_in == first.policy_out
    eventually(
        lambda: "20 more labels" in Round.objects.get(pk=following.pk).waiting_for,
        what="the next round's wait",
    )
