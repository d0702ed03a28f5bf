"""Scores that a reward model's run left."""

from uuid import UUID

from annotation.errors import InvalidInput
from training.models import TrainingRun
from training.services import artifacts

FINAL = "scores.parquet"


def scores_of(run: TrainingRun) -> dict[UUID, float]:
    """Return the score of each completion that a finished run was given.

    Raises:
        InvalidInput: when the file is missing or damaged.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    path = artifacts.output_dir(run.pk) / FINAL
    try:
        rows = pq.read_table(path, columns=["row_id", "score"]).to_pylist()
    except (OSError, pa.ArrowInvalid) as error:
        raise InvalidInput(
            "A run's scores cannot be read.",
            expected=f"a Parquet file at {path}",
            found=str(error)[:300],
            fix="Launch the scoring again.",
        ) from error
    return {UUID(row["row_id"]): float(row["score"]) for row in rows}
