"""Checkpoints that can be trusted: sealed when complete, checked before use."""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from training.engine.events import write_json

SEAL = "hone-checkpoint.json"
_NAME = re.compile(r"^checkpoint-(\d+)$")


@dataclass(frozen=True)
class Checkpoint:
    """A directory that claims to be a checkpoint."""

    path: Path
    step: int


def seal(path: Path, step: int) -> None:
    """Mark a checkpoint as complete, naming every file with its size and hash.

    The seal is written last and at once, so a process killed while saving leaves a
    checkpoint without one.
    """
    files = {}
    for file in sorted(p for p in path.rglob("*") if p.is_file()):
        with file.open("rb") as handle:
            os.fsync(handle.fileno())
            digest = hashlib.file_digest(handle, "sha256").hexdigest()
        name = str(file.relative_to(path))
        files[name] = {"bytes": file.stat().st_size, "sha256": digest}
    write_json(path / SEAL, {"step": step, "files": files})


def flaw(path: Path) -> str | None:
    """Return what is wrong with a checkpoint, or None if it is whole."""
    try:
        sealed = json.loads((path / SEAL).read_text(encoding="utf-8"))
        files = dict(sealed["files"])
    except FileNotFoundError:
        return "it was never completed"
    except (OSError, ValueError, KeyError, TypeError):
        return "its seal cannot be read"
    for name, facts in files.items():
        file = path / name
        if not file.is_file():
            return f"{name} is missing"
        if file.stat().st_size != facts["bytes"]:
            return f"{name} has {file.stat().st_size} bytes, not {facts['bytes']}"
        with file.open("rb") as handle:
            if hashlib.file_digest(handle, "sha256").hexdigest() != facts["sha256"]:
                return f"{name} was changed after it was saved"
    return None


def candidates(runs: tuple[Path, ...]) -> list[Checkpoint]:
    """Return every checkpoint of the given runs, furthest step first."""
    found = [c for run in runs for c in _of(run / "checkpoints")]
    return sorted(found, key=lambda c: c.step, reverse=True)


def _of(directory: Path) -> Iterator[Checkpoint]:
    if not directory.is_dir():
        return
    for path in directory.iterdir():
        match = _NAME.match(path.name)
        if match and path.is_dir():
            yield Checkpoint(path, int(match.group(1)))


@dataclass(frozen=True)
class Choice:
    """Where to continue from: ``checkpoint`` None means from the start.

    ``rejected`` names the checkpoints that were passed over and why.
    """

    checkpoint: Checkpoint | None
    rejected: list[dict[str, str | int]]


def choose(runs: tuple[Path, ...]) -> Choice:
    """Return the furthest whole checkpoint, with the reasons against later ones."""
    rejected: list[dict[str, str | int]] = []
    for candidate in candidates(runs):
        reason = flaw(candidate.path)
        if reason is None:
            return Choice(candidate, rejected)
        rejected.append(
            {"checkpoint": str(candidate.path), "step": candidate.step, "why": reason}
        )
    return Choice(None, rejected)
