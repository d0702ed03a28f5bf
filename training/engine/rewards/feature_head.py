"""A head that reads numbers somebody gave a completion, not its text."""

from __future__ import annotations

from torch import nn

from training.engine.rewards.heads import Features, Head, Options, Output


class FeatureHead(Head):
    """A small network on rated features of a completion; few pairs suffice for it.

    Options: ``features``, how many numbers; ``hidden``, width of its one layer.

    Source: Prompted opinion summarisation with an inductive-bias reward model
    (features of summaries; the network from memory).
    """

    wants = frozenset({"numbers"})

    def __init__(self, width: int, options: Options) -> None:
        super().__init__()
        hidden = int(options.get("hidden", 16))
        self.read = nn.Sequential(
            nn.Linear(int(options["features"]), hidden),
            nn.ReLU(),
            nn.Linear(hidden, 1),
        )

    def forward(self, features: Features) -> Output:
        return Output(self.read(self.needed(features.numbers, "numbers")))
