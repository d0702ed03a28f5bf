"""Curation at work: what was asked for, and what it found."""

from django.conf import settings as configured
from django.db import models

from annotation.models import Project


class CurationJob(models.Model):
    """One piece of curation: a row that a worker claims by its state."""

    class Kind(models.TextChoices):
        VERIFY = "verify", "set labels apart for the verified pool"
        ITERATE = "iterate", "judge neighbours of a reward model's errors"
        VOTES = "votes", "let reward models vote on labels"
        RECYCLE = "recycle", "give labels another look"

    class State(models.TextChoices):
        QUEUED = "queued", "waits for a worker"
        RUNNING = "running", "at work"
        DONE = "done", "done"
        FAILED = "failed", "failed"

    project = models.ForeignKey(
        Project, on_delete=models.CASCADE, related_name="curation_jobs"
    )
    kind = models.CharField(max_length=10, choices=Kind)
    state = models.CharField(max_length=10, choices=State, default=State.QUEUED)
    settings = models.JSONField(default=dict)
    result = models.JSONField(default=dict)
    error = models.JSONField(null=True, blank=True)
    created_by = models.ForeignKey(
        configured.AUTH_USER_MODEL,
        on_delete=models.SET_NULL,
        null=True,
        blank=True,
        related_name="+",
    )
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        ordering = ["-created_at", "-pk"]

    def __str__(self) -> str:
        return f"curation {self.pk} of {self.project.slug}"
