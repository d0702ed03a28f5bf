"""What came of a person's answers: said to them when their queue is finished."""

from django.db.models import Count, Exists, OuterRef

from training.models import Snapshot, SnapshotFeedback


def count_contribution(project: int, actor: int) -> tuple[int, int]:
    """Return how many models and rounds learned from an actor's answers.

    A model counts when its run read a snapshot with an answer of theirs.
    """
    theirs = SnapshotFeedback.objects.filter(
        snapshot=OuterRef("pk"), feedback__actor=actor
    )
    found = Snapshot.objects.filter(Exists(theirs), project=project).aggregate(
        models=Count("runs__models", distinct=True),
        rounds=Count("rounds", distinct=True),
    )
    return found["models"], found["rounds"]
