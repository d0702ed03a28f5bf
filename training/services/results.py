"""What a successful run leaves in the record, and the row that says it succeeded."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from django.db import transaction

from annotation.errors import InvalidInput
from training.models import TrainingRun
from training.services import artifacts, generating, promoting, runs, scoring

PAGE = "report.html"

TABLES = {
    scoring.FINAL: "A score for each completion.",
    scoring.FEATURES: "What the model makes of each completion, as a vector.",
    generating.FINAL: "The completions, with their prompts' ids.",
}
"""What a run that learns nothing leaves for people, as Parquet."""


def report_file(run: TrainingRun) -> Path:
    """Return the page that an evaluation's run left.

    Raises:
        InvalidInput: when the run's output is not on this machine.
    """
    return artifacts.output_dir(run.pk) / PAGE


def has_page(run: TrainingRun) -> bool:
    """Return whether an evaluation's page is on this machine."""
    try:
        return report_file(run).is_file()
    except InvalidInput:
        return False


def tables_of(run: TrainingRun) -> dict[str, Path]:
    """Return the tables that a run left on this machine, by name; none is usual."""
    try:
        directory = artifacts.output_dir(run.pk)
    except InvalidInput:
        return {}
    found = {name: directory / name for name in TABLES}
    return {name: path for name, path in found.items() if path.is_file()}


def take_results(
    run: TrainingRun,
    status: Mapping[str, Any],
    directory: Path,
    *,
    sha256: str,
    facts: dict[str, Any],
) -> bool:
    """Register models, evaluations and completions; False if the run was lost.

    Completions come first: taking them in twice adds nothing, and a queue that opens
    on the run's success then finds them.
    """
    if run.kind == TrainingRun.Kind.GENERATE:
        generating.Intake(run).take(generating.read_final(directory / generating.FINAL))
    with transaction.atomic():
        if not runs.end(run, "succeeded", **facts):
            return False
        promoting.register(run, status, directory, sha256=sha256)
    return True
