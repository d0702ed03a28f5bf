"""The algebra of preference objectives: what a method's row of settings may say.

A sequence i scores ``s_i = norm_i * sum_t a_it * (lp_it - sum_m c_m * l^m_it) + o_i``
from the policy's token log-probabilities lp and those of frozen models m. A link turns
the scores of an example into its loss, anchors add terms about single sequences. The
words below name pieces that ``training.engine.objectives`` implements.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Data = Literal["pairs", "lists", "unary", "demonstrations"]
Mix = Literal["none", "reference", "scaled", "history", "extrapolated", "teachers"]
Tokens = Literal["completion", "prompt", "suffix", "discounted", "masked", "activated"]
MASKED: tuple[Tokens, ...] = ("masked", "activated")
"""Tokens that count by masks, which learn or are read off activations."""
Norm = Literal["sum", "mean"]
Offset = Literal["none", "inverse_length"]
Scale = Literal["one", "beta", "share", "strength", "sides", "bias"]
Margin = Literal["none", "gamma", "reference_probability", "rewards"]
Label = Literal["hard", "soft", "smoothed", "value_gap", "state", "self"]
Link = Literal[
    # pairs
    "logistic",
    "robust",
    "hinge",
    "squared",
    "exo",
    "nca",
    "sppo_hard",
    "apo_zero",
    "apo_down",
    "discopop",
    "odds",
    "reward_gap",
    # single completions
    "nll",
    "kto",
    "teacher_logistic",
    "win_rate_target",
    "value_target",
    # lists
    "ranking",
    "lambda",
    "levels",
    "tree",
    "attributes",
    "reward_gaps",
]
Anchor = Literal[
    "chosen_nll",
    "calibration",
    "rationale",
    "token_reward",
    "best_nll",
    "trust_region",
    "power",
    "sparsity",
    "degrees",
]
Map = Literal["none", "goals", "shots", "contrast_prompts", "rewrites"]


@dataclass(frozen=True)
class Objective:
    """One row of the algebra; defaults are DPO's.

    Attributes:
        data: which view its rows come from.
        link: how scores become a loss.
        mix: which frozen models' log-probabilities are taken off, c.
        norm: sum over tokens, or mean.
        tokens: which tokens count and how much, a.
        offset: what is added to a score, o.
        scale: the factor of each side's score before the link.
        margin: what is taken off the scaled difference.
        label: the probability that the chosen side is better.
        anchors: terms about single sequences.
        map: how rows are rewritten before training.
    """

    data: Data = "pairs"
    link: Link = "logistic"
    mix: Mix = "reference"
    norm: Norm = "sum"
    tokens: Tokens = "completion"
    offset: Offset = "none"
    scale: Scale = "beta"
    margin: Margin = "none"
    label: Label = "hard"
    anchors: tuple[Anchor, ...] = ()
    map: Map = "none"
