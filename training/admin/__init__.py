"""The panel's pages about what was learned: Freeze, Train, Compare, Next round."""

from training.admin import models, rounds, runs, snapshots

__all__ = ["models", "rounds", "runs", "snapshots"]
