"""The panel's pages about what was learned: Freeze, Train, Compare, Next round."""

from training.admin import runs

__all__ = ["models", "rounds", "runs", "snapshots"]
