"""Models that came in from outside or out of a run, and how they fared."""

import uuid

from django.db import models

from annotation.models import Project


class ModelVersion(models.Model):
    class Role(models.TextChoices):
        POLICY = "policy", "policy"
        REWARD = "reward", "reward model"
        JUDGE = "judge", "judge"
        ENCODER = "encoder", "encoder"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    project = models.ForeignKey(
        Project, on_delete=models.PROTECT, related_name="models", null=True, blank=True
    )
    name = models.CharField(max_length=200)
    role = models.CharField(max_length=10, choices=Role)
    source = models.CharField(
        max_length=500,
        help_text=(
            "A directory, hub id, .gguf file or wheel:NAME that the engine loads."
        ),
    )
    sha256 = models.CharField(max_length=64, blank=True)
    parent = models.ForeignKey(
        "self", on_delete=models.PROTECT, null=True, blank=True, related_name="children"
    )
    run = models.ForeignKey(
        "TrainingRun",
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="models",
    )
    metrics = models.JSONField(default=dict, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["-created_at"]
        constraints = [
            models.UniqueConstraint(fields=["run", "role"], name="model_once_per_run")
        ]

    def __str__(self) -> str:
        return self.name


class Evaluation(models.Model):
    """One model on one suite; the report is what the engine printed."""

    model = models.ForeignKey(
        ModelVersion, on_delete=models.PROTECT, related_name="evaluations"
    )
    suite = models.CharField(max_length=100)
    snapshot = models.ForeignKey(
        "Snapshot", on_delete=models.PROTECT, null=True, blank=True
    )
    run = models.ForeignKey(
        "TrainingRun", on_delete=models.PROTECT, related_name="evaluations"
    )
    report = models.JSONField(default=dict)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["-created_at"]
        constraints = [
            models.UniqueConstraint(fields=["run", "suite"], name="evaluation_once")
        ]

    def __str__(self) -> str:
        return f"{self.model} on {self.suite}"
