"""How a round's runs share the seconds that it may take."""

from django.utils import timezone

from training.models import Round
from training.services.round_settings import RoundSettings

# Of the seconds left when a run is launched, so what one leaves unused goes to those
# after it. Two runs sample at that moment; two evaluate, the reward model's briefly.
SHARES = {"reward": 0.16, "policy": 0.42, "sampling": 0.22, "evaluation": 0.65}
# A run loads its model and does one batch, however late it is.
LEAST_SECONDS = 1.0


def share(found: Round, settings: RoundSettings, stage: str) -> float | None:
    """Return the seconds that a run of a stage may take; None: as many as it needs.

    Args:
        stage: one of `SHARES`.
    """
    if settings.budget_seconds is None or found.snapshot is None:
        return None
    spent = (timezone.now() - found.snapshot.created_at).total_seconds()
    left = settings.budget_seconds - spent
    return round(max(left * SHARES[stage], LEAST_SECONDS), 1)
