"""The cache on Redis or Valkey, without which Hone still works."""

import logging
import time
from collections.abc import Callable
from functools import wraps
from typing import Any

import redis
from django.core.cache.backends.redis import RedisCache

log = logging.getLogger(__name__)
WARN_EVERY_SECONDS = 60.0
_warned_at = float("-inf")


def _or_without(method: Callable[..., Any], instead: Callable[..., Any]) -> Any:
    """Wrap a cache method: while the server is away, return `instead(...)`."""

    @wraps(method)
    def steady(self: RedisCache, *args: Any, **kwargs: Any) -> Any:
        global _warned_at
        try:
            return method(self, *args, **kwargs)
        except (redis.ConnectionError, redis.TimeoutError) as error:
            if time.monotonic() - _warned_at > WARN_EVERY_SECONDS:
                _warned_at = time.monotonic()
                log.warning("The cache is away, so the database does more: %s", error)
            return instead(*args, **kwargs)

    return steady


class SteadyRedisCache(RedisCache):
    """Reads and writes are misses while the server is away; counting still raises.

    A session's truth is its row in the database, so whoever is signed in works on. The
    limit on signing in rests on `add` and `incr`: without them nobody may try.
    """

    get = _or_without(RedisCache.get, lambda key, default=None, version=None: default)
    set = _or_without(RedisCache.set, lambda *args, **kwargs: None)
    delete = _or_without(RedisCache.delete, lambda *args, **kwargs: False)
