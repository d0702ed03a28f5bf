"""What reward models share: settings, and one way to a row."""

from __future__ import annotations

from collections.abc import Sequence

from training.engine.registry import common
from training.engine.registry.preferences_common import USE_WEIGHTS, real
from training.engine.registry.rewards_algebra import RewardRow
from training.engine.registry.types import MadeBy, Param, Preset, Status

CENTRE = Param(
    "center_rewards_coefficient",
    "float",
    None,
    "Weight of the squared sum of both scores, which keeps them near zero.",
    minimum=0.0,
    maximum=10.0,
    nullable=True,
)
SOFT = Param(
    "soft_labels",
    "bool",
    True,
    "Learn the share of labels for a side, ties included, not the majority.",
)
MARGIN = Param(
    "use_margin",
    "bool",
    False,
    "Ask for a score difference larger than the row's margin.",
)


def whole(name: str, default: int, help: str, *, low: int = 1, high: int = 64) -> Param:
    """Return a whole-number setting with bounds."""
    return Param(name, "int", default, help, minimum=low, maximum=high)


def flag(name: str, default: bool, help: str) -> Param:
    """Return a yes-or-no setting."""
    return Param(name, "bool", default, help)


def words(name: str, default: str, help: str) -> Param:
    """Return a setting of words or numbers with commas between them."""
    return Param(name, "str", default, help)


def reward_method(
    name: str,
    title: str,
    *,
    summary: str,
    equation: str,
    settings: RewardRow,
    own: Sequence[Param] = (),
    paper: str,
    status: Status,
    verified: str,
    tests: Sequence[str],
    identities: Sequence[str],
    neighbour: str = "reward-bt",
    upstream: str = "none",
    columns: Sequence[str] = (),
    models: Sequence[str] = (),
    goes_on_from: str = "",
    unverified: str = "",
    alias_of: str = "",
    not_to_confuse: str = "",
    rate: float = 1e-5,
    batch: int = 8,
) -> Preset:
    """Return the preset of a reward model.

    Args:
        goes_on_from: the method whose model it starts from, if it is a second stage.
    """
    return Preset(
        name=name,
        task="reward",
        title=title,
        summary=summary,
        paper=paper,
        produces="reward",
        needs=("train",),
        view=settings.data,
        backends=("hone",),
        upstream=upstream,
        identities=tuple(identities),
        params=(
            common.learning_rate(rate),
            common.EPOCHS,
            common.batch_size(batch),
            common.max_length(512),
            *own,
            USE_WEIGHTS,
            *common.LOOP,
        ),
        equation=equation,
        settings=settings,
        columns=tuple(columns),
        models=tuple(models),
        made_by=(MadeBy(("model",), (goes_on_from, name)),) if goes_on_from else (),
        status=status,
        verified=verified,
        unverified=unverified,
        tests=tuple(tests),
        neighbour=neighbour,
        alias_of=alias_of,
        not_to_confuse=not_to_confuse,
    )


__all__ = [
    "CENTRE",
    "MARGIN",
    "SOFT",
    "flag",
    "real",
    "reward_method",
    "whole",
    "words",
]
