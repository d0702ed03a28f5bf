"""What each budget is predicted to reach, and how far that may be believed."""

from typing import Any, get_args

import numpy as np

from workers.routing.items import Decision, Floats, Route, State
from workers.routing.mixes import vectors
from workers.routing.planning import cost
from workers.routing.policies import default_policy
from workers.routing.prediction import Prediction
from workers.routing.scene import Scene, decide

SHARES = tuple(round(0.05 * n, 2) for n in range(21))
WIDE = 1.96
"""Standard errors to either side of an estimate that make its 95 percent interval."""


def curve_of(
    scene: Scene, prediction: Prediction | None, target: int
) -> tuple[list[dict[str, Any]], list[str]]:
    """Return a point a share: spend, routes and, where it can be, accuracy.

    The interval holds the regression's error and that of the labels it was aimed at,
    of which those of one prompt count as one.

    Args:
        target: how many prompts it was aimed at.
    """
    points, notes = [], []
    carried = None
    if prediction is not None:
        found = [
            [f in item.indicators for f in prediction.features] for item in scene.items
        ]
        carried = np.array(found, dtype=float)
    for share in SHARES:
        decisions, note = decide(scene, prediction, share)
        if note and note not in notes:
            notes.append(note)
        routes = [decisions[item.id].route for item in scene.items]
        point: dict[str, Any] = {
            "share": share,
            "spend": round(cost(scene.items, decisions), 6),
            "people": sum(d.people for d in decisions.values()),
            **{route: routes.count(route) for route in get_args(Route)},
        }
        if prediction is not None and carried is not None:
            point |= _accuracy(scene, prediction, carried, decisions, target)
        points.append(point)
    return points, notes


def _accuracy(
    scene: Scene,
    prediction: Prediction,
    carried: Floats,
    decisions: dict[Any, Decision],
    target: int,
) -> dict[str, float]:
    form = prediction.best
    if prediction.refusal(form):
        return {}
    asked = np.array([decisions[item.id].people > 0 for item in scene.items])
    luck = np.full(carried.shape[0], asked.mean())
    ours = vectors(asked[None], carried)
    random = (luck @ carried / carried.shape[0])[None]
    value, base = prediction.predict(form, np.concatenate([ours, random]))
    value, base = (float(min(max(each, 0.0), 1.0)) for each in (value, base))
    sampling = value * (1 - value) / max(target, 1)
    error = WIDE * float(np.sqrt(prediction.quality(form).rmse ** 2 + sampling))
    return {
        "accuracy": round(value, 5),
        "low": round(max(0.0, value - error), 5),
        "high": round(min(1.0, value + error), 5),
        "random": round(base, 5),
    }


def report_of(
    scene: Scene, prediction: Prediction | None, why: str, notes: list[str]
) -> dict[str, Any]:
    """Return how well it was predicted, and what the plan therefore follows."""
    policy = scene.settings.policy
    follows, because = str(policy), ""
    if policy == "default":
        follows, because = default_policy(State(prediction=prediction))
    return {
        "tasks": len(scene.items),
        "pairs": len(scene.pairs),
        "follows": follows,
        "because": because or "; ".join(notes),
        "no_prediction": why,
        "notes": notes,
        "prediction": prediction.report() if prediction else None,
    }
