"""Somebody at the API, as tests of the queue see them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.contrib.auth.models import User
from django.test import Client

from annotation.models import Project
from tests import factories


@dataclass
class Person:
    """Somebody at the API."""

    user: User
    client: Client

    def lease(self, slug: str, **query: Any) -> dict[str, Any]:
        wanted = "&".join(f"{key}={value}" for key, value in query.items())
        response = self.client.post(f"/api/v1/projects/{slug}/assignments?{wanted}")
        assert response.status_code == 200, response.content
        handed: dict[str, Any] = response.json()
        return handed

    def one(self, slug: str, **query: Any) -> dict[str, Any]:
        (assignment,) = self.lease(slug, count=1, **query)["assignments"]
        return dict(assignment)

    def post(self, path: str, body: Any = None) -> Any:
        return self.client.post(f"/api/v1{path}", body, content_type="application/json")

    def submit(self, assignment: dict[str, Any], **changes: Any) -> Any:
        body = factories.answer(assignment, **changes)
        return self.post(f"/assignments/{assignment['id']}/feedback", body)

    def get(self, path: str) -> Any:
        return self.client.get(f"/api/v1{path}")


def member(project: Project, name: str, role: str = "annotator") -> Person:
    user = factories.add_member(project, role, name)
    return Person(user, factories.sign_in(user))
