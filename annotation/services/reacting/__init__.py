"""Reactions of end users: read, held to their limits, and recorded."""

from annotation.services.reacting.limits import CAP, allow
from annotation.services.reacting.rows import BadRow, ReactionRow, Taken
from annotation.services.reacting.taking import MOST_ROWS, take

__all__ = ["CAP", "MOST_ROWS", "BadRow", "ReactionRow", "Taken", "allow", "take"]
