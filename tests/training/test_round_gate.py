"""Promotion, the watch, stop rules and sources of candidates, through whole rounds."""

from __future__ import annotations

import json
from typing import Any
from uuid import UUID, uuid5

import pytest
from pytest_django.fixtures import Settings

from annotation.models import Actor, Completion, Prompt, Task
from annotation.services.importing import import_file
from annotation.services.judging import as_compare, compare_question
from tests.training.factories import make_project
from tests.training.test_rounds import SETTINGS, go_on, run_to_the_end
from training.models import ModelVersion, Round, TrainingRun
from training.services import round_watch, rounds
from training.services.round_gate import wins_by_score
from training.services.round_settings import RoundSettings, StrategyName, read_settings
from training.services.round_stopping import is_plateau
from training.services.selection import STRATEGIES

HELD_OUT = 40


@pytest.fixture(autouse=True)
def artifacts_of_this_test(settings: Settings, tmp_path: Any) -> None:
    settings.ARTIFACTS = tmp_path / "artifacts"


@pytest.fixture
def labelled(db: None, tmp_path: Any) -> Any:
    """A project with 30 labels to learn from and 40 held-out prompts."""
    project = make_project()
    rows = [
        {
            "prompt": f"ask {n}",
            "chosen": f"long answer {n}",
            "rejected": f"no {n}",
            "split": "train" if n < 30 else "validation",
        }
        for n in range(30 + HELD_OUT)
    ]
    file = tmp_path / "labels.jsonl"
    file.write_text("\n".join(json.dumps(row) for row in rows))
    import_file(project=project, path=file)
    return project


def begin(project: Any, **settings: Any) -> Round:
    return rounds.start(project=project, settings={**SETTINGS, **settings})


def new_is_better(text: str) -> float:
    return 1.0 if text.startswith("new") else 0.0


def new_is_worse(text: str) -> float:
    return -new_is_better(text)


def test_a_winning_policy_replaces_the_old_one(labelled: Any) -> None:
    found = begin(labelled, gate="sequential")
    run_to_the_end(found, new_is_better)
    told = found.report["gate"]
    assert (told["verdict"], found.promoted) == ("better", True)
    assert told["low"] > 0.5
    following = labelled.rounds.get(number=2)
    assert following.policy_in == found.policy_out
    # The gate looked at held-out prompts, the queue at training ones.
    run = found.runs.filter(kind="generate")[0]
    held_out = Prompt.objects.filter(pk__in=run.inputs["purpose"]["held_out"])
    assert set(held_out.values_list("split", flat=True)) == {"validation"}
    queue = Task.objects.filter(project=labelled, round=2)
    assert set(queue.values_list("prompt__split", flat=True)) == {"train"}


def test_a_losing_policy_is_left_behind_and_its_pairs_are_asked_all_the_same(
    labelled: Any,
) -> None:
    found = begin(labelled, gate="sequential")
    run_to_the_end(found, new_is_worse)
    assert found.report["gate"]["verdict"] == "not better"
    following = labelled.rounds.get(number=2)
    assert following.policy_in == found.policy_in != found.policy_out
    assert Task.objects.filter(project=labelled, round=2).count() == 8
    # A round that a person starts after it goes on from the same policy.
    Round.objects.filter(pk=following.pk).update(state="failed", policy_in=None)
    Round.objects.filter(pk=following.pk).delete()
    assert rounds.start(project=labelled).policy_in == found.policy_in


def test_too_little_evidence_keeps_the_old_policy(labelled: Any) -> None:
    found = begin(labelled, gate="sequential", gate_prompts=3)
    run_to_the_end(found, new_is_better)
    assert found.report["gate"]["verdict"] == "insufficient evidence"
    assert labelled.rounds.get(number=2).policy_in == found.policy_in
    # One look needs 200 prompts, and there are 40.
    other = labelled.rounds.get(number=2)
    assert read_settings({**SETTINGS, "gate": "fixed"}).gate == "fixed"
    Round.objects.filter(pk=other.pk).update(settings={**SETTINGS, "gate": "fixed"})


