"""What a round may be told: one place for its settings, their bounds and defaults."""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from annotation.errors import HoneError, InvalidInput
from annotation.projections.query import read_query
from training.engine.registry import PRESETS
from training.services.launching import (
    DEFAULT_PRESETS,
    Limits,
    Lora,
    check_params,
    check_preset,
)
from training.services.round_routing import WhoAnswers, check_routing

StrategyName = Literal[
    "uncertainty",
    "disagreement",
    "information",
    "optimism",
    "posterior",
    "design",
    "errors",
    "variance",
    "diversity",
    "random",
]


class Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", allow_inf_nan=False)


class Recipe(Strict):
    """How a model is trained: a preset of the registry, and what differs from it."""

    preset: str = ""
    params: dict[str, Any] = {}
    lora: Lora | None = None
    limits: Limits = Limits()


class RoundSettings(WhoAnswers):
    """The settings of a round; the next round takes them over."""

    min_labels: int = Field(
        40, ge=1, description="Answers of people since the last round that start it."
    )
    min_pairs: int = Field(
        8, ge=1, description="Training pairs a snapshot must hold to be learned from."
    )
    snapshot: dict[str, Any] = Field(
        default_factory=dict, description="The filter of the snapshot; empty takes all."
    )
    verified_share: float = Field(
        0.0,
        ge=0,
        le=0.9,
        description="Of the tasks that people labelled, those set apart for the "
        "verified pool before the snapshot; they never train.",
    )
    reward_base: str = Field(
        "wheel:minilm", description="What each round's reward model is trained from."
    )
    policy_base: str = Field(
        "wheel:smollm2", description="The first round's policy, if none is given."
    )
    reward: Recipe = Field(default_factory=Recipe, description="The reward run.")
    policy: Recipe = Field(default_factory=Recipe, description="The policy run.")
    prompts: int = Field(40, ge=1, description="Prompts that both policies answer.")
    samples: int = Field(
        2, ge=1, le=64, description="Completions of each prompt and policy."
    )
    sampling: dict[str, Any] = Field(
        default_factory=dict, description="Settings of the generation preset."
    )
    pairs: int = Field(40, ge=1, description="New pairs to ask about.")
    random_share: float = Field(
        0.2, ge=0, le=1, description="The share of them that is drawn at random."
    )
    strategy: StrategyName = Field(
        "uncertainty", description="How the other pairs are ranked (docs/rounds.md)."
    )
    members: int = Field(
        10, ge=2, le=100, description="Heads of the ensemble that strategies ask."
    )
    on_policy_share: float | None = Field(
        None,
        ge=0,
        le=1,
        description="Of the ranked pairs, those that the new policy wrote alone; empty "
        "pairs the old policy with the new one only.",
    )
    sourcing: Literal["all", "best", "best_worst", "rejection"] = Field(
        "all", description="Which samples of a policy and prompt are put forward."
    )
    kept: int = Field(
        2, ge=1, le=64, description="How many of them, for best and rejection."
    )
    rejection_beta: float = Field(
        0.5, gt=0, description="Rejection sampling's KL weight, in units of reward."
    )
    temperatures: list[Annotated[float, Field(ge=0, le=10)]] = Field(
        [], max_length=5, description="Every policy samples at these besides."
    )
    earlier_policies: int = Field(
        0, ge=0, le=10, description="Policies of earlier rounds that sample too."
    )
    watch_pairs: int = Field(
        4, ge=0, le=1000, description="Far-out outputs that people look at, at most."
    )
    watch_deviations: float = Field(
        4.0, gt=0, description="Far out is more robust deviations than this."
    )
    gate: Literal["sequential", "fixed", "off"] = Field(
        "sequential",
        description="The test by which the new policy replaces the old one; fixed "
        "needs 200 held-out prompts, off promotes always.",
    )
    gate_judge: Literal["reward model", "people"] = Field(
        "reward model", description="Who says which policy's answer is better."
    )
    gate_prompts: int | None = Field(
        None,
        ge=1,
        description="Held-out prompts of the gate; empty: those of the evaluation.",
    )
    gate_alpha: float = Field(
        0.05, gt=0, lt=0.5, description="How often the gate may err."
    )
    gate_win_rate: float = Field(
        0.5, ge=0, lt=1, description="The win rate that the new policy must exceed."
    )
    max_rounds: int | None = Field(
        None, ge=1, description="No round follows this many."
    )
    max_labels: int | None = Field(
        None, ge=1, description="No round follows this many answers of people."
    )
    stop_confidence: float | None = Field(
        None,
        gt=0.5,
        le=1,
        description="No round follows once the reward model is this sure of new pairs "
        "on average.",
    )
    plateau_rounds: int | None = Field(
        None,
        ge=1,
        description="No round follows this many without a gain in held-out accuracy.",
    )
    plateau_gain: float = Field(
        0.005, ge=0, le=1, description="What counts as a gain in accuracy."
    )
    overlap: int | None = Field(
        None, ge=1, le=100, description="People for each pair; empty: the project's."
    )
    priority: int = Field(6, ge=0, le=9, description="The priority of its tasks.")
    evaluate: bool = Field(
        True, description="Evaluate both models on held-out data beside the round."
    )
    evaluation: dict[str, Any] = Field(
        default_factory=dict, description="Settings of the evaluation preset."
    )
    evaluation_prompts: int = Field(
        50, ge=1, description="Held-out prompts on which the policies are compared."
    )
    evaluation_rows: int = Field(
        512, ge=1, description="At most so many pairs of a split are evaluated on."
    )
    seconds: float | None = Field(
        None, gt=0, description="Upper bound of each training run, in seconds."
    )
    budget_seconds: float | None = Field(
        None,
        gt=0,
        description="The round's runs share this many seconds from its snapshot on; "
        "each leaves out what its part does not allow.",
    )
    seed: int = Field(
        0, ge=0, lt=2**31, description="Same seed and labels, same draws."
    )

    def limits(self, recipe: Recipe, share: float | None = None) -> dict[str, Any]:
        """Return a training run's limits: the tightest of the bounds on its seconds.

        Args:
            share: its part of the round's budget, in seconds, where there is one.
        """
        own = recipe.limits.model_dump(exclude_none=True)
        bounds = [own.get("seconds", self.seconds), share]
        seconds = min((bound for bound in bounds if bound), default=None)
        return own | ({"seconds": seconds} if seconds else {})


