"""The order in which a person sees a task's completions (invariant 3).

Drawn by the server, seeded, and balanced: over each block of m hand-outs to a person,
every completion's place appears equally often, so A and B swap exactly half the time.
"""

import hashlib
import random
from collections.abc import Sequence
from typing import Any

from annotation.protocols.letters import letter

Completion = dict[str, Any]


def presented_order(*, seed: int, actor: int, number: int, size: int) -> list[int]:
    """Return the positions of a task's completions in the order to present.

    A block of `size` hand-outs shares one seeded permutation, rotated by one place
    from hand-out to hand-out.

    Args:
        seed: the project's.
        actor: who will see it.
        number: how many tasks were handed to this person in the project before.
        size: how many completions the task has, at least 1.
    """
    block, turn = divmod(number, size)
    key = f"{seed}:{actor}:{block}:{size}".encode()
    drawn = random.Random(int.from_bytes(hashlib.sha256(key).digest()[:8], "big"))
    base = list(range(size))
    drawn.shuffle(base)
    return base[turn:] + base[:turn]


def arrange(completions: Sequence[Completion], order: list[int]) -> list[Completion]:
    """Return completions as presented, labelled A, B, ...

    Args:
        completions: {id, messages, ...} by position in the task.
        order: positions in the presented order.
    """
    return [
        completions[place] | {"label": letter(seen)} for seen, place in enumerate(order)
    ]