def answer(task: Task, actor: Actor, better: UUID) -> None:
    """Answer as a person would have, without the browser."""
    from django.utils import timezone

    from annotation.judgments import dump_judgments
    from annotation.models import Assignment, Feedback

    ids = [slot.completion_id for slot in task.slots.all()]
    question = compare_question(task.protocol.questions)
    judgment = as_compare(question, ids[0], ids[1], 0.99 if ids[0] == better else 0.01)
    now = timezone.now()
    assignment = Assignment.objects.create(
        task=task,
        project=task.project,
        actor=actor,
        order=[0, 1],
        state=Assignment.State.ANSWERED,
        counted=True,
        leased_at=now,
        expires_at=now,
        ended_at=now,
    )
    Feedback.objects.create(
        client_id=uuid5(UUID(int=3), f"{task.pk}"),
        assignment=assignment,
        project=task.project,
        actor=actor,
        judgments=dump_judgments([judgment]),
        protocol=task.protocol,
        content_hash=str(task.pk),
    )


def test_people_are_asked_until_the_verdict_is_in(labelled: Any) -> None:
    found = begin(labelled, gate="sequential", gate_judge="people")
    for _ in range(7):
        go_on(found, new_is_better)
    assert found.state == "gating"
    assert "0 of at most 40 comparisons answered" in found.waiting_for
    tasks = Task.objects.filter(project=labelled, scores__has_key="gate")
    assert tasks.count() == HELD_OUT
    assert set(tasks.values_list("prompt__split", flat=True)) == {"validation"}
    actor = Actor.objects.create(project=labelled, kind="human", external_id="p1")
    answered = 0
    for task in tasks.order_by("pk"):
        new = task.completions.get(model_version=found.policy_out_id)
        answer(task, actor, new.pk)
        answered += 1
        go_on(found)
        if found.state != "gating":
            break
    run_to_the_end(found, new_is_better)
    assert found.state == "done"
    assert 5 < answered < HELD_OUT
    assert found.report["gate"]["used"] == answered
    assert found.promoted
    # Nobody is asked what is settled, and the answers do not start the next round.
    assert set(tasks.filter(counted=0).values_list("state", flat=True)) == {"closed"}
    following = labelled.rounds.get(number=2)
    rounds.advance(following.pk)
    following.refresh_from_db()
    assert following.counts["labels"] == 0


def test_who_writes_nothing_loses_and_equal_scores_are_half() -> None:
    a, b = uuid5(UUID(int=1), "a"), uuid5(UUID(int=1), "b")
    scores = {a: 1.0, b: 0.0}
    assert wins_by_score({1: [a, b]}, {1: [a]}, scores) == [0.75]
    assert wins_by_score({1: [a]}, {1: [a]}, scores) == [0.5]
    assert wins_by_score({1: [a], 2: []}, {1: [], 2: [b]}, scores) == [0.0, 1.0]
    # What one policy did not reach in time is no evidence.
    assert wins_by_score({1: [a]}, {2: [b]}, scores) == []


def outputs(*rows: tuple[str, float, int, float | None]) -> list[round_watch.Output]:
    return [
        round_watch.Output(n, uuid5(UUID(int=2), f"{text}{n}"), text, score, tokens, kl)
        for n, (text, score, tokens, kl) in enumerate(rows)
    ]


def test_the_watch_names_what_is_far_out_and_why() -> None:
    old = outputs(*[(f"old {n}", n % 5 / 5, 40 + n % 7, None) for n in range(30)])
    usual = [(f"new {n}", n % 5 / 5, 40 + n % 7, 0.1 * (n % 4)) for n in range(30)]
    new = outputs(
        *usual, ("wow", 9.0, 44, 0.1), ("short", 0.8, 2, 0.1), ("odd", 0.4, 44, 30.0)
    )
    seen = round_watch.alarms(old, new, deviations=4)
    assert {alarm.output.text: alarm.why for alarm in seen} == {
        "wow": "extreme reward",
        "short": "much reward for its length",
        "odd": "high KL",
    }
    assert round_watch.alarms(old, outputs(*usual), deviations=4) == []
    assert round_watch.alarms([], new, deviations=4) == []


def test_endings_that_spread_trip_a_wire() -> None:
    old = outputs(*[(f"it is {n}", 0.0, 3, None) for n in range(10)])
    new = outputs(
        *[(f"it is {n}", 0.0, 3, 0.5) for n in range(6)],
        *[(f"{n} have a nice day", 1.0, 5, 0.5) for n in range(4)],
    )
    told = round_watch.tripwires(old, new)
    assert told["endings_risen"] == {"a nice day": 0.4}
    assert told["reward_gain"] == pytest.approx(0.4)
    assert told["kl"] == pytest.approx(0.5)
    assert told["reward_length_correlation"] == pytest.approx(1.0)


