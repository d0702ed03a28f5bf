"""Where files are, and what a model's source means. No process but the worker writes.

    artifacts/snapshots/<id>/            train, validation, test .parquet, manifest.json
    artifacts/runs/<id>/attempts/<n>/    spec.json, events.jsonl, checkpoints/, model/
    artifacts/suites/<name>.jsonl        a published test set, put there by hand

A model that a run made is named `artifact:runs/<id>/attempts/<n>/model`, relative to
the artifacts' directory, so that a volume may be mounted elsewhere.
"""

import hashlib
import json
import shutil
from contextlib import suppress
from pathlib import Path
from uuid import UUID

from django.conf import settings

from annotation.errors import InvalidInput

SCHEME = "artifact:"


def root() -> Path:
    return Path(settings.ARTIFACTS)


def snapshot_dir(snapshot_id: UUID | str) -> Path:
    return root() / "snapshots" / str(snapshot_id)


def run_dir(run_id: UUID | str) -> Path:
    return root() / "runs" / str(run_id)


def attempt_dir(run_id: UUID | str, attempt: int) -> Path:
    """Return the directory that one attempt alone writes: its number fences it."""
    return run_dir(run_id) / "attempts" / str(attempt)


def output_dir(run_id: UUID | str) -> Path:
    """Return the directory of the attempt that ended well.

    Raises:
        InvalidInput: when there is none on this machine.
    """
    attempts = sorted(run_dir(run_id).glob("attempts/*/status.json"), reverse=True)
    for status in attempts:
        with suppress(OSError, ValueError):
            if json.loads(status.read_text(encoding="utf-8"))["state"] == "succeeded":
                return status.parent
    raise InvalidInput(
        "A run's output is not there.",
        expected=f"an attempt that succeeded under {run_dir(run_id)}",
        found=f"{len(attempts)} attempts, none of which did",
        fix="Bring the artifacts' volume back, or retry the run.",
    )


SUITE_ENDINGS = (".jsonl", ".json", ".parquet")


def suite_file(name: str) -> Path:
    """Return the file of a published test set, which the operator put there.

    Raises:
        InvalidInput: when there is none.
    """
    folder = root() / "suites"
    found = [folder / f"{name}{ending}" for ending in SUITE_ENDINGS]
    for path in found:
        if path.is_file():
            return path
    raise InvalidInput(
        f"The test set {name} is not on this machine.",
        expected=f"its published file as {found[0]}, .json or .parquet",
        found="none",
        fix="Download it from its authors and put it there; see docs/evaluation.md.",
        fields=[{"path": "params.suite", "message": "no file", "value": name}],
    )


def source_of(directory: Path) -> str:
    """Return the source that names a model directory under the artifacts."""
    return SCHEME + directory.relative_to(root()).as_posix()


def resolve_source(source: str) -> str:
    """Return a source as the engine reads it: a path, hub id, wheel: or tiny:."""
    if source.startswith(SCHEME):
        return str(root() / source.removeprefix(SCHEME))
    return source


def directory_sha256(directory: Path) -> str:
    """Return one hash over the names and contents of a directory's files."""
    total = hashlib.sha256()
    for file in sorted(path for path in directory.rglob("*") if path.is_file()):
        with file.open("rb") as handle:
            digest = hashlib.file_digest(handle, "sha256").hexdigest()
        total.update(f"{file.relative_to(directory).as_posix()}\0{digest}\n".encode())
    return total.hexdigest()


def drop_checkpoints(run_id: UUID | str) -> None:
    """Remove the checkpoints of a finished run: several times the model's size."""
    for checkpoints in run_dir(run_id).glob("attempts/*/checkpoints"):
        shutil.rmtree(checkpoints, ignore_errors=True)
