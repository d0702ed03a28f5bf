"""The round's state machine, its engine played by the files it would leave."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from django.db import connection, transaction
from pytest_django.fixtures import Settings

from annotation.errors import Conflict, InvalidInput
from annotation.models import Completion, Feedback, Prompt, Task
from annotation.services.importing import import_file
from tests.training.factories import make_project
from training.models import ModelVersion, Round, Snapshot, TrainingRun
from training.services import artifacts, freezing, generating, rounds
from training.services.promoting import base_model
from workers.routing import jobs

SETTINGS: dict[str, Any] = {
    "min_labels": 10,
    "min_pairs": 5,
    "reward_base": "tiny:encoder",
    "policy_base": "tiny:causal",
    "prompts": 6,
    "samples": 2,
    "pairs": 8,
    "random_share": 0.25,
    "human_share": 0.5,
    "audit_share": 0.0,
    "gate": "off",
    "evaluate": False,
}


@pytest.fixture(autouse=True)
def artifacts_of_this_test(settings: Settings, tmp_path: Any) -> None:
    settings.ARTIFACTS = tmp_path / "artifacts"


@pytest.fixture
def found(db: None, tmp_path: Any) -> Round:
    """A first round whose project has 30 imported labels."""
    project = make_project()
    rows = [
        {"prompt": f"ask {n}", "chosen": f"long answer {n}", "rejected": f"no {n}"}
        for n in range(30)
    ]
    file = tmp_path / "labels.jsonl"
    file.write_text("\n".join(json.dumps(row) for row in rows))
    import_file(project=project, path=file)
    return rounds.start(project=project, settings=SETTINGS)


def play(run: TrainingRun, score: Callable[[str], float] | None = None) -> None:
    """Leave what the engine would leave for a run, and end it.

    Args:
        score: of a completion's text; a quarter more each, in order of ids, where None.
    """
    run.refresh_from_db()
    folder = artifacts.attempt_dir(run.pk, 1)
    folder.mkdir(parents=True)
    (folder / "status.json").write_text(json.dumps({"state": "succeeded"}))
    if run.kind == "generate":
        _play_sampling(run, folder)
    elif run.kind == "score":
        ids = run.inputs["completion_ids"]
        rows = [{"row_id": each, "score": n / 4} for n, each in enumerate(ids)]
        if score is not None:
            texts = {str(c.pk): c.text for c in Completion.objects.filter(pk__in=ids)}
            rows = [{"row_id": each, "score": score(texts[each])} for each in ids]
        pq.write_table(pa.Table.from_pylist(rows), folder / "scores.parquet")
    elif run.kind != "evaluate":
        ModelVersion.objects.create(
            project=run.project,
            run=run,
            name=run.name,
            role="reward" if run.kind == "reward" else "policy",
            source=artifacts.source_of(folder / "model"),
            parent=run.model,
        )
    TrainingRun.objects.filter(pk=run.pk).update(state="succeeded", attempt=1)


def _play_sampling(run: TrainingRun, folder: Any) -> None:
    who = run.inputs["purpose"]["policy"]
    rows = [
        {
            "prompt_id": str(prompt),
            "sample": sample,
            # One sample of each prompt is the same text under both policies.
            "content": f"{who} says {prompt}" if sample else f"both say {prompt}",
            "finish_reason": "stop",
            "tokens": 3 + prompt % 3,
        }
        for prompt in run.inputs["prompt_ids"]
        for sample in range(2)
    ]
    pq.write_table(pa.Table.from_pylist(rows), folder / generating.FINAL)
    generating.Intake(run).take(rows)


def go_on(found: Round, score: Callable[[str], float] | None = None) -> str:
    """Let the round go on until it waits, then play what it waits for."""
    while rounds.advance(found.pk):
        pass
    found.refresh_from_db()
    if found.state == "freezing" and found.snapshot is not None:
        freezing.freeze(found.snapshot.pk)
    for run in found.runs.filter(state="queued"):
        play(run, score)
    if found.routing_plan is not None and found.routing_plan.state == "queued":
        jobs.predict(found.routing_plan.pk)
    return str(found.state)


def run_to_the_end(found: Round, score: Callable[[str], float] | None = None) -> None:
    for _ in range(12):
        if go_on(found, score) in rounds.OVER:
            return
    raise AssertionError(f"still {found.state}: {found.waiting_for}")


def test_a_round_goes_through_its_states_in_order(found: Round) -> None:
    seen = [go_on(found) for _ in range(7)]
    assert seen == [
        "freezing",
        "training_reward",
        "training_policy",
        "generating",
        "scoring",
        "routing",
        "done",
    ]
    assert found.error is None
    assert found.counts["labels"] == 30
    assert found.counts["tasks"] == 8
    # "old says 1" and "new says 1" share nothing; "both say 1" begins like neither.
    assert found.report["selection"]["shared_beginning"] == 0
    policy = found.runs.get(kind="dpo")
    assert policy.model_id == policy.reference_id == found.policy_in_id
    assert policy.snapshot_id == found.snapshot_id
    following = Round.objects.get(project=found.project, number=2)
    assert (following.state, following.policy_in_id) == (
        "collecting",
        found.policy_out_id,
    )
    assert following.settings == found.settings


def test_policy_that_samples_is_scored_by_the_rounds_own_reward_model(
    found: Round,
) -> None:
    found.settings = {**SETTINGS, "policy": {"preset": "ppo"}}
    found.save(update_fields=["settings"])
    seen = [go_on(found) for _ in range(4)]
    assert seen[2:] == ["training_policy", "generating"]
    policy = found.runs.get(kind="ppo")
    assert policy.inputs == {"reward_model": str(found.reward_model_id)}
    assert policy.model_id == policy.reference_id == found.policy_in_id


def test_no_held_out_prompt_and_no_equal_pair_is_asked_about(found: Round) -> None:
    run_to_the_end(found)
    queue = Task.objects.filter(project=found.project, round=2)
    assert queue.count() == 8
    assert set(queue.values_list("prompt__split", flat=True)) == {"train"}
    sampled = TrainingRun.objects.filter(rounds=found, kind="generate").first()
    assert sampled is not None
    asked = Prompt.objects.filter(pk__in=sampled.inputs["prompt_ids"])
    assert set(asked.values_list("split", flat=True)) == {"train"}
    for task in queue.prefetch_related("completions"):
        first, second = (row.text for row in task.completions.all())
        assert first != second
    reasons = " ".join(queue.values_list("reason", flat=True))
    assert "drawn at random" in reasons
    assert "least certain" in reasons


def test_the_reward_model_answers_its_tasks_in_both_orders(found: Round) -> None:
    run_to_the_end(found)
    judged = Task.objects.filter(project=found.project, round=2, route="ai")
    assert judged.count() == 4
    assert set(judged.values_list("counted", flat=True)) == {1}
    for task in judged:
        answers = Feedback.objects.filter(assignment__task=task)
        one, other = answers.order_by("assignment__presentation")
        assert (one.actor.kind, one.actor.model_version) == (
            "model",
            found.reward_model_id,
        )
        assert one.assignment.origin == "judge"
        first, second = one.judgments[0], other.judgments[0]
        assert (first["a"], first["b"]) == (second["b"], second["a"])
        assert {first["outcome"], second["outcome"]} in ({"a", "b"}, {"tie"})
        assert first["confidence"] == second["confidence"]
        assert (one.assignment.counted, other.assignment.counted) == (True, False)
    people = Task.objects.filter(project=found.project, round=2, route="human")
    assert not Feedback.objects.filter(assignment__task__in=people).exists()


def test_a_round_waits_in_words_and_judges_do_not_feed_it(found: Round) -> None:
    run_to_the_end(found)
    following = Round.objects.get(project=found.project, number=2)
    rounds.advance(following.pk)
    following.refresh_from_db()
    # The reward model's eight answers are no labels of people.
    assert following.waiting_for == "waiting for 10 more labels"
    assert following.counts["labels"] == 0


def test_evaluations_come_last_and_hold_nothing_up(found: Round) -> None:
    Round.objects.filter(pk=found.pk).update(settings={**SETTINGS, "evaluate": True})
    for _ in range(6):
        go_on(found)
        # A worker free for an instant must not take one before the queue is open.
        assert not found.runs.filter(kind="evaluate").exists()
    while rounds.advance(found.pk):
        pass
    found.refresh_from_db()
    assert found.state == "done"
    evaluations = found.runs.filter(kind="evaluate", state="queued", priority=-1)
    assert evaluations.count() == 2
    policy = evaluations.get(model=found.policy_out)
    assert policy.reference_id == found.policy_in_id
    held_out = Prompt.objects.filter(pk__in=policy.inputs["prompt_ids"])
    assert held_out.exists()
    assert not held_out.filter(split="train").exists()


def test_too_few_pairs_ask_for_more_labels(found: Round) -> None:
    Round.objects.filter(pk=found.pk).update(settings={**SETTINGS, "min_pairs": 500})
    assert go_on(found) == "freezing"
    assert go_on(found) == "collecting"
    assert "more labels" in found.waiting_for
    assert found.snapshot is None
    assert found.counts["labels_needed"] > 30
    assert not found.runs.exists()


@pytest.mark.django_db(transaction=True)
def test_a_step_that_dies_half_way_leaves_nothing_and_is_made_again(
    found: Round, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Died(BaseException):
        """The process is gone: nothing catches this."""

    original = Round.save
    for _ in range(8):

        def die(self: Round, *args: Any, **kwargs: Any) -> None:
            original(self, *args, **kwargs)
            raise Died

        before = Round.objects.get(pk=found.pk)
        counts = _row_counts()
        monkeypatch.setattr(Round, "save", die)
        with pytest.raises(Died):
            while rounds.advance(found.pk):
                pass
        monkeypatch.setattr(Round, "save", original)
        again = Round.objects.get(pk=found.pk)
        assert again.state == before.state
        assert _row_counts() == counts
        if go_on(found) in rounds.OVER:
            break
    assert (found.state, found.error) == ("done", None)
    assert Round.objects.filter(project=found.project).count() == 2
    assert Snapshot.objects.filter(project=found.project).count() == 1
    kinds = sorted(found.runs.values_list("kind", flat=True))
    assert kinds == ["dpo", "generate", "generate", "reward", "score"]
    assert Task.objects.filter(project=found.project, round=2).count() == 8


def _row_counts() -> list[int]:
    models = (Round, Snapshot, TrainingRun, Task, Feedback, Completion)
    return [model.objects.count() for model in models]


@pytest.mark.django_db(transaction=True)
def test_two_workers_make_one_step(found: Round) -> None:
    with transaction.atomic():
        Round.objects.select_for_update().get(pk=found.pk)
        assert _elsewhere(lambda: rounds.advance(found.pk)) is False
    assert _elsewhere(lambda: rounds.advance(found.pk)) is True


def _elsewhere(work: Callable[[], bool]) -> bool:
    import threading

    result: list[bool] = []

    def run() -> None:
        try:
            result.append(work())
        finally:
            connection.close()

    thread = threading.Thread(target=run)
    thread.start()
    thread.join(20)
    return result[0]


def test_pause_holds_and_resume_goes_on(found: Round) -> None:
    rounds.set_paused(found, True)
    assert not rounds.advance(found.pk)
    found.refresh_from_db()
    assert (found.state, found.paused) == ("collecting", True)
    assert "paused" in found.waiting_for
    rounds.set_paused(found, False)
    assert rounds.advance(found.pk)


def test_a_failed_run_fails_the_round_and_retry_takes_it_up_again(
    found: Round,
) -> None:
    go_on(found)
    while rounds.advance(found.pk):
        pass
    found.refresh_from_db()
    run = found.runs.get(kind="reward")
    error = {"message": "The disk is full.", "fix": "Free some space."}
    TrainingRun.objects.filter(pk=run.pk).update(state="failed", error=error)
    assert not rounds.advance(found.pk)
    found.refresh_from_db()
    assert found.state == "failed"
    assert found.error is not None
    assert found.error["found"] == "The disk is full."
    assert found.error["fix"] == "Free some space."
    rounds.retry(found)
    run.refresh_from_db()
    assert run.state == "queued"
    play(run)
    run_to_the_end(found)
    assert (found.state, found.error) == ("done", None)


def test_missing_output_is_told(found: Round) -> None:
    for _ in range(4):
        go_on(found)
    for run in found.runs.filter(kind="generate"):
        (artifacts.output_dir(run.pk) / generating.FINAL).unlink()
    assert go_on(found) == "failed"
    assert found.error is not None
    assert "completions cannot be read" in found.error["message"]


def test_one_round_at_a_time(found: Round) -> None:
    with pytest.raises(Conflict, match="round of this project is open"):
        rounds.start(project=found.project)


def test_a_new_round_goes_on_from_the_last(found: Round) -> None:
    Round.objects.filter(pk=found.pk).update(state="failed")
    policy = base_model(project=None, source="tiny:causal", role="policy")
    following = rounds.start(project=found.project)
    assert (following.number, following.policy_in) == (2, policy)
    assert following.settings == found.settings


@pytest.mark.parametrize(
    ("chosen", "path"),
    [
        ({"min_label": 3}, "settings.min_label"),
        ({"random_share": 2}, "settings.random_share"),
        ({"reward": {"params": {"lr": 1}}}, "settings.reward.params.lr"),
        ({"policy": {"preset": "reward-bt"}}, "settings.policy.preset"),
        ({"sampling": {"temperature": -1}}, "settings.sampling.params.temperature"),
    ],
)
def test_bad_settings_name_their_field(
    db: None, chosen: dict[str, Any], path: str
) -> None:
    with pytest.raises(InvalidInput) as error:
        rounds.start(project=make_project(), settings=chosen)
    assert error.value.fields[0]["path"] == path
