"""Assignments (who holds what until when) and feedback, which is only ever added."""

import uuid

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q
from django.db.models.functions import Now

from annotation.models.actors import Actor
from annotation.models.projects import Project, ProtocolVersion
from annotation.models.tasks import Task


class Assignment(models.Model):
    """One task shown to one actor in one presentation.

    A live lease (`state` leased) and a counted answer each take one slot of the
    task's overlap. Imported answers, late ones without a free slot and judges'
    further presentations are kept with `counted` false and take none.
    """

    class State(models.TextChoices):
        LEASED = "leased", "leased"
        ANSWERED = "answered", "answered"
        SKIPPED = "skipped", "skipped"
        EXPIRED = "expired", "expired"
        RELEASED = "released", "released"
        ABSTAINED = "abstained", "abstained"

    class Origin(models.TextChoices):
        HUMAN = "human", "a person in the queue"
        JUDGE = "judge", "an AI judge"
        IMPORT = "import", "imported"

    task = models.ForeignKey(Task, on_delete=models.CASCADE, related_name="assignments")
    project = models.ForeignKey(Project, on_delete=models.CASCADE, related_name="+")
    actor = models.ForeignKey(
        Actor, on_delete=models.PROTECT, related_name="assignments"
    )
    presentation = models.PositiveSmallIntegerField(default=0)
    order = ArrayField(
        models.PositiveSmallIntegerField(),
        help_text="Positions of the task's completions, in the presented order.",
    )
    origin = models.CharField(max_length=10, choices=Origin, default=Origin.HUMAN)
    state = models.CharField(max_length=10, choices=State, default=State.LEASED)
    counted = models.BooleanField(default=False)
    holder = models.CharField(
        max_length=64, blank=True, help_text="The browser tab that holds the lease."
    )
    leased_at = models.DateTimeField()
    expires_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True, blank=True)
    skip_reason = models.CharField(max_length=500, blank=True)
    skip_flag = models.JSONField(null=True, blank=True)
    raw_text = models.TextField(
        blank=True, help_text="What an abstaining judge said, word for word."
    )

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["task", "actor", "presentation"], name="task_met_once"
            ),
            models.CheckConstraint(
                condition=Q(counted=False) | Q(state__in=["answered", "abstained"]),
                name="only_answers_count",
            ),
            models.CheckConstraint(
                condition=Q(
                    state__in=[
                        "leased",
                        "answered",
                        "skipped",
                        "expired",
                        "released",
                        "abstained",
                    ]
                ),
                name="assignment_state_known",
            ),
        ]
        indexes = [
            models.Index(
                fields=["expires_at"],
                name="assignment_expiry",
                condition=Q(state="leased"),
            ),
            models.Index(
                fields=["actor", "project"],
                name="assignment_live",
                condition=Q(state="leased"),
            ),
            models.Index(
                fields=["actor", "project", "-ended_at"],
                name="assignment_history",
                condition=Q(state="answered"),
            ),
        ]

    def __str__(self) -> str:
        return f"assignment {self.pk}"


class Feedback(models.Model):
    """One submitted answer. Never edited: a correction is a new row that supersedes.

    A trigger (migration 0002) refuses updates and deletes.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    client_id = models.UUIDField(
        help_text="Made by the sender; makes repeats harmless."
    )
    assignment = models.ForeignKey(
        Assignment, on_delete=models.PROTECT, related_name="feedback"
    )
    project = models.ForeignKey(Project, on_delete=models.PROTECT, related_name="+")
    actor = models.ForeignKey(Actor, on_delete=models.PROTECT, related_name="feedback")
    judgments = models.JSONField()
    active_ms = models.PositiveIntegerField(
        default=0, help_text="Milliseconds of attention, idle time excluded."
    )
    protocol = models.ForeignKey(ProtocolVersion, on_delete=models.PROTECT)
    content_hash = models.CharField(max_length=64)
    late = models.BooleanField(default=False)
    supersedes = models.OneToOneField(
        "self",
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="superseded_by",
    )
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        verbose_name_plural = "feedback"
        constraints = [
            models.UniqueConstraint(
                fields=["actor", "client_id"], name="feedback_sent_once"
            ),
            models.UniqueConstraint(
                fields=["assignment"],
                condition=Q(supersedes__isnull=True),
                name="feedback_first_answer_once",
            ),
        ]
        indexes = [
            models.Index(fields=["project", "created_at"], name="feedback_by_time"),
        ]

    def __str__(self) -> str:
        return f"feedback {self.pk}"


class QueueCursor(models.Model):
    """How far a person has come in a project's queue, for each priority.

    Everything up to `reached[priority]` has been met by the person or was taken when
    they passed, so the search starts there and its cost does not grow with their
    history (docs/adr/0003). The row is also the lock that keeps one person's tabs
    apart, and it counts hand-outs so that presented orders stay balanced.
    """

    project = models.ForeignKey(Project, on_delete=models.CASCADE, related_name="+")
    actor = models.ForeignKey(Actor, on_delete=models.CASCADE, related_name="+")
    reached = ArrayField(models.BigIntegerField(), size=10)
    handed_out = models.PositiveBigIntegerField(default=0)
    looked_back_at = models.DateTimeField(
        db_default=Now(), help_text="When the queue was last searched from its start."
    )
    found_nothing_at = models.DateTimeField(
        null=True, blank=True, help_text="When such a search last came up short."
    )

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["project", "actor"], name="cursor_once")
        ]

    def __str__(self) -> str:
        return f"cursor of {self.actor_id} in {self.project_id}"


class Tally(models.Model):
    """How many tasks a person has answered in a project, and how many of them today.

    It is written in the transaction of each answer, so that progress is exact and
    yet costs the same after twenty thousand answers as after one.
    """

    project = models.ForeignKey(Project, on_delete=models.CASCADE, related_name="+")
    actor = models.ForeignKey(Actor, on_delete=models.CASCADE, related_name="+")
    answered = models.PositiveIntegerField(default=0)
    day = models.DateField()
    today = models.PositiveIntegerField(default=0)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["project", "actor"], name="tally_once")
        ]

    def __str__(self) -> str:
        return f"{self.answered} by {self.actor_id} in {self.project_id}"