def read_settings(raw: Any) -> RoundSettings:
    """Read settings from JSON values and hold them against registry and views.

    Raises:
        InvalidInput: naming each field that is wrong.
    """
    try:
        settings = RoundSettings.model_validate(raw or {})
    except ValidationError as error:
        raise InvalidInput(
            "The round's settings could not be read.",
            expected="fields among " + ", ".join(RoundSettings.model_fields),
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
    read_query(settings.snapshot)
    check_routing(settings)
    _check_recipe("reward", "reward", settings.reward.preset, settings.reward.params)
    policy = settings.policy
    _check_recipe("policy", policy_kind(policy), policy.preset, policy.params)
    _check_recipe("sampling", "generate", "", settings.sampling)
    _check_recipe("evaluation", "evaluate", "", settings.evaluation)
    return settings


def policy_kind(recipe: Recipe) -> str:
    """Return the kind of run that trains a round's policy.

    Raises:
        InvalidInput: if its preset is none that leaves a policy.
    """
    found = PRESETS.get(recipe.preset or DEFAULT_PRESETS["dpo"])
    if found is not None and found.produces == "policy":
        return found.task
    expected = "one of " + ", ".join(
        name for name, preset in PRESETS.items() if preset.produces == "policy"
    )
    raise InvalidInput(
        "The round's settings are not right: policy.",
        expected=expected,
        found=repr(recipe.preset),
        fix="Choose a preset that leaves a policy.",
        fields=[
            {
                "path": "settings.policy.preset",
                "message": f"expected {expected}",
                "value": recipe.preset,
            }
        ],
    )


def _check_recipe(field: str, kind: str, preset: str, params: dict[str, Any]) -> None:
    try:
        check_params(check_preset(kind, preset or DEFAULT_PRESETS[kind]), params)
    except HoneError as error:
        error.message = f"The round's settings are not right: {field}."
        for item in error.fields:
            item["path"] = f"settings.{field}.{item['path']}"
        raise
