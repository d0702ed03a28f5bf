"""Runs: rows are the truth, messages only wake the workers that claim them."""

import uuid

from django.conf import settings
from django.db import models
from django.db.models import Q, TextChoices

from annotation.models import Project


class TrainingRun(models.Model):
    """One piece of work for the engine: train, generate, score or evaluate."""

    class State(TextChoices):
        DRAFT = "draft", "draft"
        QUEUED = "queued", "queued"
        RUNNING = "running", "running"
        PREEMPTED = "preempted", "preempted"
        SUCCEEDED = "succeeded", "succeeded"
        FAILED = "failed", "failed"
        CANCELLED = "cancelled", "cancelled"

    class Kind(TextChoices):
        REWARD = "reward", "reward model"
        DPO = "dpo", "DPO policy"
        GENERATE = "generate", "generation"
        SCORE = "score", "scoring"
        EVALUATE = "evaluate", "evaluation"

    OPEN_STATES = ("queued", "running", "preempted")
    FINAL_STATES = ("succeeded", "failed", "cancelled")
    WAITING_STATES = ("queued", "preempted")

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    project = models.ForeignKey(Project, on_delete=models.PROTECT, related_name="runs")
    name = models.CharField(max_length=200)
    kind = models.CharField(max_length=10, choices=Kind)
    preset = models.CharField(max_length=60)
    backend = models.CharField(max_length=10, default="trl")
    params = models.JSONField(default=dict, blank=True)
    lora = models.JSONField(null=True, blank=True)
    limits = models.JSONField(default=dict, blank=True)
    seed = models.BigIntegerField(default=0)
    snapshot = models.ForeignKey(
        "Snapshot", on_delete=models.PROTECT, null=True, blank=True, related_name="runs"
    )
    model = models.ForeignKey(
        "ModelVersion",
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="used_by",
        help_text="The model that is trained, sampled, scored with or evaluated.",
    )
    reference = models.ForeignKey(
        "ModelVersion",
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="reference_of",
    )
    inputs = models.JSONField(
        default=dict,
        blank=True,
        help_text="Ids of prompts or rows, where not a snapshot.",
    )
    environment = models.JSONField(default=dict, blank=True)
    launcher = models.CharField(max_length=20, default="local")
    priority = models.SmallIntegerField(default=0)
    state = models.CharField(max_length=10, choices=State, default=State.DRAFT)
    attempt = models.PositiveIntegerField(default=0)
    retried_from = models.PositiveIntegerField(
        default=0,
        help_text="Attempts that do not count as crashes: earlier than a person's "
        "retry, or ended in order by a worker that was told to stop.",
    )
    worker = models.CharField(max_length=200, blank=True)
    heartbeat_at = models.DateTimeField(null=True, blank=True)
    cancel_requested = models.BooleanField(default=False)
    step = models.PositiveIntegerField(default=0)
    total_steps = models.PositiveIntegerField(null=True, blank=True)
    metrics = models.JSONField(
        default=dict, blank=True, help_text="The latest of each."
    )
    log_tail = models.TextField(blank=True)
    error = models.JSONField(null=True, blank=True)
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, blank=True
    )
    created_at = models.DateTimeField(auto_now_add=True)
    started_at = models.DateTimeField(null=True, blank=True)
    finished_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["-created_at"]
        constraints = [
            models.CheckConstraint(
                condition=Q(
                    state__in=[
                        "draft",
                        "queued",
                        "running",
                        "preempted",
                        "succeeded",
                        "failed",
                        "cancelled",
                    ]
                ),
                name="run_state_known",
            )
        ]
        indexes = [
            models.Index(
                fields=["-priority", "created_at"],
                name="run_waiting",
                condition=Q(state__in=["queued", "running", "preempted"]),
            )
        ]

    def __str__(self) -> str:
        return self.name


class RunEvent(models.Model):
    """One line of the engine's events.jsonl, in order, by attempt."""

    run = models.ForeignKey(
        TrainingRun, on_delete=models.CASCADE, related_name="events"
    )
    attempt = models.PositiveIntegerField()
    seq = models.PositiveIntegerField()
    kind = models.CharField(max_length=20)
    step = models.PositiveIntegerField(null=True, blank=True)
    payload = models.JSONField(default=dict)
    at = models.DateTimeField()

    class Meta:
        ordering = ["id"]
        constraints = [
            models.UniqueConstraint(
                fields=["run", "attempt", "seq"], name="run_event_once"
            )
        ]

    def __str__(self) -> str:
        return f"{self.run_id} {self.attempt}.{self.seq} {self.kind}"
