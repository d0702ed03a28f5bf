"""The presets: published methods first, then the engine's own tasks."""

from training.engine.registry import common
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
        *common.LOOP,
    ),
)

LABEL_SMOOTHED_LOSSES = ("robust", "exo_pair")
"""The losses that label smoothing acts on; on the others it would do nothing."""

DPO = Preset(
    name="dpo",
    task="dpo",
    title="Direct preference optimisation",
    summary=(
        "Trains a policy on pairs directly: the implied reward of the chosen "
        "completion, relative to a frozen reference, must exceed the rejected one's."
    ),
    paper=(
        "Rafailov et al. 2023, Direct Preference Optimization: Your Language Model is "
        "Secretly a Reward Model, eq. 7"
    ),
    produces="policy",
    needs=("train",),
    view="pairs",
    upstream="trl.DPOTrainer",
    identities=(
        "the first loss is ln 2, because policy and reference agree",
        "swapping the pair changes the loss by beta times the margin",
        "padding changes nothing",
    ),
    params=(
        common.learning_rate(1e-5),
        common.EPOCHS,
        common.batch_size(4),
        common.max_length(512),
        Param(
            "beta",
            "float",
            0.1,
            "Strength of the tie to the reference: larger stays closer.",
            minimum=1e-6,
            maximum=100.0,
        ),
        Param(
            "loss_type",
            "str",
            "sigmoid",
            "Which pair loss; ipo here divides each log-ratio by its length.",
            choices=(
                "sigmoid",
                "ipo",
                "hinge",
                "robust",
                "exo_pair",
                "nca_pair",
                "sppo_hard",
                "apo_zero",
                "apo_down",
                "sigmoid_norm",
            ),
        ),
        Param(
            "label_smoothing",
            "float",
            0.0,
            "Assumed chance that a label is flipped; acts on robust and exo_pair.",
            minimum=0.0,
            maximum=0.499,
        ),
        Param(
            "precompute_reference",
            "bool",
            True,
            "Run the reference once before training instead of at every step.",
        ),
        *common.LOOP,
    ),
)

GENERATE = Preset(
    name="generate",
    task="generate",
    title="Sample completions",
    summary="Samples completions of prompts from a policy, in batches.",
    needs=("prompts",),
    upstream="transformers.generate",
    params=(
        Param(
            "samples",
            "int",
            1,
            "Completions for each prompt.",
            minimum=1,
            maximum=256,
        ),
        common.TEMPERATURE,
        common.TOP_P,
        common.MAX_NEW_TOKENS,
        common.MAX_PROMPT_TOKENS,
        Param(
            "batch_size",
            "int",
            16,
            "Completions sampled side by side.",
            minimum=1,
            maximum=4096,
        ),
    ),
)

SCORE = Preset(
    name="score",
    task="score",
    title="Score completions",
    summary="Runs a reward model over rows of prompt and completion.",
    needs=("rows",),
    params=(
        Param(
            "batch_size",
            "int",
            32,
            "Completions scored side by side.",
            minimum=1,
            maximum=4096,
        ),
        Param(
            "max_length",
            "int",
            None,
            "Longest sequence in tokens; empty takes the one the model trained with.",
            minimum=8,
            maximum=131072,
            nullable=True,
        ),
    ),
)

EVALUATE = Preset(
    name="evaluate",
    task="evaluate",
    title="Evaluate a model",
    summary=(
        "Reward models: accuracy with an interval, baselines and calibration. "
        "Policies: implicit-reward accuracy, KL to the reference and win rate."
    ),
    params=(
        Param(
            "role",
            "str",
            "reward",
            "What the model is: a reward model or a policy.",
            choices=("reward", "policy"),
        ),
        Param(
            "reward_model",
            "str",
            None,
            "Model source that judges a policy's completions; empty skips that.",
            nullable=True,
        ),
        Param(
            "baselines",
            "bool",
            True,
            "Put 'longer wins' and TF-IDF with logistic regression beside it.",
        ),
        Param(
            "bootstrap",
            "int",
            2000,
            "Resamples behind each confidence interval.",
            minimum=100,
            maximum=100000,
        ),
        Param(
            "beta",
            "float",
            0.1,
            "Scale of a policy's implicit reward; reported margins depend on it.",
            minimum=1e-6,
            maximum=100.0,
        ),
        Param(
            "samples",
            "int",
            1,
            "Completions sampled for each prompt and policy.",
            minimum=1,
            maximum=64,
        ),
        common.TEMPERATURE,
        common.TOP_P,
        common.MAX_NEW_TOKENS,
        common.MAX_PROMPT_TOKENS,
        Param(
            "batch_size",
            "int",
            16,
            "Sequences run side by side.",
            minimum=1,
            maximum=4096,
        ),
        Param(
            "max_length",
            "int",
            512,
            "Longest sequence in tokens; longer ones are shortened and counted.",
            minimum=8,
            maximum=131072,
        ),
    ),
)

ALL: tuple[Preset, ...] = (REWARD_BT, DPO, GENERATE, SCORE, EVALUATE)
