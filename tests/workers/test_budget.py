import pytest

from annotation.errors import InvalidInput
from workers.loop.budget import Budget, parse_budget


@pytest.mark.parametrize(
    ("text", "seconds"), [("90s", 90), ("20m", 1200), ("1.5h", 5400), ("45", 45)]
)
def test_budget_reads_durations(text: str, seconds: float) -> None:
    assert parse_budget(text).seconds == seconds


@pytest.mark.parametrize("text", ["", "soon", "5s", "-20m", "20 minutes"])
def test_budget_refuses_what_is_no_duration(text: str) -> None:
    with pytest.raises(InvalidInput, match="a duration of at least 10 s"):
        parse_budget(text)


def test_budget_leaves_time_for_what_is_not_training() -> None:
    budget = Budget(1000)
    assert budget.reward_seconds + budget.policy_seconds < 700
    assert budget.prompts(10_000) * 4 <= 200
