"""Every head by the name that a row of the algebra and a model's file give it."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from training.engine.rewards import feature_head, heads, token_heads
from training.engine.rewards.heads import Head, Options

HEADS: Mapping[str, Callable[[int, Options], Head]] = {
    "linear": heads.LinearHead,
    "gate": heads.GateHead,
    "mixture": heads.MixtureHead,
    "skew": heads.SkewHead,
    "verdict": heads.VerdictHead,
    "tokens": token_heads.TokenHead,
    "value": token_heads.ValueHead,
    "ideal_point": heads.IdealPointHead,
    "features": feature_head.FeatureHead,
    "latent": heads.LatentHead,
}
