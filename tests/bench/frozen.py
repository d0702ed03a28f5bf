"""Comparisons as differences of frozen MiniLM features, for studies of small heads."""

import gzip
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from training.services.curation_heads import Floats

MODEL = "wheel:minilm"
MAX_LENGTH = 256


@dataclass(frozen=True)
class Comparisons:
    """Pairs with what people said of them.

    Attributes:
        gaps: features of side a less those of side b, shape (N, F).
        votes: labels for a and for b, shape (N, 2); ties count half to each.
        topics: shape (N,).
        prompts: each pair's prompt, numbered, (N,).
        features: of every distinct text, shape (T, F).
        sides: each pair's two texts, shape (N, 2).
    """

    gaps: Floats
    votes: Floats
    topics: npt.NDArray[np.str_]
    prompts: npt.NDArray[np.int64]
    features: Floats
    sides: npt.NDArray[np.int64]

    @property
    def majority(self) -> Floats:
        """1 where most prefer a, 0 where most prefer b, 0.5 where they are even."""
        a, b = self.votes.T
        return np.asarray(0.5 + 0.5 * np.sign(a - b), dtype=np.float64)


def read_rows(*paths: Path) -> list[dict[str, Any]]:
    rows = []
    for path in paths:
        with gzip.open(path, "rt", encoding="utf-8") as lines:
            rows += [json.loads(line) for line in lines]
    return rows


def topic_of(row: dict[str, Any]) -> str:
    """Return the debate: the prompt's first line, whichever side it argues for."""
    return str(row["prompt"][0]["content"]).partition("\n")[0]


def embedded(rows: list[dict[str, Any]]) -> Comparisons:
    """Return rows of the layout `pairs` with MiniLM features, each text read once."""
    from training.engine.features import completion_features
    from training.engine.models import load_backbone
    from training.engine.spec import ModelPart

    places: dict[tuple[str, str], int] = {}
    prompts, texts = [], []
    sides = []
    for row in rows:
        pair = []
        for side in ("a", "b"):
            key = (json.dumps(row["prompt"]), row[side]["text"])
            if key not in places:
                places[key] = len(places)
                prompts.append(row["prompt"])
                texts.append([{"role": "assistant", "content": row[side]["text"]}])
            pair.append(places[key])
        sides.append(pair)
    loaded = load_backbone(ModelPart(source=MODEL))
    found = completion_features(
        loaded, prompts, texts, max_length=MAX_LENGTH, batch_size=32
    )
    features = found.double().numpy()
    at = np.array(sides, dtype=np.int64)
    asked = [json.dumps(row["prompt"]) for row in rows]
    votes = [
        [
            sum(
                1.0 if label["choice"] == side else 0.5 * (label["choice"] == "tie")
                for label in row["labels"]
            )
            for side in ("a", "b")
        ]
        for row in rows
    ]
    return Comparisons(
        gaps=features[at[:, 0]] - features[at[:, 1]],
        votes=np.array(votes),
        topics=np.array([topic_of(row) for row in rows]),
        prompts=np.unique(asked, return_inverse=True)[1].reshape(-1),
        features=features,
        sides=at,
    )


def mean_and_interval(values: Floats, *, seed: int = 0) -> tuple[float, float, float]:
    """Return a mean with its 95 % bootstrap interval over paired repetitions."""
    draw = np.random.default_rng(seed)
    picks = draw.integers(len(values), size=(10000, len(values)))
    means = values[picks].mean(axis=1)
    low, high = np.quantile(means, [0.025, 0.975])
    return float(values.mean()), float(low), float(high)
