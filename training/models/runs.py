"""Runs: rows are the truth, messages only wake the workers that claim them."""

import uuid

from django.conf import settings
from django.db import models as orm  # a run's `models` are model versions
from django.db.models import Q, TextChoices

from annotation.models import Project


class TrainingRun(orm.Model):
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
        PPO = "ppo", "PPO policy"
        ONLINE = "online", "online policy"
        GENERATE = "generate", "generation"
        SCORE = "score", "scoring"
        EVALUATE = "evaluate", "evaluation"

    OPEN_STATES = ("queued", "running", "preempted")
    FINAL_STATES = ("succeeded", "failed", "cancelled")
    WAITING_STATES = ("queued", "preempted")

    id = orm.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    project = orm.ForeignKey(Project, on_delete=orm.PROTECT, related_name="runs")
    name = orm.CharField(max_length=200)
    kind = orm.CharField(max_length=10, choices=Kind)
    preset = orm.CharField(max_length=60)
    backend = orm.CharField(max_length=10, default="trl")
    params = orm.JSONField(default=dict, blank=True)
    lora = orm.JSONField(null=True, blank=True)
    limits = orm.JSONField(default=dict, blank=True)
    seed = orm.BigIntegerField(default=0)
    snapshot = orm.ForeignKey(
        "Snapshot", on_delete=orm.PROTECT, null=True, blank=True, related_name="runs"
    )
    model = orm.ForeignKey(
        "ModelVersion",
        on_delete=orm.PROTECT,
        null=True,
        blank=True,
        related_name="used_by",
        help_text="The model that is trained, sampled, scored with or evaluated.",
    )
    reference = orm.ForeignKey(
        "ModelVersion",
        on_delete=orm.PROTECT,
        null=True,
        blank=True,
        related_name="reference_of",
    )
    inputs = orm.JSONField(
        default=dict,
        blank=True,
        help_text="Ids of prompts or rows, where not a snapshot.",
    )
    environment = orm.JSONField(default=dict, blank=True)
    launcher = orm.CharField(max_length=20, default="local")
    priority = orm.SmallIntegerField(default=0)
    state = orm.CharField(max_length=10, choices=State, default=State.DRAFT)
    attempt = orm.PositiveIntegerField(default=0)
    retried_from = orm.PositiveIntegerField(
        default=0,
        help_text="Attempts that do not count as crashes: earlier than a person's "
        "retry, or ended in order by a worker that was told to stop.",
    )
    worker = orm.CharField(max_length=200, blank=True)
    heartbeat_at = orm.DateTimeField(null=True, blank=True)
    cancel_requested = orm.BooleanField(default=False)
    step = orm.PositiveIntegerField(default=0)
    total_steps = orm.PositiveIntegerField(null=True, blank=True)
    metrics = orm.JSONField(default=dict, blank=True, help_text="The latest of each.")
    log_tail = orm.TextField(blank=True)
    error = orm.JSONField(null=True, blank=True)
    created_by = orm.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=orm.SET_NULL, null=True, blank=True
    )
    created_at = orm.DateTimeField(auto_now_add=True)
    started_at = orm.DateTimeField(null=True, blank=True)
    finished_at = orm.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["-created_at"]
        constraints = [
            orm.CheckConstraint(
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
            orm.Index(
                fields=["-priority", "created_at"],
                name="run_waiting",
                condition=Q(state__in=["queued", "running", "preempted"]),
            )
        ]

    def __str__(self) -> str:
        return self.name


class RunEvent(orm.Model):
    """One line of the engine's events.jsonl, in order, by attempt."""

    run = orm.ForeignKey(TrainingRun, on_delete=orm.CASCADE, related_name="events")
    attempt = orm.PositiveIntegerField()
    seq = orm.PositiveIntegerField()
    kind = orm.CharField(max_length=20)
    step = orm.PositiveIntegerField(null=True, blank=True)
    payload = orm.JSONField(default=dict)
    at = orm.DateTimeField()

    class Meta:
        ordering = ["id"]
        constraints = [
            orm.UniqueConstraint(
                fields=["run", "attempt", "seq"], name="run_event_once"
            )
        ]

    def __str__(self) -> str:
        return f"{self.run_id} {self.attempt}.{self.seq} {self.kind}"
