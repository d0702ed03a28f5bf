"""Celery tasks: thin bodies, ids only; the rules are in the services."""

from workers.tasks import data, rounds, training, upkeep

__all__ = ["data", "rounds", "training", "upkeep"]
