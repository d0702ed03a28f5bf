"""One project of ten comparisons; Alice and Bob annotate, Charlie is a stranger.

Imports are inside: pytest may read this file before Django is set up.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pytest_django import Settings

    from annotation.models import Project
    from tests.annotation.queue.person import Person


@pytest.fixture(autouse=True)
def no_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each test begins in a process that has looked at nothing yet."""
    from annotation.services import leasing, progress

    monkeypatch.setattr(progress, "_totals", {})
    monkeypatch.setattr(progress, "_thanked", {})
    monkeypatch.setattr(leasing, "_expired_at", float("-inf"))


@pytest.fixture(autouse=True)
def no_static_files(settings: Settings) -> None:
    """Spare every test client the search for the workspace's files."""
    settings.MIDDLEWARE = [
        name for name in settings.MIDDLEWARE if not name.startswith("whitenoise")
    ]


@pytest.fixture
def project(db: None) -> Project:
    from tests import factories

    project = factories.make_project("letters")
    factories.make_tasks(project, 10)
    return project


@pytest.fixture
def alice(project: Project) -> Person:
    from tests.annotation.queue.person import member

    return member(project, "alice")


@pytest.fixture
def bob(project: Project) -> Person:
    from tests.annotation.queue.person import member

    return member(project, "bob")


@pytest.fixture
def charlie(db: None) -> Person:
    from tests import factories
    from tests.annotation.queue.person import Person

    user = factories.make_user("charlie")
    return Person(user, factories.sign_in(user))
