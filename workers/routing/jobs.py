"""Predict, apply and measure a routing plan: what a worker does with its row."""

import logging
from typing import Any

import numpy as np

from annotation.errors import HoneError
from training.engine.evaluate.metrics import mean_and_error
from training.models.routing import RoutingPlan
from training.services import routing
from training.services.routing import Wanted
from workers.routing.curve import WIDE, curve_of, report_of
from workers.routing.embedding import encoder
from workers.routing.items import Decision
from workers.routing.planning import cost
from workers.routing.prediction import Prediction
from workers.routing.proxy import correctness, fit
from workers.routing.record import read_pairs, vectors_of
from workers.routing.scene import (
    LEAST_TARGET,
    Scene,
    budget_of,
    decide,
    learned,
    pilot_and_target,
    scene_of,
)
from workers.routing.signals import PENALTY, reduced

log = logging.getLogger(__name__)


def predict(plan_id: int) -> None:
    """Predict a waiting plan, and set its routes if its share is known already.

    A plan that somebody else has is let be.
    """
    state = RoutingPlan.State
    row = routing.claim(plan_id, state=state.QUEUED, by=state.PREDICTING)
    if row is None:
        return
    try:
        routing.tell(row, 0.05, "reading the record")
        scene = scene_of(row)
        routing.tell(row, 0.6, "training proxies on candidate mixes")
        prediction, why, target = learned(scene)
        routing.tell(row, 0.9, "predicting each budget")
        curve, notes = curve_of(scene, prediction, target)
        routing.predicted(
            row,
            curve=curve,
            report=report_of(scene, prediction, why, notes),
            prediction=prediction.as_json() if prediction else None,
        )
        if row.share is not None:
            _apply(row, scene, prediction)
    except HoneError as error:
        routing.failed(row, _told(error))
    except Exception as error:
        routing.failed(row, _bug(error))
        raise


def apply(plan_id: int) -> None:
    """Set the routes of a plan that waits to be applied."""
    state = RoutingPlan.State
    row = routing.claim(plan_id, state=state.TO_APPLY, by=state.APPLYING)
    if row is None:
        return
    try:
        known = row.prediction
        prediction = Prediction.from_json(known) if known else None
        _set(row, scene_of(row), prediction)
    except HoneError as error:
        routing.failed(row, _told(error))
    except Exception as error:
        routing.failed(row, _bug(error))
        raise


def _apply(row: RoutingPlan, scene: Scene, prediction: Prediction | None) -> None:
    """Set the routes of a plan that was just predicted, if it still waits for it."""
    state = RoutingPlan.State
    if routing.claim(row.pk, state=state.TO_APPLY, by=state.APPLYING) is not None:
        _set(row, scene, prediction)


def _set(row: RoutingPlan, scene: Scene, prediction: Prediction | None) -> None:
    decisions, _ = decide(scene, prediction, row.share or 0.0)
    routing.apply_decisions(
        row,
        wanted(decisions),
        spend=cost(scene.items, decisions),
        budget=budget_of(scene, row.share or 0.0),
    )


def measure(plan_id: int) -> dict[str, Any]:
    """Keep what an applied plan came to: spend, and a proxy's accuracy by now."""
    row = RoutingPlan.objects.select_related("project").get(pk=plan_id)
    pairs = read_pairs(row.project)
    taken = set(row.decisions.values_list("task", flat=True))
    labels = np.where(np.isnan(pairs.human), pairs.judge, pairs.human)
    ours = np.array([task in taken for task in pairs.tasks]) & ~np.isnan(labels)
    _, aimed = pilot_and_target(pairs)
    ours &= ~aimed
    found: dict[str, Any] = {**routing.spent(row), "labels": int(ours.sum())}
    if ours.sum() >= LEAST_TARGET and aimed.sum() >= LEAST_TARGET:
        gaps = reduced(vectors_of(pairs, encoder()).gaps(pairs.texts))
        heads = fit(gaps[ours], labels[ours][:, None], penalty=PENALTY)
        clear = np.flatnonzero(aimed & (pairs.human != 0.5))
        hits = correctness(gaps[clear], pairs.human[clear], heads)[:, 0]
        # Labels of one prompt stand and fall together.
        prompts = [pairs.groups[place] for place in clear]
        accuracy, error = mean_and_error(hits.tolist(), prompts)
        reach = 1.0 if error is None else WIDE * error
        found |= {
            "accuracy": accuracy,
            "low": max(0.0, accuracy - reach),
            "high": min(1.0, accuracy + reach),
            "held_out": len(clear),
        }
    else:
        found["why"] = (
            f"expected {LEAST_TARGET} answered tasks and {LEAST_TARGET} held-out "
            f"labels of people, found {int(ours.sum())} and {int(aimed.sum())}"
        )
    routing.measured(row, found)
    return found


def wanted(decisions: dict[Any, Decision]) -> list[Wanted]:
    """Return decisions as the service takes them."""
    return [
        Wanted(int(task), d.route, d.score, d.reason, d.people, d.floor)
        for task, d in decisions.items()
    ]


def _told(error: HoneError) -> dict[str, Any]:
    return {
        "message": error.message,
        "expected": error.expected,
        "found": error.found,
        "fix": error.fix,
    }


def _bug(error: Exception) -> dict[str, Any]:
    log.exception("A routing plan could not be worked on")
    return {
        "message": "The plan could not be worked on.",
        "expected": "no error",
        "found": f"{type(error).__name__}: {error}"[:500],
        "fix": "Look at the worker's log, then try again.",
    }
