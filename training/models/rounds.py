"""Rounds: policy in, labels, models, policy out, and the next round's tasks."""

from django.db import models
from django.db.models import Q

from annotation.models import Project
from training.models.model_versions import ModelVersion
from training.models.runs import TrainingRun


class Round(models.Model):
    class State(models.TextChoices):
        COLLECTING = "collecting", "collecting feedback"
        FREEZING = "freezing", "freezing a snapshot"
        TRAINING_REWARD = "training_reward", "training the reward model"
        TRAINING_POLICY = "training_policy", "training the policy"
        GENERATING = "generating", "sampling completions"
        SCORING = "scoring", "scoring candidate pairs"
        GATING = "gating", "testing the new policy"
        SELECTING = "selecting", "choosing pairs"
        ROUTING = "routing", "routing pairs"
        DONE = "done", "done: its queue is open"
        FAILED = "failed", "failed"

    project = models.ForeignKey(
        Project, on_delete=models.PROTECT, related_name="rounds"
    )
    number = models.PositiveIntegerField()
    state = models.CharField(max_length=20, choices=State, default=State.COLLECTING)
    paused = models.BooleanField(default=False)
    waiting_for = models.CharField(
        max_length=300, blank=True, help_text="Why it does not advance right now."
    )
    settings = models.JSONField(default=dict, blank=True)
    policy_in = models.ForeignKey(
        "ModelVersion",
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="rounds_started_from",
    )
    policy_out = models.ForeignKey(
        "ModelVersion",
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="rounds_that_made_it",
    )
    reward_model = models.ForeignKey(
        "ModelVersion",
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="+",
    )
    snapshot = models.ForeignKey(
        "Snapshot",
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="rounds",
    )
    reward_run = models.ForeignKey(
        "TrainingRun", on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )
    policy_run = models.ForeignKey(
        "TrainingRun", on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )
    routing_plan = models.ForeignKey(
        "RoutingPlan",
        on_delete=models.SET_NULL,
        null=True,
        blank=True,
        related_name="rounds",
        help_text="Who answers the queue that it opens.",
    )
    runs = models.ManyToManyField(TrainingRun, blank=True, related_name="rounds")
    counts = models.JSONField(default=dict, blank=True)
    report = models.JSONField(
        default=dict,
        blank=True,
        help_text="What it found: the gate's verdict, the watch, why it stopped.",
    )
    error = models.JSONField(null=True, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        ordering = ["project", "-number"]
        constraints = [
            models.UniqueConstraint(fields=["project", "number"], name="round_once"),
            models.UniqueConstraint(
                fields=["project"],
                condition=~Q(state__in=["done", "failed"]),
                name="one_open_round_per_project",
            ),
        ]

    def __str__(self) -> str:
        return f"round {self.number} of {self.project.slug}"

    @property
    def promoted(self) -> bool | None:
        """Whether the new policy replaces the old one; None while that is open.

        A round without a gate promotes what it trained.
        """
        if self.state == self.State.DONE and "gate" not in self.report:
            return self.policy_out_id is not None
        found: bool | None = self.report.get("gate", {}).get("promoted")
        return found if self.report.get("gate", {}).get("decided") else None

    @property
    def policy_next(self) -> "ModelVersion | None":
        """The policy that the next round starts from."""
        return self.policy_out if self.promoted else self.policy_in
