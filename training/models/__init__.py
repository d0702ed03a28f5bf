"""What was learned from the record: snapshots, runs, models, evaluations, rounds.

And what models say to people who talk with them.
"""

from training.models.curation import CurationJob
from training.models.model_versions import Evaluation, ModelVersion
from training.models.rounds import Round
from training.models.routing import RoutingDecision, RoutingPlan, TaskFeatures
from training.models.runs import RunEvent, TrainingRun
from training.models.snapshots import Snapshot, SnapshotFeedback
from training.models.talks import Reply, Talk, Turn

__all__ = [
    "CurationJob",
    "Evaluation",
    "ModelVersion",
    "Reply",
    "Round",
    "RoutingDecision",
    "RoutingPlan",
    "RunEvent",
    "Snapshot",
    "SnapshotFeedback",
    "Talk",
    "TaskFeatures",
    "TrainingRun",
    "Turn",
]
