"""What a routing plan may be told: one place for its settings, bounds and defaults."""

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from annotation.errors import InvalidInput

Policy = Literal[
    "default",
    "random",
    "all-ai",
    "all-human",
    "quotas",
    "uncertainty",
    "disagreement",
    "variance",
    "predicted-linear",
    "predicted-mix",
    "predicted-greedy",
    "escalation",
]
LEAST_FLOOR = 0.01


class RoutingSettings(BaseModel):
    """The settings of a routing plan."""

    model_config = ConfigDict(extra="forbid", allow_inf_nan=False)

    policy: Policy = Field("default", description="How it is chosen who answers.")
    human_cost: float = Field(
        1.0, ge=0, description="What a person's answer costs, in the money of budgets."
    )
    ai_cost: float = Field(
        0.02, ge=0, description="What a judge's answer costs, in the same money."
    )
    floor: float = Field(
        0.05,
        ge=LEAST_FLOOR,
        le=1,
        description="The share of tasks, 0 to 1, that people get at random, so that "
        "the judge's bias can always be estimated.",
    )
    threshold: float = Field(
        0.9,
        ge=0.5,
        le=1,
        description="Escalation leaves alone what the judge is at least this sure of, "
        "0.5 to 1.",
    )
    doubt: float | None = Field(
        None,
        ge=0,
        le=0.5,
        description="A judge that answers this close to even, takes another side in "
        "the other order or gives no answer is in doubt: people are asked besides, as "
        "far as the money goes. Empty: they are not.",
    )
    mixes: int = Field(
        250, ge=200, le=2000, description="Candidate mixes the prediction learns from."
    )
    quotas: dict[str, float] = Field(
        default_factory=dict, description="People's share by feature; * stands for all."
    )
    demands: list[str] = Field(
        default_factory=list,
        description="Features that take a task to people however sure the judge is, "
        "such as safety=high.",
    )
    max_spend: float | None = Field(
        None, ge=0, description="Never spend more, whatever people's share."
    )
    overlap: int | None = Field(
        None, ge=1, le=100, description="People for each task; empty: the project's."
    )
    seed: int = Field(
        0, ge=0, lt=2**31, description="Same seed and features, same plan."
    )


def read_settings(raw: Any) -> RoutingSettings:
    """Read settings from JSON values.

    Raises:
        InvalidInput: naming each field that is wrong.
    """
    try:
        settings = RoutingSettings.model_validate(raw or {})
    except ValidationError as error:
        raise InvalidInput(
            "The plan's settings could not be read.",
            expected="fields among " + ", ".join(RoutingSettings.model_fields),
            found=f"{error.error_count()} bad field(s)",
            fix="Mend the fields named below.",
            fields=[
                {
                    "path": "settings." + ".".join(str(part) for part in item["loc"]),
                    "message": item["msg"],
                    "value": repr(item["input"])[:200],
                }
                for item in error.errors()[:20]
            ],
        ) from error
    for name, share in settings.quotas.items():
        if not 0 <= share <= 1:
            raise InvalidInput(
                "The plan's settings could not be read.",
                expected=f"a quota from 0 to 1 for {name}",
                found=str(share),
                fix="Give a share.",
                fields=[
                    {
                        "path": f"settings.quotas.{name}",
                        "message": "expected a share from 0 to 1",
                        "value": str(share),
                    }
                ],
            )
    return settings
