"""The settings that online methods share: sampling, rewards, updates, the KL tie."""

from dataclasses import replace

from training.engine.registry import common
from training.engine.registry.online_rows import OnlineRow
from training.engine.registry.types import Param, ParamValue


def with_defaults(
    params: tuple[Param, ...], **defaults: ParamValue
) -> tuple[Param, ...]:
    """Return settings with some defaults replaced.

    Raises:
        KeyError: if a default belongs to no setting.
    """
    names = {param.name for param in params}
    if unknown := defaults.keys() - names:
        raise KeyError(f"no such settings: {', '.join(sorted(unknown))}")
    return tuple(
        replace(param, default=defaults[param.name])
        if param.name in defaults
        else param
        for param in params
    )


def number(
    name: str,
    default: float | None,
    help: str,
    low: float,
    high: float,
    *,
    nullable: bool = False,
) -> Param:
    """Return a setting that is a number between two bounds."""
    return Param(
        name, "float", default, help, minimum=low, maximum=high, nullable=nullable
    )


def count(name: str, default: int, help: str, low: int, high: int) -> Param:
    """Return a setting that is a whole number between two bounds."""
    return Param(name, "int", default, help, minimum=low, maximum=high)


def choice(name: str, default: str, help: str, *choices: str) -> Param:
    """Return a setting that is one of a few words."""
    return Param(name, "str", default, help, choices=choices)


SAMPLING = (
    count(
        "prompts_per_update",
        32,
        "Prompts sampled for one update, on each device.",
        1,
        65536,
    ),
    count("samples", 1, "Completions of each prompt.", 1, 256),
    count(
        "sampling_batch_size",
        32,
        "Completions sampled and scored side by side.",
        1,
        4096,
    ),
    number("temperature", 1.0, "Sampling temperature; losses use it too.", 0.01, 10.0),
    common.MAX_NEW_TOKENS,
    common.MAX_PROMPT_TOKENS,
    choice(
        "sampler",
        "local",
        "What draws completions: this process, or the worker's vLLM server.",
        "local",
        "vllm",
    ),
    number(
        "importance_cap",
        2.0,
        "Largest weight of a token that a server drew.",
        0.0,
        1e3,
    ),
)

REWARDS = (
    Param(
        "reward_model",
        "str",
        None,
        "Model source that scores completions; or name it as models.reward.",
        nullable=True,
    ),
    number("reward_weight", 1.0, "What the reward model's score counts.", -100, 100),
    choice(
        "rule",
        "none",
        "A rule that scores completions too, or alone.",
        "none",
        "lexicon",
        "length",
        "contains",
    ),
    number("rule_weight", 1.0, "What the rule's score counts.", -100, 100),
    Param("rule_words", "str", "", "Words for the rule contains, commas between them."),
    count("rule_target", 64, "Tokens that the rule length aims at.", 1, 32768),
    Param(
        "source_weights",
        "str",
        "",
        "Weights of rewards by name, such as reward=1, cost=-0.5.",
    ),
)

REFERENCES = count(
    "reference_samples", 4, "Completions of the reference for each prompt.", 2, 64
)

SHAPING = (
    choice(
        "score_scale",
        "none",
        "Move scores so that the reference's mean is 0, or scale them too.",
        "none",
        "reference",
        "reference_scaled",
        "running",
    ),
    number("score_clip", None, "Largest score either way.", 1e-6, 1e6, nullable=True),
    number(
        "missing_end_penalty",
        None,
        "What a completion that hits the length limit loses.",
        0.0,
        1e6,
        nullable=True,
    ),
    choice(
        "missing_end",
        "subtract",
        "Whether that is taken off the score or replaces it.",
        "subtract",
        "replace",
    ),
    count("length_free", 0, "Completion tokens that cost nothing.", 0, 32768),
    number("length_penalty", 0.0, "What each token beyond those costs.", 0.0, 1e3),
)

