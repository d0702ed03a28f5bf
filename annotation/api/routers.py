"""Which router answers under which prefix; config/api.py mounts them."""

from ninja import Router

from annotation.api import (
    assignments,
    health,
    imports_exports,
    projects,
    protocols,
    session,
)

routers: list[tuple[str, Router]] = [
    ("/health", health.router),
    ("/session", session.router),
    ("/projects", projects.router),
    ("/projects", imports_exports.router),
    ("/projects", protocols.router),
    ("/presets", protocols.presets_router),
    ("/assignments", assignments.router),
]
