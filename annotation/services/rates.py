"""How much somebody has done within a window of time, counted in the cache."""

from django.core.cache import cache


def spend(name: str, amount: int, *, window_seconds: int) -> int:
    """Add an amount to what stands under a name; return all of the window together.

    The window begins with the first amount; what came in it stays counted, taken or
    refused.
    """
    cache.add(name, 0, window_seconds)
    try:
        return int(cache.incr(name, amount))
    except ValueError:  # it ended between the two calls
        cache.set(name, amount, window_seconds)
        return amount
