"""Scores that a reward model's run left."""

import math
from collections.abc import Iterator
from typing import Any
from uuid import UUID

from annotation.errors import InvalidInput
from training.models import TrainingRun
from training.services import artifacts

FINAL, FEATURES = "scores.parquet", "features.parquet"


def scores_of(run: TrainingRun) -> dict[UUID, float]:
    """Return the score of each completion that a finished run was given.

    Raises:
        InvalidInput: when the file is missing or damaged, or a score is no number.
    """
    scores = {pk: float(score) for pk, score in _column(run, FINAL, "score")}
    broken = sum(not math.isfinite(score) for score in scores.values())
    if broken:
        # Nothing compares with NaN: it would be chosen, gated on and kept as if it did.
        raise InvalidInput(
            "The reward model's scores are no numbers.",
            expected="a finite score for each completion",
            found=f"{broken} of {len(scores)} that are NaN or infinite",
            fix="It has been trained to pieces: lower its learning rate, train it "
            "again and score with that.",
        )
    return scores


def features_of(run: TrainingRun) -> dict[UUID, list[float]]:
    """Return the vector of each completion, of a run that was asked for features.

    Raises:
        InvalidInput: when the file is missing or damaged.
    """
    return dict(_column(run, FEATURES, "features"))


def _column(run: TrainingRun, file: str, name: str) -> Iterator[tuple[UUID, Any]]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    path = artifacts.output_dir(run.pk) / file
    try:
        rows = pq.read_table(path, columns=["row_id", name]).to_pylist()
    except (OSError, pa.ArrowInvalid) as error:
        raise InvalidInput(
            "A run's scores cannot be read.",
            expected=f"a Parquet file at {path}",
            found=str(error)[:300],
            fix="Launch the scoring again.",
        ) from error
    for row in rows:
        yield UUID(row["row_id"]), row[name]
