"""The order in which a person sees a task's completions (invariant 3).

Drawn by the server from the project's secret seed. Balanced: over each block of
hand-outs to a person, every completion's place appears equally often. Not to be
guessed: the orders of a block are shuffled, and nobody knows where a block begins, so
who makes out the model on one side of a task learns nothing about the next task.
"""

import hmac
import random
from collections.abc import Sequence
from typing import Any

from annotation.protocols.letters import letter

Completion = dict[str, Any]

# How often a block shows each completion at each place. More guess worse what comes
# at a block's end, fewer are balanced sooner.
TURNS = 16


def presented_order(*, seed: int, actor: int, number: int, size: int) -> list[int]:
    """Return the positions of a task's completions in the order to present.

    A block of TURNS * size hand-outs is TURNS random permutations, each in all of its
    rotations, shuffled together. A person's first block is entered somewhere inside.
    The same arguments give the same order.

    Args:
        seed: the project's, secret.
        actor: who will see it.
        number: how many tasks were handed to this person in the project before.
        size: how many completions the task has, at least 1.
    """
    length = TURNS * size
    entered = _draws(seed, actor, size).randrange(length)
    block, turn = divmod(entered + number, length)
    draws = _draws(seed, actor, size, block)
    orders = []
    for _ in range(TURNS):
        base = draws.sample(range(size), size)
        orders += [base[start:] + base[:start] for start in range(size)]
    draws.shuffle(orders)
    return orders[turn]


def _draws(seed: int, *about: int) -> random.Random:
    """Return draws that nobody repeats without the seed."""
    told = ":".join(map(str, about)).encode()
    return random.Random(hmac.digest(str(seed).encode(), told, "sha256"))


def arrange(completions: Sequence[Completion], order: list[int]) -> list[Completion]:
    """Return completions as presented, labelled A, B, ...

    Args:
        completions: {id, messages, ...} by position in the task.
        order: positions in the presented order.
    """
    return [
        completions[place] | {"label": letter(seen)} for seen, place in enumerate(order)
    ]
