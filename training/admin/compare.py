"""Runs side by side: curves in one picture each, what differs, how they went."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from training.admin.curves import charts_as_json, metric_rows, series
from training.admin.reports import read_report
from training.models import Evaluation, TrainingRun

MOST = 4
"""As many runs as four colours and dashes keep apart."""


def ids_of(raw: Sequence[str]) -> list[UUID]:
    """Return the ids among what an address carries, each once, at most MOST."""
    found: list[UUID] = []
    for text in raw:
        try:
            value = UUID(text)
        except ValueError:
            continue
        if value not in found:
            found.append(value)
    return found[:MOST]


def side_by_side(runs: Sequence[TrainingRun]) -> dict[str, Any]:
    """Return what the comparison page shows."""
    rows = metric_rows([run.pk for run in runs])
    curves = {
        str(run.pk): series([row for row in rows if row["run"] == str(run.pk)])
        for run in runs
    }
    names = short_names(runs)
    return {
        "runs": runs,
        "data": {
            "charts": charts_as_json(),
            "runs": [
                {"id": str(run.pk), "name": name, "series": curves[str(run.pk)]}
                for run, name in zip(runs, names, strict=True)
            ],
        },
        "named": list(zip(runs, names, strict=True)),
        "settings": differing(runs),
        "results": results(runs),
    }


def short_names(runs: Sequence[TrainingRun]) -> list[str]:
    """Return names short enough for a line's end, and apart from each other."""
    letters = "ABCD"
    return [f"run {letters[place]}" for place in range(len(runs))]


def differing(runs: Sequence[TrainingRun]) -> list[tuple[str, list[Any], bool]]:
    """Return (setting, value of each run, whether they differ), differences first."""
    facts: list[dict[str, Any]] = [
        {
            "method": run.preset,
            "snapshot": run.snapshot.name if run.snapshot else None,
            "model": run.model.name if run.model else None,
            "seed": run.seed,
            "LoRA": run.lora["r"] if run.lora else None,
            **{f"limit: {key}": value for key, value in run.limits.items()},
            **run.params,
        }
        for run in runs
    ]
    names = list(dict.fromkeys(name for fact in facts for name in fact))
    table = []
    for name in names:
        values = [fact.get(name) for fact in facts]
        table.append((name, values, any(value != values[0] for value in values)))
    return sorted(table, key=lambda row: not row[2])


def results(runs: Sequence[TrainingRun]) -> list[tuple[str, list[Any]]]:
    """Return (metric, value of each run): the last of training, then evaluations."""
    facts: list[dict[str, Any]] = [
        {
            name: value
            for name, value in run.metrics.items()
            if isinstance(value, int | float)
        }
        for run in runs
    ]
    places: dict[UUID | None, int] = {run.pk: at for at, run in enumerate(runs)}
    evaluations = Evaluation.objects.filter(model__run__in=runs).select_related("model")
    for evaluation in evaluations:
        report = read_report(evaluation.report)
        found = [(each.label, each.words) for each in report.estimates if each.own]
        facts[places[evaluation.model.run_id]] |= {
            f"{evaluation.suite}: {name}": value
            for name, value in [*found, *report.facts]
        }
    names = list(dict.fromkeys(name for fact in facts for name in fact))
    return [(name, [fact.get(name) for fact in facts]) for name in names]
