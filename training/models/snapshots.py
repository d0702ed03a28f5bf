"""Snapshots: a view over a filter, frozen to Parquet with a manifest."""

import uuid

from django.conf import settings
from django.db import models

from annotation.models import Feedback, Project


class Snapshot(models.Model):
    """A frozen batch of training rows. A trigger refuses changes once it is ready."""

    class State(models.TextChoices):
        QUEUED = "queued", "queued"
        RUNNING = "running", "running"
        READY = "ready", "ready"
        FAILED = "failed", "failed"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    project = models.ForeignKey(
        Project, on_delete=models.PROTECT, related_name="snapshots"
    )
    name = models.CharField(max_length=200)
    view = models.CharField(max_length=40, default="pairs")
    query = models.JSONField(default=dict, blank=True, help_text="The filter.")
    state = models.CharField(max_length=10, choices=State, default=State.QUEUED)
    manifest = models.JSONField(
        default=dict, blank=True, help_text="query, counts, dropped and why, sha256"
    )
    sha256 = models.CharField(max_length=64, blank=True)
    rows = models.PositiveIntegerField(default=0)
    error = models.JSONField(null=True, blank=True)
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, blank=True
    )
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["-created_at"]

    def __str__(self) -> str:
        return self.name


class SnapshotFeedback(models.Model):
    """Which feedback a snapshot's rows came from: lineage in both directions."""

    snapshot = models.ForeignKey(
        Snapshot, on_delete=models.CASCADE, related_name="members"
    )
    feedback = models.ForeignKey(
        Feedback, on_delete=models.PROTECT, related_name="snapshots"
    )

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["snapshot", "feedback"], name="snapshot_member_once"
            )
        ]

    def __str__(self) -> str:
        return f"{self.feedback_id} in {self.snapshot_id}"
