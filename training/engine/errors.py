"""The engine's failures: what a person can mend, and orderly interruptions."""

from __future__ import annotations

import errno
import shutil
from pathlib import Path
from typing import Any, Literal

StopState = Literal["cancelled", "preempted"]


class FixableError(Exception):
    """Something a person can mend: says what was expected, found and what to do."""

    def __init__(
        self, message: str, *, expected: str, found: str, fix: str, field: str = ""
    ) -> None:
        super().__init__(message)
        self.message = message
        self.expected = expected
        self.found = found
        self.fix = fix
        self.field = field

    def as_dict(self) -> dict[str, Any]:
        """Return the fields that go into ``status.json``."""
        return {
            "error": "fixable",
            "message": self.message,
            "expected": self.expected,
            "found": self.found,
            "fix": self.fix,
            "field": self.field or None,
        }

    def __str__(self) -> str:
        return (
            f"{self.message}\n  expected: {self.expected}\n"
            f"  found:    {self.found}\n  fix:      {self.fix}"
        )


class Interrupted(Exception):
    """The supervisor asked for an orderly end; ``state`` says which."""

    def __init__(self, state: StopState, step: int = 0) -> None:
        super().__init__(state)
        self.state: StopState = state
        self.step = step


_FULL = ("no space left on device", "disk quota exceeded", "file write failed")


def full_disk(error: BaseException, directory: Path) -> FixableError | None:
    """Return a readable error if ``error`` or one of its causes is a full disk.

    Writers of weights hide the errno in their message, so both are looked at; a
    message alone counts only while the disk really has no room.
    """
    seen: BaseException | None = error
    while seen is not None:
        if isinstance(seen, OSError) and seen.errno in (errno.ENOSPC, errno.EDQUOT):
            return disk_error(directory)
        text = str(seen).lower()
        if any(sign in text for sign in _FULL[:2]):
            return disk_error(directory)
        if _FULL[2] in text and _free_bytes(directory) < 1 << 20:
            return disk_error(directory)
        seen = seen.__cause__ or seen.__context__
    return None


def disk_error(directory: Path, needed_bytes: int | None = None) -> FixableError:
    """Return the error for a disk without room for what must be written."""
    free = _free_bytes(directory) / 1e6
    needed = (
        f"about {needed_bytes / 1e6:.0f} MB free"
        if needed_bytes is not None
        else "room for checkpoints and the model"
    )
    return FixableError(
        "The disk is full.",
        expected=f"{needed} under {directory}",
        found=f"{free:.1f} MB free",
        fix="Free some space or choose another output directory, then resume: "
        "checkpoints that were already complete are kept.",
        field="out",
    )


def require_free(directory: Path, needed_bytes: int) -> None:
    """Raise before training if what it must write cannot fit.

    Raises:
        FixableError: if fewer than ``needed_bytes`` are free.
    """
    if _free_bytes(directory) < needed_bytes:
        raise disk_error(directory, needed_bytes)


def _free_bytes(directory: Path) -> int:
    probe = directory
    while not probe.exists() and probe != probe.parent:
        probe = probe.parent
    return shutil.disk_usage(probe).free
