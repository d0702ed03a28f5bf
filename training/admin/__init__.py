"""The panel's pages about what was learned: Freeze, Train, Compare, Next round."""

from training.admin import (
    curation,
    judges,
    model_versions,
    rounds,
    routing,
    runs,
    snapshots,
)

__all__ = [
    "curation",
    "judges",
    "model_versions",
    "rounds",
    "routing",
    "runs",
    "snapshots",
]
