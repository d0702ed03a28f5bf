"""The algebra of reward models: what a method's row of settings may say.

A model scores ``A(H(B(x, y)))`` and learns by L: a backbone reads the texts, a head
makes components of what it read, an aggregation makes one number of them. The words
below name pieces that ``training.engine.rewards`` implements.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Data = Literal["pairs", "lists", "vectors", "scalars", "unary", "tokens", "entailment"]
Head = Literal[
    "linear",
    "gate",
    "mixture",
    "skew",
    "verdict",
    "tokens",
    "value",
    "ideal_point",
    "latent",
    "features",
]
Loss = Literal[
    # pairs
    "logistic",
    "smoothed",
    "robust",
    "rao_kupper",
    "davidson",
    "anchored",
    "cost",
    "bootstrap",
    "balanced",
    "contrastive",
    "mixture",
    "membership",
    "skew",
    "elbo",
    # lists
    "plackett_luce",
    "lambda",
    # single completions
    "squared",
    "unary",
    "td",
    "segments",
    "answer",
]
Aggregation = Literal["identity", "weighted", "mean", "minimum", "mean_less_variance"]
Map = Literal[
    "none", "context", "shots", "joint", "reference", "factors", "principle", "judge"
]
Invariance = Literal["prompt_offset", "scale", "order", "user"]


@dataclass(frozen=True)
class RewardRow:
    """One row of the algebra; defaults are Bradley-Terry's.

    Attributes:
        data: which view its rows come from.
        head: what makes components of the backbone's states.
        loss: how components become a loss.
        aggregation: how components become the one number that is reported.
        map: how rows are rewritten before the backbone reads them.
        named: the column that names whose opinion or which domain a row is of.
        blind_to: changes that leave the loss as it is: a number added to all scores
            of a prompt; all scores times a number; which side is shown first; who
            said it.
    """

    data: Data = "pairs"
    head: Head = "linear"
    loss: Loss = "logistic"
    aggregation: Aggregation = "identity"
    map: Map = "none"
    named: str = ""
    blind_to: tuple[Invariance, ...] = ("prompt_offset", "user")
