"""What may have been paid for in vain: calls that killed batches left under way."""

from decimal import Decimal
from typing import TypedDict

from django.db.models import Count, Sum

from annotation.models import MAYBE_PAID, Judge


class MaybePaid(TypedDict):
    """How many calls, and what they cost at most; both are in the judge's accounts."""

    calls: int
    cost: Decimal


def maybe_paid(judge: Judge) -> MaybePaid:
    """Return what killed batches left under way, and was sent again."""
    found = judge.record.filter(error__name=MAYBE_PAID).aggregate(
        calls=Count("pk"), cost=Sum("cost", default=Decimal(0))
    )
    return MaybePaid(calls=found["calls"], cost=found["cost"])