KL = (
    number("kl_coef", 0.05, "Strength of the tie to the reference.", 0.0, 1e3),
    choice(
        "kl_estimator",
        "k1",
        "How a token's KL is estimated: k1 in the reward, k2 or k3 in the loss.",
        "k1",
        "k2",
        "k3",
    ),
    choice(
        "kl_place",
        "reward",
        "Whether the penalty is part of the reward or of the loss.",
        "reward",
        "loss",
    ),
    number(
        "kl_target",
        None,
        "Nats a completion that the strength is steered to; empty keeps it.",
        1e-6,
        1e6,
        nullable=True,
    ),
    number(
        "kl_horizon",
        10000.0,
        "Completions over which steering changes the strength by a fifth.",
        1.0,
        1e9,
    ),
)

UPDATES = (
    count("ppo_epochs", 4, "Passes over an update's completions.", 1, 64),
    count("minibatch", 16, "Completions of one optimiser step, a device.", 1, 65536),
    count("batch_size", 8, "Completions in one forward pass.", 1, 4096),
    number("clip_low", 0.2, "How far a probability ratio may fall.", 0.0, 1.0),
    number("clip_high", 0.2, "How far a probability ratio may rise.", 0.0, 100.0),
    number(
        "dual_clip",
        None,
        "Bound of the loss where the advantage is negative.",
        1.0,
        1e3,
        nullable=True,
    ),
    number("entropy_coef", 0.0, "Weight of the rewarded entropy.", 0.0, 10.0),
    choice(
        "reduction",
        "token_mean",
        "How token losses are averaged.",
        "token_mean",
        "sequence_mean",
        "sequence_sum",
        "constant",
    ),
    number(
        "stop_kl",
        None,
        "Nats a token from the old policy that end an update early.",
        1e-6,
        1e3,
        nullable=True,
    ),
    number("adam_epsilon", 1e-5, "AdamW's epsilon.", 1e-12, 1e-1),
)

CRITIC = (
    choice(
        "critic",
        "auto",
        "What values start from; auto takes the reward model where it fits.",
        "auto",
        "reward",
        "zero",
        "shared",
    ),
    number("critic_learning_rate", 1e-5, "The critic's own step size.", 0.0, 1.0),
    count("critic_warmup", 0, "Updates in which the critic alone learns.", 0, 100000),
    number("value_coef", 0.1, "Weight of the value loss.", 0.0, 100.0),
    number(
        "value_clip",
        0.2,
        "How far a value may move in an update; empty does not limit it.",
        0.0,
        1e6,
        nullable=True,
    ),
    number("discount", 1.0, "Gamma: what a later reward is worth.", 0.0, 1.0),
    number("trace", 0.95, "Lambda of the advantage estimates.", 0.0, 1.0),
    choice(
        "score_place",
        "last",
        "Whether the score stands on the last token or behind it.",
        "last",
        "after_end",
    ),
    Param("whiten_rewards", "bool", False, "Give rewards unit variance."),
    Param(
        "whiten_advantages", "bool", True, "Give advantages zero mean, unit variance."
    ),
)

PAR = (
    REFERENCES,
    number("steepness", 1.0, "Scale of reward differences in the sigmoid.", 1e-3, 1e3),
)
LSC = (
    REFERENCES,
    number(
        "quantile", 0.85, "Quantile of the reference's rewards to reach.", 0.01, 0.99
    ),
)
VARIANCE = (
    number(
        "variance_penalty", 1.0, "What a unit of the members' variance costs.", 0, 1e3
    ),
)
WORST = (
    number("keep", 0.9, "Share of the old value in each group's running mean.", 0, 1),
)
CONSTRAINED = (
    Param(
        "thresholds",
        "str",
        "",
        "What each reward must reach, such as reward=0.5, safety=0.9.",
    ),
    Param("equality", "bool", False, "Meet thresholds exactly, not at least."),
    number("dual_rate", 0.1, "Step size of the multipliers.", 0.0, 1e3),
)
TEMPORARY = (
    number("success", 0.5, "The score from which a completion is right.", -1e6, 1e6),
    number("weight", 0.1, "What a flagged prompt's completions count.", 0.0, 1.0),
)
SPREAD = (
    number("kept_share", 0.5, "Share of an update's completions kept.", 0.01, 1.0),
    number("token_share", 0.5, "Share of each completion's tokens kept.", 0.01, 1.0),
)

