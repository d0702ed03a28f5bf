"""Published methods that are not offered, each with the reason and what comes near."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True)
class Absent:
    """A method that nobody can launch here.

    Attributes:
        equation: what it would do, as the paper or its code has it.
        why: what is missing.
        instead: the preset that comes nearest; empty if none does.
    """

    name: str
    title: str
    paper: str
    equation: str
    why: str
    instead: str = ""


ABSENT: tuple[Absent, ...] = ()
"""None at present: what the pages leave open is built, and marked unverified."""


def describe() -> list[dict[str, Any]]:
    """Return the methods that are not offered as plain data, beside those that are."""
    return [{**asdict(row), "status": "absent", "is_verified": False} for row in ABSENT]