def test_far_out_outputs_go_to_people_with_their_reason(labelled: Any) -> None:
    found = begin(labelled, watch_pairs=2, human_share=0.0)

    def one_is_wild(text: str) -> float:
        known = sorted(
            row.text for row in Completion.objects.filter(model_version__isnull=False)
        )
        wild = [each for each in known if each.startswith("new")][:1]
        return 50.0 if text in wild else sum(map(ord, text)) % 7 / 10

    run_to_the_end(found, one_is_wild)
    queue = Task.objects.filter(project=labelled, round=2)
    # Its tokens are as few as the others', so length may be named as well as reward.
    watched = queue.filter(reason__startswith="reward-hacking watch:")
    assert watched.count() == 1
    assert set(watched.values_list("route", flat=True)) == {"human"}
    # One more is the exploration floor's.
    others = queue.filter(route="human").exclude(pk__in=watched)
    assert [task.scores["routing"]["floor"] for task in others] == [True]
    assert found.report["watch"]["sent_to_people"] == 1
    assert found.report["watch"]["policy"]["length_ratio"] > 0


@pytest.mark.parametrize(
    ("rule", "words"),
    [
        ({"max_rounds": 1}, "1 rounds were run"),
        ({"stop_confidence": 0.51}, "sure of new pairs on average"),
    ],
)
def test_a_stop_rule_ends_the_loop_and_says_which(
    labelled: Any, rule: dict[str, Any], words: str
) -> None:
    found = begin(labelled, **rule)
    run_to_the_end(found, new_is_better)
    assert found.state == "done"
    assert words in found.report["stopped"]
    assert not labelled.rounds.filter(number=2).exists()
    assert not Task.objects.filter(project=labelled, round=2).exists()
    assert found.promoted


def test_a_share_of_the_labels_is_kept_from_every_model(labelled: Any) -> None:
    found = begin(labelled, verified_share=0.2)
    run_to_the_end(found, new_is_better)
    kept = Task.objects.filter(project=labelled, verified_pool=True)
    assert kept.count() == found.counts["verified"] == 6
    assert found.snapshot is not None
    assert found.snapshot.manifest["dropped"]["verified pool"] == 6
    # Nor is anything sampled for their prompts that could be asked and trained on.
    sampled = found.runs.filter(kind="generate")[0].inputs["prompt_ids"]
    assert not kept.filter(prompt__in=sampled).exists()


def test_a_plateau_is_no_gain_over_the_best_before() -> None:
    assert not is_plateau([0.6, 0.7], 2, 0.01)
    assert is_plateau([0.6, 0.7, 0.705, 0.7], 2, 0.01)
    assert not is_plateau([0.6, 0.7, 0.69, 0.72], 2, 0.01)


def test_more_policies_and_temperatures_sample_too(labelled: Any) -> None:
    first = begin(labelled)
    run_to_the_end(first, new_is_better)
    second = labelled.rounds.get(number=2)
    Round.objects.filter(pk=second.pk).update(
        settings={
            **SETTINGS,
            "min_labels": 1,
            "temperatures": [1.5],
            "earlier_policies": 1,
            "on_policy_share": 0.5,
            "sourcing": "best",
            "kept": 2,
            "random_share": 0.0,
        }
    )
    earlier = ModelVersion.objects.create(
        project=labelled, name="other", role="policy", source="tiny:causal"
    )
    Round.objects.filter(pk=first.pk).update(policy_out=earlier)
    task = Task.objects.filter(project=labelled, round=2, route="human").first()
    assert task is not None
    actor = Actor.objects.create(project=labelled, kind="human", external_id="p1")
    answer(task, actor, task.completions.all()[0].pk)
    run_to_the_end(second, new_is_better)
    assert second.state == "done"
    kinds = sorted(
        (run.inputs["purpose"]["policy"], run.params["temperature"])
        for run in TrainingRun.objects.filter(rounds=second, kind="generate")
    )
    assert [kind for kind, _ in kinds] == [*["earlier"] * 2, *["new"] * 2, *["old"] * 2]
    assert sum(temperature == 1.5 for _, temperature in kinds) == 3


def test_every_strategy_can_be_asked_for_by_name() -> None:
    from typing import get_args

    assert set(get_args(StrategyName)) == set(STRATEGIES)
    for name in STRATEGIES:
        assert read_settings({"strategy": name}).strategy == name
    assert RoundSettings().strategy == "uncertainty"
