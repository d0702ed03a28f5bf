"""A round's seconds: shared among its runs, by what is left when each begins."""

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from tests.training.factories import make_project, make_snapshot
from training.models import Round, Snapshot
from training.services.round_budget import LEAST_SECONDS, share
from training.services.round_settings import RoundSettings


@pytest.fixture
def found(db: None) -> Round:
    """A round whose snapshot was asked for 100 seconds ago."""
    project = make_project()
    snapshot = make_snapshot(project)
    earlier = timezone.now() - timedelta(seconds=100)
    Snapshot.objects.filter(pk=snapshot.pk).update(created_at=earlier)
    snapshot.refresh_from_db()
    return Round.objects.create(project=project, number=1, snapshot=snapshot)


def settings(**given: Any) -> RoundSettings:
    return RoundSettings.model_validate(given)


def test_a_run_gets_its_share_of_what_is_left(found: Round) -> None:
    told = settings(budget_seconds=1100)
    assert share(found, told, "reward") == pytest.approx(160, abs=2)
    assert share(found, told, "policy") == pytest.approx(420, abs=5)


def test_a_run_that_comes_too_late_still_does_its_least(found: Round) -> None:
    assert share(found, settings(budget_seconds=50), "sampling") == LEAST_SECONDS


def test_without_a_budget_runs_take_what_they_need(found: Round) -> None:
    assert share(found, settings(), "policy") is None
    assert settings().limits(settings().reward, None) == {}


def test_the_tightest_bound_holds() -> None:
    told = settings(seconds=60, reward={"limits": {"max_rows": 5}})
    assert told.limits(told.reward, 90) == {"max_rows": 5, "seconds": 60}
    assert told.limits(told.reward, 30) == {"max_rows": 5, "seconds": 30}
    own = settings(seconds=60, reward={"limits": {"seconds": 80}})
    assert own.limits(own.reward) == {"seconds": 80}
