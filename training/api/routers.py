"""Which router answers under which prefix; config/api.py mounts them."""

from ninja import Router

from training.api import snapshots

routers: list[tuple[str, Router]] = [
    ("/projects", snapshots.router),
]
