"""Celery tasks: thin bodies, ids only; the rules are in the services."""

from workers.tasks import (
    curation,
    data,
    judging,
    principles,
    rounds,
    routing,
    talking,
    training,
    upkeep,
)

__all__ = [
    "curation",
    "data",
    "judging",
    "principles",
    "rounds",
    "routing",
    "talking",
    "training",
    "upkeep",
]
