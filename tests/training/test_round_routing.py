"""Who answers a round's queue: a routing plan with the round's budget."""

from __future__ import annotations

from typing import Any

import pytest

from annotation.errors import InvalidInput
from annotation.models import Feedback, Judge, Task
from tests.training.test_rounds import SETTINGS, artifacts_of_this_test, found, go_on
from training.models import Round, RoutingDecision, RoutingPlan
from training.services import rounds, routing, upkeep
from training.services.round_routing import WhoAnswers

__all__ = ["artifacts_of_this_test", "found"]
pytestmark = pytest.mark.django_db


def routed(found: Round, **settings: Any) -> Round:
    """Play a round whose queue is routed so, to its end."""
    Round.objects.filter(pk=found.pk).update(settings={**SETTINGS, **settings})
    for _ in range(12):
        if go_on(found) in rounds.OVER:
            return found
    raise AssertionError(f"still {found.state}: {found.waiting_for}")


def queue_of(found: Round, **which: Any) -> Any:
    return Task.objects.filter(project=found.project, round=2, **which)


def test_people_get_the_least_sure_pairs_and_the_floor_within_the_budget(
    found: Round,
) -> None:
    routed(found, routing="uncertainty", human_share=0.5, audit_share=0.2)
    plan = found.routing_plan
    assert plan is not None
    assert (plan.state, plan.share, plan.settings["floor"]) == ("applied", 0.5, 0.2)
    people = queue_of(found, route="human")
    # Two of eight by the floor's luck, two more by the policy: half of the queue.
    assert people.count() == found.counts["to_people"] == 4
    assert plan.decisions.filter(floor=True).count() == 2
    chosen = [t for t in people if not t.scores["routing"]["floor"]]
    judged = list(queue_of(found, route="ai"))
    sure = [t.scores["confidence"] for t in judged]
    # 1 - p and p of two pairs as sure as each other differ in their last bit.
    assert max(t.scores["confidence"] for t in chosen) <= min(sure) + 1e-9
    # Why each went where it went is kept with it.
    assert all("entropy" in t.scores["routing"]["reason"] for t in chosen)
    assert {t.scores["routing"]["reason"] for t in judged} == {"the judge answers"}
    # The model's answers cost nothing, people's one each.
    assert found.report["routing"]["planned_spend"] == 4
    assert found.report["routing"]["follows"] == "uncertainty"


def test_the_reward_model_keeps_its_doubts_to_itself(found: Round) -> None:
    """Escalation asks people besides; a model's own doubt is no label to learn from."""
    routed(found, ai_confidence=0.6, human_share=None)
    doubted = found.routing_plan and found.routing_plan.decisions.filter(route="both")
    assert doubted
    tasks = Task.objects.filter(pk__in=doubted.values("task"))
    assert set(tasks.values_list("route", flat=True)) == {"human"}
    assert not Feedback.objects.filter(assignment__task__in=tasks).exists()
    assert all(0.5 <= t.scores["confidence"] < 0.6 for t in tasks)
    assert found.counts["to_ai"] == queue_of(found, route="ai").count() > 0


def test_money_is_an_end_too(found: Round) -> None:
    routed(found, routing="all-human", human_share=None, max_spend=3, human_cost=1.5)
    assert found.report["routing"]["planned_spend"] == 3
    assert found.counts["to_people"] == 2
    assert found.counts["to_nobody"] == 6
    assert queue_of(found, state="closed").count() == 6


def test_a_rounds_judge_is_woken_for_its_queue(found: Round) -> None:
    judge = Judge.objects.create(
        project=found.project, name="Oracle", backend=Judge.Backend.RECORDED
    )
    routed(found, judge=str(judge.pk), human_share=0.25, routing="random")
    waiting = queue_of(found, route="ai", state="open", counted=0)
    assert waiting.count() == found.counts["to_ai"] == 6
    assert found.counts["ai_answers"] == 0
    # A lost message is made up for: the tasks name the judge.
    assert upkeep.waiting_judges() == [(found.project_id, str(judge.pk))]
    # Two people, six answers of the judge at its price.
    assert found.report["routing"]["planned_spend"] == pytest.approx(2 + 6 * 0.02)


def test_a_judge_of_another_project_is_refused(found: Round) -> None:
    Round.objects.filter(pk=found.pk).update(state="failed")
    with pytest.raises(InvalidInput) as error:
        rounds.start(project=found.project, settings={**SETTINGS, "judge": "123"})
    assert error.value.fields[0]["path"] == "settings.judge"
    with pytest.raises(InvalidInput) as error:
        rounds.start(project=found.project, settings={"routing": "by feel"})
    assert error.value.fields[0]["path"] == "settings.routing"


def test_a_plan_that_fails_stops_the_round_and_retry_takes_both_up(
    found: Round, monkeypatch: pytest.MonkeyPatch
) -> None:
    from workers.routing import jobs

    def full(row: RoutingPlan) -> None:
        raise InvalidInput("No room.", expected="room", found="none", fix="Make some.")

    monkeypatch.setattr(jobs, "scene_of", full)
    routed(found)
    assert found.state == "failed"
    assert found.error is not None
    assert (found.error["state"], found.error["fix"]) == ("routing", "Make some.")
    assert not queue_of(found).exclude(state="held").exists()
    monkeypatch.undo()
    rounds.retry(found)
    routed(found)
    assert (found.state, found.error) == ("done", None)
    assert RoutingDecision.objects.filter(plan=found.routing_plan).count() == 8


def test_what_a_watch_or_a_gate_asks_people_stays_theirs(found: Round) -> None:
    routed(found)
    first, second, third = queue_of(found)[:3]
    Task.objects.filter(project=found.project, round=2).update(counted=0)
    for task, mark in ((first, routing.PINNED), (second, "gate")):
        Task.objects.filter(pk=task.pk).update(scores={mark: True})
    free = routing.open_tasks(found.project, 2)
    assert third in free
    assert first not in free and second not in free


def test_the_floor_is_never_nothing() -> None:
    told = WhoAnswers(audit_share=0).plan_settings(overlap=None, seed=0)
    assert told["floor"] > 0
    assert told["ai_cost"] == 0  # the reward model is free
