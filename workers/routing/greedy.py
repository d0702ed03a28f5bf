"""Greedy choice under a quadratic surface: the gain of each item given those taken."""

import numpy as np

from workers.routing.items import Bools, Floats
from workers.routing.surfaces import Surface

STEPS = 2000


def greedy_order(
    surface: Surface,
    carried: Floats,
    floor: Bools,
    chance: Floats,
    *,
    most: int,
    price: Floats | None = None,
) -> tuple[list[int], Floats]:
    """Return places in the order of their marginal gains, and the gain each had.

    Items that carry the same features gain the same, so the choice is made among kinds
    of items: as many steps, over far fewer rows. Large pools are taken in blocks, so
    that there are at most STEPS of them.

    Args:
        carried: which item carries which feature, shape (n, J).
        floor: who has a person already; counted in the mix, never chosen.
        chance: settles which of a kind goes first.
        most: at most so many are chosen; choosing stops where no gain is left.
        price: gains are divided by it.
    """
    total = len(carried)
    prices = np.ones(total) if price is None else np.maximum(price, 1e-9)
    kinds, kind_of = np.unique(
        np.column_stack([carried, prices]), axis=0, return_inverse=True
    )
    kind_of = kind_of.reshape(-1)
    rows, cost = kinds[:, :-1], kinds[:, -1]
    waiting: list[list[int]] = [[] for _ in kinds]
    for place in np.argsort(chance, kind="stable"):
        if not floor[place]:
            waiting[kind_of[place]].append(int(place))
    left = np.array([len(each) for each in waiting])
    taken = np.zeros(len(kinds), dtype=int)
    gains = surface.gains(rows, floor.astype(float) @ carried / total, total)
    # Adding one item of kind k changes every gain by 2 step Q step_k.
    step = rows / total / surface.scale
    bend = 2 * step @ surface.curvature
    found = np.zeros(total)
    order: list[int] = []
    block = -(-total // STEPS)
    while len(order) < most:
        value = np.where(taken < left, gains / cost, -np.inf)
        kind = int(value.argmax())
        if not value[kind] > 0:
            break
        room = min(block, most - len(order))
        places = waiting[kind][taken[kind] : taken[kind] + room]
        found[places] = gains[kind]
        order += places
        taken[kind] += len(places)
        gains = gains + len(places) * (bend @ step[kind])
    return order, found
