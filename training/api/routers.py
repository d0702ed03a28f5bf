"""Which router answers under which prefix; config/api.py mounts them."""

from ninja import Router

from training.api import rounds, runs, snapshots

routers: list[tuple[str, Router]] = [
    ("/projects", snapshots.router),
    ("/projects", rounds.router),
    ("/projects", runs.models_router),
    ("/runs", runs.router),
]
