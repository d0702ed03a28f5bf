"""What the methods on collected preferences share: settings, and one way to a row."""

from __future__ import annotations

from collections.abc import Sequence

from training.engine.registry import common
from training.engine.registry.algebra import MASKED, Objective
from training.engine.registry.types import Param, Preset, Status

PRECOMPUTE = Param(
    "precompute_reference",
    "bool",
    True,
    "Run frozen models once before training instead of at every step.",
)
USE_WEIGHTS = Param(
    "use_weights",
    "bool",
    False,
    "Weigh every row by its weight, scaled to a mean of one.",
)


def beta(default: float = 0.1, help: str = "") -> Param:
    """Return the strength of the tie to the reference."""
    return Param(
        "beta",
        "float",
        default,
        help or "Strength of the tie to the reference: larger stays closer.",
        minimum=1e-6,
        maximum=100.0,
    )


def real(
    name: str, default: float, help: str, *, low: float = 0.0, high: float = 1e6
) -> Param:
    """Return a numeric setting with bounds."""
    return Param(name, "float", default, help, minimum=low, maximum=high)


def flips(default: float, help: str, *, low: float = 0.0) -> Param:
    """Return the assumed chance that a label is flipped."""
    return real("label_smoothing", default, help, low=low, high=0.499)


def loop(
    *own: Param, rate: float = 1e-5, batch: int = 4, at_once: bool = True
) -> tuple[Param, ...]:
    """Return a method's settings: the usual ones, its own, those of every loop.

    Args:
        at_once: whether frozen models may run once, before training.
    """
    return (
        common.learning_rate(rate),
        common.EPOCHS,
        common.batch_size(batch),
        common.max_length(512),
        *own,
        *((PRECOMPUTE,) if at_once else ()),
        USE_WEIGHTS,
        *common.LOOP,
    )


def method(
    name: str,
    title: str,
    *,
    summary: str,
    equation: str,
    settings: Objective,
    own: Sequence[Param] = (),
    paper: str,
    status: Status,
    verified: str,
    tests: Sequence[str],
    identities: Sequence[str],
    neighbour: str,
    upstream: str = "none",
    columns: Sequence[str] = (),
    models: Sequence[str] = (),
    one_of: Sequence[str] = (),
    unverified: str = "",
    alias_of: str = "",
    not_to_confuse: str = "",
    rate: float = 1e-5,
    batch: int = 4,
) -> Preset:
    """Return the preset of a method on collected preferences."""
    return Preset(
        name=name,
        task="dpo",
        title=title,
        summary=summary,
        paper=paper,
        produces="policy",
        needs=("train",),
        view=settings.data,
        backends=("hone",),
        upstream=upstream,
        identities=tuple(identities),
        params=loop(
            *own, rate=rate, batch=batch, at_once=settings.tokens not in MASKED
        ),
        equation=equation,
        settings=settings,
        columns=tuple(columns),
        models=tuple(models),
        one_of=tuple(one_of),
        status=status,
        verified=verified,
        unverified=unverified,
        tests=tuple(tests),
        neighbour=neighbour,
        alias_of=alias_of,
        not_to_confuse=not_to_confuse,
    )
