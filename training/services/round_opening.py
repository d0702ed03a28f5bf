"""The last step: it is planned who answers the new queue, and the queue is opened.

The plan is a routing plan like any other, with the round's share as its budget; a
worker of the queue `judge` reads features, predicts and applies it
(`workers/routing/jobs.py`).
"""

from collections import Counter
from typing import Any

from annotation.models import Task
from annotation.services.tasks import open_round
from config.dispatch import enqueue
from training.models import ModelVersion, Round, RoutingPlan, TrainingRun
from training.services import routing, runs
from training.services.generating import choose_prompts
from training.services.round_budget import share
from training.services.round_common import (
    Failure,
    State,
    Wait,
    count,
    launch_run,
    no_worker,
    report,
)
from training.services.round_queue import answer_by_scores, reward_actor
from training.services.round_sampling import HELD_OUT_SPLITS
from training.services.round_settings import RoundSettings
from training.services.scoring import scores_of

RUN_JUDGE = "workers.run_judge_row"


def plan_queue(found: Round, settings: RoundSettings) -> RoutingPlan | None:
    """Have it planned who answers the next queue; None if it has nothing to plan."""
    number = found.number + 1
    if not routing.open_tasks(found.project, number).exists():
        return None
    return routing.create_plan(
        project=found.project,
        round=number,
        settings=settings.plan_settings(overlap=settings.overlap, seed=settings.seed),
        share=settings.share,
    )


def open_queue(found: Round, settings: RoundSettings) -> None:
    """Wait for the routes; then open the queue, and the next round.

    Raises:
        Wait: while a worker plans. Failure: when it could not.
    """
    stopped = bool(found.report.get("stopped"))
    if not stopped:
        _await_routes(found.routing_plan)
        _answer(found, settings)
    # The next round may only be opened once this one is over: the database says so.
    found.state = State.DONE
    found.save()
    if settings.evaluate:
        _evaluate(found, settings)
    if stopped:
        return
    open_round(project=found.project, round=found.number + 1)
    if settings.judge:
        enqueue(RUN_JUDGE, int(settings.judge), queue=routing.QUEUE)
    following = Round.objects.create(
        project=found.project,
        number=found.number + 1,
        settings=found.settings,
        policy_in=found.policy_next,
        waiting_for="waiting for a first look at its labels",
    )
    enqueue(runs.ADVANCE, following.pk)


def _await_routes(plan: RoutingPlan | None) -> None:
    if plan is None or plan.state == RoutingPlan.State.APPLIED:
        return
    if plan.state == RoutingPlan.State.FAILED:
        error = plan.error or {}
        raise Failure({**error, "message": f"Nobody was routed. {error['message']}"})
    doing = plan.doing or plan.get_state_display()
    raise Wait(f"waiting for its routing plan: {doing}" + no_worker(routing.QUEUE))


def _answer(found: Round, settings: RoundSettings) -> None:
    """Let the reward model answer its own, or name the judge that will; count routes.

    Where the reward model is the judge, a pair for both is people's: what it thinks of
    the pair stands among the task's scores, and as an answer it would learn from its
    own doubts.
    """
    queue = Task.objects.filter(
        project=found.project, round=found.number + 1, state=Task.State.HELD
    )
    judged = queue.filter(route__in=[Task.Route.AI, Task.Route.BOTH])
    answers = 0
    if settings.judge:
        tasks = list(judged.only("scores"))
        for task in tasks:
            task.scores = {**task.scores, "judge": int(settings.judge)}
        Task.objects.bulk_update(tasks, ["scores"], batch_size=routing.ROWS)
    else:
        queue.filter(route=Task.Route.BOTH).update(route=Task.Route.HUMAN)
        assert found.reward_model is not None
        answers = answer_by_scores(
            reward_actor(found.project, found.reward_model),
            list(judged.values_list("pk", flat=True)),
            scores_of(found.runs.get(kind=TrainingRun.Kind.SCORE)),
        )
    routes = Counter(queue.values_list("route", flat=True))
    nobody = (found.routing_plan.counts if found.routing_plan else {}).get("skip", 0)
    count(
        found,
        to_people=routes["human"] + routes["both"],
        to_ai=routes["ai"] + (routes["both"] if settings.judge else 0),
        to_nobody=nobody,
        ai_answers=answers,
    )
    report(found, routing=_told(found.routing_plan, settings))


def _told(plan: RoutingPlan | None, settings: RoundSettings) -> dict[str, Any]:
    """Return what the plan came to, for the round's page."""
    if plan is None:
        return {}
    return {
        "plan": plan.pk,
        "follows": plan.report.get("follows", settings.routing),
        "because": plan.report.get("because", ""),
        "planned_spend": plan.report.get("planned_spend"),
        "floor": plan.decisions.filter(applied=True, floor=True).count(),
    }


def _evaluate(found: Round, settings: RoundSettings) -> None:
    """Queue evaluations behind everything else; nobody waits for them.

    Only now: a worker that is free for an instant between two runs of the round would
    take one of them, and the next queue would open minutes later.
    """
    assert found.snapshot is not None and found.reward_model is not None
    counts = found.snapshot.manifest.get("counts", {})
    if not counts.get("test") and not counts.get("validation"):
        return
    common = {
        "kind": "evaluate",
        "snapshot": found.snapshot,
        "priority": runs.BACKGROUND,
    }
    limits: dict[str, Any] = {"max_rows": settings.evaluation_rows}
    if seconds := share(found, settings, "evaluation"):
        limits["seconds"] = seconds
    launch_run(
        found,
        name="evaluation of the reward model",
        model=found.reward_model,
        params={**settings.evaluation, "role": ModelVersion.Role.REWARD},
        **common,
    )
    prompts = choose_prompts(
        project=found.project,
        limit=settings.evaluation_prompts,
        splits=HELD_OUT_SPLITS,
        seed=settings.seed,
    )
    launch_run(
        found,
        name="evaluation of the policy",
        model=found.policy_out,
        reference=found.policy_in,
        params={**settings.evaluation, "role": ModelVersion.Role.POLICY},
        limits=limits,
        inputs={"prompt_ids": prompts, "reward_model": str(found.reward_model.pk)},
        **common,
    )
