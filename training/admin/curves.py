"""A run's metrics events as curves: one chart, one message."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from training.models import RunEvent, TrainingRun

POINTS = 1500
"""More points than this are thinned: no screen shows them."""


@dataclass(frozen=True)
class Chart:
    """Which metrics belong in one picture, and what it is called.

    Attributes:
        metrics: names of the engine's metrics and how each is labelled.
        reference: a value worth a line of its own, and its words.
        starts_there: True where the line is for curves that start on it alone.
        exact: True where single values carry no noise to take out.
    """

    key: str
    title: str
    metrics: tuple[tuple[str, str], ...]
    reference: tuple[float, str] | None = None
    starts_there: bool = False
    exact: bool = False


LN2 = (0.6931, "ln 2: knows nothing yet")
CHARTS = (
    Chart(
        "loss",
        "Loss",
        (("loss", "training"), ("eval_loss", "validation")),
        LN2,
        starts_there=True,
    ),
    Chart(
        "accuracy",
        "Accuracy",
        (
            ("rewards/accuracies", "training"),
            ("accuracy", "training"),
            ("eval_rewards/accuracies", "validation"),
            ("eval_accuracy", "validation"),
        ),
        (0.5, "chance"),
    ),
    Chart(
        "margins",
        "Margin between chosen and rejected",
        (
            ("rewards/margins", "training"),
            ("margin", "training"),
            ("eval_rewards/margins", "validation"),
            ("eval_margin", "validation"),
        ),
    ),
    Chart(
        "rewards",
        "Rewards",
        (
            ("rewards/chosen", "chosen"),
            ("rewards/rejected", "rejected"),
            ("rewards/mean", "mean"),
        ),
    ),
    Chart("kl", "KL to the reference", (("objective/kl", "KL"), ("kl", "KL"))),
    Chart(
        "learning_rate",
        "Learning rate",
        (("learning_rate", "learning rate"),),
        exact=True,
    ),
    Chart("grad_norm", "Gradient norm", (("grad_norm", "gradient norm"),)),
)
NAMED = {name for chart in CHARTS for name, _ in chart.metrics}


def charts_as_json() -> list[dict[str, Any]]:
    """Return the charts for the page's script."""
    return [
        {
            "key": chart.key,
            "title": chart.title,
            "metrics": [list(pair) for pair in chart.metrics],
            "exact": chart.exact,
            "reference": (
                {
                    "value": chart.reference[0],
                    "label": chart.reference[1],
                    "start": chart.starts_there,
                }
                if chart.reference
                else None
            ),
        }
        for chart in CHARTS
    ]


def metric_rows(run_ids: Iterable[UUID], after: int = 0) -> list[dict[str, Any]]:
    """Return metrics events after an event's id: {id, run, step, metrics}."""
    events = (
        RunEvent.objects.filter(run__in=list(run_ids), kind="metrics", pk__gt=after)
        .order_by("pk")
        .values_list("pk", "run_id", "step", "payload")
    )
    return [
        {
            "id": pk,
            "run": str(run),
            "step": step,
            "metrics": numbers(payload.get("metrics")),
        }
        for pk, run, step, payload in events
        if step is not None and isinstance(payload, dict)
    ]


def numbers(metrics: Any) -> dict[str, float]:
    """Keep what can be drawn: finite numbers under short names."""
    if not isinstance(metrics, dict):
        return {}
    return {
        str(name)[:80]: float(value)
        for name, value in metrics.items()
        if isinstance(value, int | float) and not isinstance(value, bool)
    }


def series(rows: list[dict[str, Any]]) -> dict[str, list[tuple[int, float]]]:
    """Return one run's points by metric; a step that was resumed counts once, last."""
    by_metric: dict[str, dict[int, float]] = {}
    for row in rows:
        for name, value in row["metrics"].items():
            by_metric.setdefault(name, {})[row["step"]] = value
    return {name: thin(sorted(points.items())) for name, points in by_metric.items()}


def thin(points: list[tuple[int, float]]) -> list[tuple[int, float]]:
    if len(points) <= POINTS:
        return points
    every = -(-len(points) // POINTS)
    kept = points[::every]
    return kept if kept[-1] == points[-1] else [*kept, points[-1]]


def curves(run: TrainingRun) -> dict[str, list[tuple[int, float]]]:
    """Return all curves of a run."""
    return series(metric_rows([run.pk]))
