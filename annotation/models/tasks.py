"""Tasks: what is asked of whom, and how many slots are still free."""

from django.db import models
from django.db.models import F, Q

from annotation.models.projects import Project, ProtocolVersion
from annotation.models.prompts import Completion, Prompt


class Task(models.Model):
    """A prompt and its completions, asked by one version of the protocol.

    `leased` and `counted` follow the assignments by a trigger (migration 0002), so
    no code path can forget them, and the constraint below is invariant 1.
    """

    class Route(models.TextChoices):
        HUMAN = "human", "human"
        AI = "ai", "AI"
        BOTH = "both", "both"

    class State(models.TextChoices):
        OPEN = "open", "open"
        HELD = "held", "held back until its round opens"
        CLOSED = "closed", "closed"

    project = models.ForeignKey(Project, on_delete=models.CASCADE, related_name="tasks")
    prompt = models.ForeignKey(Prompt, on_delete=models.CASCADE, related_name="tasks")
    completions = models.ManyToManyField(Completion, through="TaskCompletion")
    protocol = models.ForeignKey(ProtocolVersion, on_delete=models.PROTECT)
    round = models.PositiveIntegerField(default=0, help_text="0: imported.")
    route = models.CharField(max_length=5, choices=Route, default=Route.HUMAN)
    priority = models.PositiveSmallIntegerField(
        default=5, help_text="0 to 9; higher is asked first."
    )
    reason = models.CharField(
        max_length=200, blank=True, help_text="Why it was chosen; researchers only."
    )
    scores = models.JSONField(default=dict, blank=True, help_text="Behind the reason.")
    overlap = models.PositiveSmallIntegerField(default=1)
    leased = models.PositiveSmallIntegerField(default=0, editable=False)
    counted = models.PositiveSmallIntegerField(default=0, editable=False)
    state = models.CharField(max_length=10, choices=State, default=State.OPEN)
    is_control = models.BooleanField(default=False)
    control_answer = models.JSONField(null=True, blank=True)
    verified_pool = models.BooleanField(default=False)
    key = models.CharField(max_length=64, help_text="Content address of the task.")
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["project", "key"], name="task_once"),
            models.CheckConstraint(
                condition=Q(leased__lte=F("overlap") - F("counted")),
                name="task_never_over_assigned",
            ),
            models.CheckConstraint(
                condition=Q(leased__gte=0, counted__gte=0),
                name="task_counters_not_negative",
            ),
            models.CheckConstraint(
                condition=Q(overlap__gte=1), name="task_overlap_at_least_1"
            ),
            models.CheckConstraint(
                condition=Q(priority__gte=0, priority__lte=9),
                name="task_priority_0_to_9",
            ),
        ]
        indexes = [
            # The queue: a lease reads from here only, a few rows from its cursor on.
            models.Index(
                fields=["project", "priority", "id"],
                name="task_queue",
                condition=Q(state="open")
                & ~Q(route="ai")
                & Q(leased__lt=F("overlap") - F("counted")),
            ),
            models.Index(fields=["project", "round", "state"], name="task_by_round"),
            models.Index(fields=["prompt"], name="task_by_prompt"),
        ]

    def __str__(self) -> str:
        return f"task {self.pk}"


class TaskCompletion(models.Model):
    """A completion's place in its task, before any shuffling."""

    task = models.ForeignKey(Task, on_delete=models.CASCADE, related_name="slots")
    completion = models.ForeignKey(
        Completion, on_delete=models.PROTECT, related_name="slots"
    )
    position = models.PositiveSmallIntegerField()

    class Meta:
        ordering = ["task", "position"]
        constraints = [
            models.UniqueConstraint(
                fields=["task", "position"], name="slot_position_once"
            ),
            models.UniqueConstraint(
                fields=["task", "completion"], name="slot_completion_once"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.task_id}[{self.position}]"
