"""Which router answers under which prefix; config/api.py mounts them."""

from ninja import Router

from training.api import judges, rounds, routing, runs, snapshots, talks

routers: list[tuple[str, Router]] = [
    ("/projects", snapshots.router),
    ("/projects", rounds.router),
    ("/projects", routing.router),
    ("/projects", judges.router),
    ("/projects", runs.models_router),
    ("/projects", talks.projects_router),
    ("/runs", runs.router),
    ("/talks", talks.router),
]
