"""Evaluate a reward model or a policy; leave ``report.json`` and ``report.html``."""

from __future__ import annotations

from pathlib import Path

from training.engine.context import RunContext, TaskResult
from training.engine.evaluate.pages.report import report_page
from training.engine.events import write_json
from training.engine.provenance import method_of
from training.engine.tasks.evaluate_policy import evaluate_policy
from training.engine.tasks.evaluate_reward import evaluate_reward

REPORT, PAGE = "report.json", "report.html"


def _called(source: str) -> str:
    """Return a model's source for a page that may leave this machine."""
    place = Path(source)
    return "/".join(place.parts[-5:]) if place.is_absolute() else source


def run(context: RunContext) -> TaskResult:
    """Evaluate the model in the role that the settings give it."""
    reward = context.text("role") == "reward"
    report, metrics = (evaluate_reward if reward else evaluate_policy)(context)
    report["method"] = method_of(context.spec.model.source)
    write_json(context.out / REPORT, report)
    page = report_page(report, title=_called(context.spec.model.source))
    (context.out / PAGE).write_text(page, encoding="utf-8")
    return TaskResult(step=int(metrics["pairs"]), metrics=metrics, files=(REPORT, PAGE))
