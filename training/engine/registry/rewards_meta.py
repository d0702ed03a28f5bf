"""Reward models that also look at what a policy writes now."""

from training.engine.registry.rewards_algebra import RewardRow
from training.engine.registry.rewards_common import (
    MARGIN,
    SOFT,
    real,
    reward_method,
    whole,
)
from training.engine.registry.types import Preset

META = reward_method(
    "reward-meta",
    "Meta-learned reward model (MetaRM, Secrets of RLHF II)",
    summary="Bradley-Terry whose gradient is taken where the policy's own completions "
    "stand further apart, so that the model still tells them from each other after "
    "the policy has moved on. The policy draws them once, at the start.",
    equation="J = (2/k^2)*sum_{i<j} sig(|r(s_i) - r(s_j)|), t' = t + eta*grad J(t), "
    "t <- t - alpha*grad L_bt(t')",
    settings=RewardRow(),
    own=[
        real("meta_rate", 1e-3, "How far eta each step looks; 0 is reward-bt."),
        whole("meta_samples", 4, "Completions k of each prompt.", low=2),
        whole("meta_batch", 4, "Prompts that each step looks at.", high=1024),
        whole("meta_prompts", 64, "Prompts to draw completions of.", high=100000),
        whole("max_new_tokens", 128, "Longest drawn completion.", high=32768),
        SOFT,
        MARGIN,
    ],
    paper="Wang et al. 2024, Secrets of RLHF in Large Language Models Part II: Reward "
    "Modeling, MetaRM",
    models=["policy"],
    status="text",
    verified="the paper's three equations",
    unverified="the published rates and numbers of samples; whether the gradient also "
    "flows through the step towards J, which it does not here",
    identities=[
        "eta = 0 is reward-bt",
        "J is 1/2 - 1/(2k) where all samples score alike, and less than twice that",
        "the gradient is L_bt's at the moved weights, and the weights come back",
    ],
    tests=[
        "test_spread_of_samples_by_hand",
        "test_meta_steps_take_the_gradient_where_samples_stand_apart",
    ],
    neighbour="reward-bt",
)

PRESETS: tuple[Preset, ...] = (META,)
