"""Proximal policy optimisation with a critic: the row of the algebra that has one.

The critic is a network of its own or a head on the policy's backbone. The published
details it follows are named where they are: ``ppo/`` has one file for each part.
"""

from __future__ import annotations

from training.engine.context import RunContext, TaskResult
from training.engine.tasks import online


def run(context: RunContext) -> TaskResult:
    """Train a policy; leave ``model/`` and its metrics."""
    return online.run(context)
