"""Policies from preferences that were collected before training, as data."""

from training.engine.registry import common
from training.engine.registry.types import Param, Preset

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

PRESETS: tuple[Preset, ...] = (DPO,)
