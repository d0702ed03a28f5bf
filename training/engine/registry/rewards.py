"""Reward models, as data: the plain one here, the others by what differs."""

from training.engine.registry import (
    common,
    rewards_heads,
    rewards_meta,
    rewards_pairs,
    rewards_values,
)
from training.engine.registry.preferences_common import USE_WEIGHTS
from training.engine.registry.types import Param, Preset

REWARD_BT = Preset(
    name="reward-bt",
    task="reward",
    title="Bradley-Terry reward model",
    summary=(
        "Learns one score per completion so that the difference of two scores is the "
        "log-odds that the first is preferred."
    ),
    paper=(
        "Ouyang et al. 2022, Training language models to follow instructions with "
        "human feedback, eq. 1; margin: Touvron et al. 2023, Llama 2, eq. 2"
    ),
    produces="reward",
    needs=("train",),
    view="pairs",
    upstream="trl.RewardTrainer",
    identities=(
        "the loss is ln 2 when both scores are equal",
        "swapping the pair changes the loss by the margin",
        "prob(a, b) + prob(b, a) = 1",
    ),
    params=(
        common.learning_rate(1e-4),
        common.EPOCHS,
        common.batch_size(16),
        common.max_length(512),
        Param(
            "dropout",
            "bool",
            False,
            "Train with the model's own dropout: steadier where few texts repeat.",
        ),
        Param(
            "soft_labels",
            "bool",
            True,
            "Learn the share of labels for a side, ties included, not the majority.",
        ),
        Param(
            "use_margin",
            "bool",
            False,
            "Ask for a score difference larger than the row's margin.",
        ),
        Param(
            "center_rewards_coefficient",
            "float",
            None,
            "Weight of the squared sum of both scores, which keeps them near zero.",
            minimum=0.0,
            maximum=10.0,
            nullable=True,
        ),
        common.GROUP_BY_PROMPT,
        USE_WEIGHTS,
        *common.LOOP,
    ),
)

PRESETS: tuple[Preset, ...] = (
    REWARD_BT,
    *rewards_pairs.PRESETS,
    *rewards_meta.PRESETS,
    *rewards_heads.PRESETS,
    *rewards_values.PRESETS,
)
