"""Whether this process can serve: for load balancers and `doctor`."""

import redis
from django.core.cache import cache
from django.db import DatabaseError, InterfaceError, connection
from django.http import HttpRequest
from ninja import Router

from annotation.api import schemas

router = Router(tags=["health"], auth=None)


@router.get(
    "",
    response={200: schemas.Health, 503: schemas.Health},
    operation_id="get_health",
)
def get_health(request: HttpRequest) -> tuple[int, dict[str, bool]]:
    """Say whether the database and the cache answer."""
    database = stored = True
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
    except (DatabaseError, InterfaceError):
        database = False
    try:
        cache.add("health", 1, 1)
    except redis.RedisError:
        stored = False
    ok = database and stored
    return 200 if ok else 503, {"ok": ok, "database": database, "cache": stored}
