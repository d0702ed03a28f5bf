"""Who should answer: features of items, plans with their predictions, decisions."""

from django.db import models
from django.db.models import Q

from annotation.models import Project, Task


class TaskFeatures(models.Model):
    """What one extractor says of a task, in one version. No answer enters."""

    task = models.ForeignKey(
        Task, on_delete=models.CASCADE, related_name="routing_features"
    )
    extractor = models.CharField(max_length=40)
    version = models.PositiveSmallIntegerField()
    values = models.JSONField(help_text="statistics, tags, signals")
    computed_at = models.DateTimeField(auto_now=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["task", "extractor"], name="task_features_once"
            )
        ]

    def __str__(self) -> str:
        return f"{self.extractor} {self.version} of task {self.task_id}"


class RoutingPlan(models.Model):
    """A plan of who answers a project's open tasks: predicted, applied, measured.

    Its row is the truth: a message only wakes a worker, which claims the row by a
    conditional update of its state.
    """

    class State(models.TextChoices):
        QUEUED = "queued", "waits to be predicted"
        PREDICTING = "predicting", "being predicted"
        READY = "ready", "predicted"
        TO_APPLY = "to_apply", "waits to be applied"
        APPLYING = "applying", "being applied"
        APPLIED = "applied", "applied"
        FAILED = "failed", "failed"

    project = models.ForeignKey(
        Project, on_delete=models.CASCADE, related_name="routing_plans"
    )
    round = models.PositiveIntegerField(
        null=True, blank=True, help_text="The queue it is for; empty: all open tasks."
    )
    state = models.CharField(max_length=10, choices=State, default=State.QUEUED)
    settings = models.JSONField(default=dict)
    progress = models.FloatField(default=0, help_text="0 to 1.")
    doing = models.CharField(max_length=200, blank=True)
    curve = models.JSONField(
        default=list, help_text="Predicted accuracy against spend, a point a share."
    )
    report = models.JSONField(default=dict, help_text="How well it was predicted.")
    prediction = models.JSONField(null=True, blank=True, editable=False)
    share = models.FloatField(
        null=True,
        blank=True,
        help_text="People's share of the tasks; applied as soon as it is predicted "
        "where it is given from the start.",
    )
    counts = models.JSONField(default=dict, help_text="What applying it did.")
    outcome = models.JSONField(default=dict, help_text="What it was, measured after.")
    error = models.JSONField(null=True, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)
    applied_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["-created_at", "-pk"]
        constraints = [
            models.CheckConstraint(
                condition=Q(share__isnull=True) | Q(share__gte=0, share__lte=1),
                name="routing_share_0_to_1",
            ),
            models.CheckConstraint(
                condition=Q(progress__gte=0, progress__lte=1),
                name="routing_progress_0_to_1",
            ),
        ]

    def __str__(self) -> str:
        return f"routing plan {self.pk} of {self.project.slug}"


class RoutingDecision(models.Model):
    """Who answers one task by a plan, and whether it came to be so."""

    class Route(models.TextChoices):
        HUMAN = "human", "human"
        AI = "ai", "AI"
        BOTH = "both", "both"
        SKIP = "skip", "nobody"

    plan = models.ForeignKey(
        RoutingPlan, on_delete=models.CASCADE, related_name="decisions"
    )
    task = models.ForeignKey(
        Task, on_delete=models.CASCADE, related_name="routing_decisions"
    )
    route = models.CharField(max_length=5, choices=Route)
    score = models.FloatField()
    reason = models.CharField(max_length=200)
    people = models.PositiveSmallIntegerField(default=0)
    floor = models.BooleanField(default=False)
    applied = models.BooleanField(
        default=False, help_text="False where the task was leased or answered by then."
    )

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["plan", "task"], name="routing_decision_once"
            )
        ]

    def __str__(self) -> str:
        return f"task {self.task_id} to {self.route}"
