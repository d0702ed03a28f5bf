"""Policies from preferences that were collected before training, as data.

DPO with the pair losses of the library stands here; the other families have files of
their own.
"""

from collections.abc import Mapping

from training.engine.registry import (
    preferences_anchored,
    preferences_data,
    preferences_free,
    preferences_iterates,
    preferences_lists,
    preferences_pairs,
    preferences_points,
    preferences_tokens,
)
from training.engine.registry.algebra import Objective
from training.engine.registry.preferences_common import beta, flips, loop
from training.engine.registry.types import Param, Preset

LABEL_SMOOTHED_LOSSES = ("robust", "exo_pair")
"""The losses that label smoothing acts on; on the others it would do nothing."""

LOSS_TYPES: Mapping[str, Objective] = {
    "sigmoid": Objective(),
    "ipo": Objective(link="squared", norm="mean"),
    "hinge": Objective(link="hinge"),
    "robust": Objective(link="robust"),
    "exo_pair": Objective(link="exo"),
    "nca_pair": Objective(link="nca"),
    "sppo_hard": Objective(link="sppo_hard"),
    "apo_zero": Objective(link="apo_zero"),
    "apo_down": Objective(link="apo_down"),
    "sigmoid_norm": Objective(norm="mean"),
}
"""TRL's names for pair losses, as rows of the algebra."""

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
    backends=("hone", "trl"),
    upstream="trl.DPOTrainer, with the same names of losses",
    identities=(
        "the first loss is ln 2, because policy and reference agree",
        "swapping the pair changes the loss by beta times the margin",
        "padding changes nothing",
    ),
    params=loop(
        beta(),
        Param(
            "loss_type",
            "str",
            "sigmoid",
            "Which pair loss; ipo here divides each log-ratio by its length.",
            choices=tuple(LOSS_TYPES),
        ),
        flips(0.0, "Assumed chance that a label is flipped; for robust and exo_pair."),
    ),
    equation="L = -log sig(beta*h),  h = s(yw) - s(yl),  s(y) = lp(y) - lr(y)",
    settings=Objective(),
    status="code",
    verified="TRL's trainer; derivation of the optimum",
    tests=("test_dpo_population_optimum", "test_pair_losses_equal_trls"),
    neighbour="ipo",
)

PRESETS: tuple[Preset, ...] = (
    DPO,
    *preferences_pairs.PRESETS,
    *preferences_free.PRESETS,
    *preferences_data.PRESETS,
    *preferences_anchored.PRESETS,
    *preferences_iterates.PRESETS,
    *preferences_lists.PRESETS,
    *preferences_tokens.PRESETS,
    *preferences_points.PRESETS,
)