BETA = number("beta", 0.1, "Strength of the tie to the reference.", 1e-6, 100.0)
MIXING = number(
    "mixing", 0.125, "Weight of the reference in the opponent: 0 is self-play.", 0.0, 1
)
OPPONENTS = (
    count(
        "opponent_samples", 2, "Completions that each one is measured against.", 1, 64
    ),
    PAR[1],
)
REJECTION = (
    count("accepted", 4, "Candidates of each prompt that are kept.", 2, 256),
    number(
        "rejection_beta",
        0.5,
        "Temperature of the acceptance: small keeps the best, large any.",
        1e-3,
        1e3,
    ),
)
SAFETY = (
    number("inflation", 2.0, "Half-widths of the interval to clear in training.", 0, 9),
    number("confidence", 0.9, "Confidence of that interval and of the test.", 0.5, 1),
    Param("safety_source", "str", "safety", "The reward that the test is about."),
    choice(
        "safety_bound",
        "student",
        "Bound of the test; the other two need rewards between known limits.",
        "student",
        "hoeffding",
        "bernstein",
    ),
    number("reward_low", 0.0, "Least such reward, for those bounds.", -1e6, 1e6),
    number("reward_high", 1.0, "Largest such reward, for those bounds.", -1e6, 1e6),
)

LOOP = (
    common.WARMUP,
    common.SCHEDULE,
    common.WEIGHT_DECAY,
    common.MAX_GRAD_NORM,
    common.AVERAGING,
    common.AVERAGING_DECAY,
    common.AVERAGING_SHARE,
    common.GRADIENT_CHECKPOINTING,
    common.CHECKPOINT_STEPS,
    common.CHECKPOINT_SECONDS,
    common.LOG_STEPS,
)
"""The settings of every loop that make sense here: a step is an update."""


def with_critic(*own: Param, **defaults: ParamValue) -> tuple[Param, ...]:
    """Return the settings of a method with a critic, its own pieces first."""
    every = (
        *own,
        common.learning_rate(3e-6),
        common.EPOCHS,
        *SAMPLING,
        *REWARDS,
        *KL,
        *CRITIC,
        *SHAPING,
        *UPDATES,
        *LOOP,
    )
    return with_defaults(every, **defaults)


def without_critic(
    row: OnlineRow, *own: Param, **defaults: ParamValue
) -> tuple[Param, ...]:
    """Return the settings of a method whose completions are compared in groups.

    What its row fixes is no setting, and what it leaves unused is left out.
    """
    fixed = {"kl_estimator", "kl_place", "reduction"}
    if row.surrogate == "likelihood":
        fixed |= {"clip_low", "clip_high", "dual_clip"}
    if row.is_single_step:
        fixed |= {"ppo_epochs", "minibatch", "stop_kl"}
    tie = () if row.kl_place == "none" else KL
    every = (
        *own,
        common.learning_rate(1e-6),
        common.EPOCHS,
        *SAMPLING,
        *REWARDS,
        *tie,
        *SHAPING,
        *UPDATES,
        *LOOP,
    )
    kept = tuple(param for param in every if param.name not in fixed)
    usual: dict[str, ParamValue] = {"samples": 8, "ppo_epochs": 1}
    names = {param.name for param in kept}
    usual = {name: value for name, value in usual.items() if name in names}
    return with_defaults(kept, **{**usual, **defaults})
