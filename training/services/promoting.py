"""Models: those that come from outside, and those that a run leaves."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from annotation.errors import InvalidInput
from annotation.models import Project
from training.engine.registry.tools import SNAPSHOT
from training.models import Evaluation, ModelVersion, TrainingRun
from training.services import artifacts
from training.services.model_places import check_source

NAMES = {
    "wheel:smollm2": "SmolLM2-135M-Instruct",
    "wheel:minilm": "MiniLM-L6",
    "tiny:causal": "tiny causal model",
    "tiny:encoder": "tiny encoder",
}
ROLE_OF_RUN = {
    TrainingRun.Kind.REWARD: ModelVersion.Role.REWARD,
    TrainingRun.Kind.DPO: ModelVersion.Role.POLICY,
    TrainingRun.Kind.PPO: ModelVersion.Role.POLICY,
    TrainingRun.Kind.ONLINE: ModelVersion.Role.POLICY,
}


def base_model(
    *, project: Project | None, source: str, role: str, name: str = ""
) -> ModelVersion:
    """Return the version that stands for a model from outside, made once.

    Args:
        project: whose it is; None where the operator names it, for every project.
        source: a directory, hub id, .gguf file, wheel:NAME or tiny:NAME.
        role: what it is used as: policy, reward or encoder.

    Raises:
        InvalidInput: for an empty source, a place that is not open to the project, or
            a role that does not exist.
    """
    source = source.strip()
    if not source or role not in ModelVersion.Role.values:
        raise InvalidInput(
            "This is no model.",
            expected="a source and one of the roles " + ", ".join(ModelVersion.Role),
            found=f"{source!r} as {role!r}",
            fix="Name a directory, a hub id, a .gguf file or wheel:smollm2.",
        )
    check_source(source, project)
    known = ModelVersion.objects.filter(
        project=project, source=source, role=role, run__isnull=True
    ).order_by("created_at")
    return known.first() or ModelVersion.objects.create(
        project=project,
        source=source,
        role=role,
        name=(name or NAMES.get(source) or Path(source).name or source)[:200],
    )


def start_model(project: Project, source: str, role: str) -> ModelVersion:
    """Return the version that a project's round names by its source.

    What comes with Hone is everybody's; what a project names is that project's alone.

    Raises:
        InvalidInput: as `base_model`.
    """
    shared = source.strip() in NAMES
    return base_model(project=None if shared else project, source=source, role=role)


def measure(run: TrainingRun, status: Mapping[str, Any], directory: Path) -> str:
    """Return the hash of the model a run left, or "" where it leaves none.

    Reading gigabytes takes a while, so this comes before the transaction.

    Raises:
        InvalidInput: when the model is not where the engine says.
    """
    if run.kind not in ROLE_OF_RUN:
        return ""
    folder = directory / str(status.get("model") or "model")
    if not (folder / "config.json").is_file():
        raise InvalidInput(
            "The run ended well, yet its model is not there.",
            expected=f"a model directory at {folder}",
            found="none",
            fix="Look whether the disk is full or the directory was removed; retry.",
        )
    return artifacts.directory_sha256(folder)


def register(
    run: TrainingRun, status: Mapping[str, Any], directory: Path, *, sha256: str
) -> None:
    """Make the rows of what a run left, inside the caller's transaction."""
    metrics = dict(status.get("metrics") or {})
    if run.kind in ROLE_OF_RUN:
        folder = directory / str(status.get("model") or "model")
        ModelVersion.objects.get_or_create(
            run=run,
            role=ROLE_OF_RUN[TrainingRun.Kind(run.kind)],
            defaults={
                "project": run.project,
                "name": run.name,
                "source": artifacts.source_of(folder),
                "sha256": sha256,
                "parent": run.model,
                "metrics": metrics,
            },
        )
    if run.kind == TrainingRun.Kind.EVALUATE and run.model is not None:
        report = _report(directory) or metrics
        Evaluation.objects.get_or_create(
            run=run,
            suite=run.inputs.get("suite") or _suite(run),
            defaults={
                "model": run.model,
                "snapshot": run.snapshot,
                "report": report,
            },
        )
        run.model.metrics = {**run.model.metrics, **_headline(metrics)}
        run.model.save(update_fields=["metrics"])


def _suite(run: TrainingRun) -> str:
    """Return what an evaluation was on: a published test set, or a split."""
    named = str(run.params.get("suite") or SNAPSHOT)
    return _split(run) if named == SNAPSHOT else named


def _split(run: TrainingRun) -> str:
    """Return which split an evaluation was on, as `specs` chose it."""
    counts = run.snapshot.manifest.get("counts", {}) if run.snapshot else {}
    return "test" if counts.get("test") or not counts else "validation"


def _report(directory: Path) -> dict[str, Any] | None:

    try:
        report = json.loads((directory / "report.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return report if isinstance(report, dict) else None


def _headline(metrics: Mapping[str, Any]) -> dict[str, Any]:
    return {
        key: value for key, value in metrics.items() if isinstance(value, int | float)
    }
