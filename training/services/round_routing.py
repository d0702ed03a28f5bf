"""Who answers a round's queue: a routing plan of its own, made, waited for, looked at.

The plan is a row like any other (`training/services/routing.py`): a worker of the queue
`judge` reads features, predicts, and sets the routes at the round's share.
"""

from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from annotation.errors import HoneError, InvalidInput
from annotation.models import Judge, Project
from training.services.routing_settings import LEAST_FLOOR, Policy, read_settings

POLICY_HELP = "How it is chosen who answers (docs/routing.md)."


class WhoAnswers(BaseModel):
    """The part of a round's settings that says who answers its queue."""

    model_config = ConfigDict(extra="forbid", allow_inf_nan=False)

    routing: Policy = Field("default", description=POLICY_HELP)
    judge: str = Field(
        "",
        pattern="^[0-9]{0,9}$",
        description="The judge or panel that answers what people do not; empty: the "
        "round's own reward model.",
    )
    human_share: float | None = Field(
        None,
        ge=0,
        le=1,
        description="The budget: people answer at most this share of the queue, 0 to "
        "1. Empty: no limit.",
    )
    human_cost: float = Field(
        1.0, ge=0, description="What a person's answer costs, in the money of budgets."
    )
    ai_cost: float = Field(
        0.02,
        ge=0,
        description="What a judge's answer costs, in the same money; a reward model's "
        "is free.",
    )
    max_spend: float | None = Field(
        None,
        ge=0,
        description="What the queue's answers may cost altogether; what no money is "
        "left for is not asked.",
    )
    ai_confidence: float = Field(
        0.9,
        ge=0.5,
        le=1,
        description="Escalation leaves to the judge what it is at least this sure of, "
        "0.5 to 1.",
    )
    judge_doubt: float | None = Field(
        0.05,
        ge=0,
        le=0.5,
        description="A judge that answers this close to even, takes another side in "
        "the other order or gives no answer is in doubt: people are asked besides, as "
        "far as the budget goes. Empty: they are not. A reward model's doubts are "
        "known before it answers (ai_confidence).",
    )
    audit_share: float = Field(
        0.1,
        ge=0,
        le=1,
        description="The exploration floor: people get this share at random, whatever "
        "the policy says; never less than 1 percent.",
    )
    quotas: dict[str, float] = Field(
        default_factory=dict, description="People's share by feature, for quotas."
    )
    demands: list[str] = Field(
        [], description="Features that take a pair to people, for escalation."
    )

    def plan_settings(self, *, overlap: int | None, seed: int) -> dict[str, Any]:
        """Return them as the settings of a routing plan.

        Args:
            overlap: how many people answer each task of theirs.
        """
        return {
            "policy": self.routing,
            "human_cost": self.human_cost,
            "ai_cost": self.ai_cost if self.judge else 0.0,
            "floor": max(self.audit_share, LEAST_FLOOR),
            "threshold": self.ai_confidence,
            "doubt": self.judge_doubt if self.judge else None,
            "quotas": self.quotas,
            "demands": self.demands,
            "max_spend": self.max_spend,
            "overlap": overlap,
            "seed": seed,
        }

    @property
    def share(self) -> float:
        """The share of the queue that people answer at most."""
        return 1.0 if self.human_share is None else self.human_share


def check_routing(settings: WhoAnswers) -> None:
    """Hold the routing settings against those of a plan.

    Raises:
        InvalidInput: naming the field as the round calls it.
    """
    try:
        read_settings(settings.plan_settings(overlap=None, seed=0))
    except HoneError as error:
        error.message = "The round's settings are not right: who answers."
        raise


def check_judge(project: Project, settings: WhoAnswers) -> None:
    """Refuse a judge that the project does not have.

    Raises:
        InvalidInput
    """
    if not settings.judge:
        return
    if Judge.objects.filter(project=project, pk=int(settings.judge)).exists():
        return
    known = Judge.objects.filter(project=project).order_by("pk")
    names = ", ".join(f"{judge.pk} ({judge})" for judge in known)
    expected = "the number of a judge of the project, or nothing"
    raise InvalidInput(
        "The round's settings are not right: judge.",
        expected=expected,
        found=f"{settings.judge}; the project has {names or 'none'}",
        fix="Set a judge up, or leave it to the round's reward model.",
        fields=[
            {
                "path": "settings.judge",
                "message": f"expected {expected}",
                "value": settings.judge,
            }
        ],
    )
