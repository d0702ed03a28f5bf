"""Which router answers under which prefix; config/api.py mounts them."""

from ninja import Router

routers: list[tuple[str, Router]] = []
