"""Judgments of one answer that belong side by side, such as ratings of one scale."""

from collections.abc import Callable, Hashable, Iterable
from typing import TypeVar

T = TypeVar("T")


def rounds_of(items: Iterable[T], key: Callable[[T], Hashable]) -> list[list[T]]:
    """Deal items into rounds so that no key comes twice in one.

    The n-th item of a key goes into the n-th round: who rates the same thing again
    starts another list, and nothing is overwritten.
    """
    rounds: list[list[T]] = []
    seen: dict[Hashable, int] = {}
    for item in items:
        number = seen.get(key(item), 0)
        seen[key(item)] = number + 1
        if number == len(rounds):
            rounds.append([])
        rounds[number].append(item)
    return rounds
