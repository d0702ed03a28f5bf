"""What was learned from the record: snapshots, runs, models, evaluations, rounds."""

from training.models.model_versions import Evaluation, ModelVersion
from training.models.rounds import Round
from training.models.runs import RunEvent, TrainingRun
from training.models.snapshots import Snapshot, SnapshotFeedback

__all__ = [
    "Evaluation",
    "ModelVersion",
    "Round",
    "RunEvent",
    "Snapshot",
    "SnapshotFeedback",
    "TrainingRun",
]
