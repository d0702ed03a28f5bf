"""Which router answers under which prefix; config/api.py mounts them."""

from ninja import Router

from annotation.api import assignments, health, projects, session

routers: list[tuple[str, Router]] = [
    ("/health", health.router),
    ("/session", session.router),
    ("/projects", projects.router),
    ("/assignments", assignments.router),
]
