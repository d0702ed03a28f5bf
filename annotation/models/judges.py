"""Judges: AI that a project asks, what it may spend, and every call that was paid for.

A key never stands here: `settings["key"]` is the name of an environment variable
that holds one.
"""

from decimal import Decimal

from django.conf import settings as configured
from django.db import models
from django.db.models import Q

from annotation.models.actors import Actor
from annotation.models.projects import Project
from annotation.models.tasks import Task

DIGITS, PLACES = 16, 8  # of money
MAYBE_PAID = "maybe_paid"
"""The name of a call that a batch left under way when it was killed."""


class Judge(models.Model):
    """One way of asking one AI, and its accounts.

    Money is in whatever currency the prices are given in. `spent` and the token
    columns are the sums over `JudgeCall`, written in the same transaction.
    """

    class Backend(models.TextChoices):
        MODEL = "model", "a model of ours: reward model, policy or judge"
        ENDPOINT = "endpoint", "an OpenAI-compatible endpoint"
        RECORDED = "recorded", "recorded labels of an actor"
        PANEL = "panel", "a panel of judges"

    class State(models.TextChoices):
        READY = "ready", "ready"
        STOPPED = "stopped", "stopped"

    project = models.ForeignKey(
        Project, on_delete=models.CASCADE, related_name="judges"
    )
    name = models.CharField(max_length=100)
    backend = models.CharField(max_length=10, choices=Backend)
    model_version = models.UUIDField(
        null=True, blank=True, help_text="The training.ModelVersion that is asked."
    )
    replays = models.ForeignKey(
        Actor,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="+",
        help_text="Whose recorded answers are given again.",
    )
    members = models.ManyToManyField("self", symmetrical=False, blank=True)
    settings = models.JSONField(
        default=dict, blank=True, help_text="See annotation/services/judge_settings.py."
    )
    price_prompt = models.DecimalField(
        max_digits=DIGITS,
        decimal_places=PLACES,
        default=Decimal(0),
        help_text="Per million tokens that it reads.",
    )
    price_completion = models.DecimalField(
        max_digits=DIGITS,
        decimal_places=PLACES,
        default=Decimal(0),
        help_text="Per million tokens that it writes.",
    )
    budget = models.DecimalField(
        max_digits=DIGITS,
        decimal_places=PLACES,
        null=True,
        blank=True,
        help_text="The most it may ever spend; empty is no limit.",
    )
    concurrency = models.PositiveSmallIntegerField(
        default=4, help_text="Calls under way at once."
    )
    calibration = models.FloatField(
        default=1.0,
        help_text="Its log-odds are divided by this when used.",
    )
    actor = models.ForeignKey(
        Actor, on_delete=models.PROTECT, null=True, blank=True, related_name="judges"
    )
    fingerprint = models.CharField(
        max_length=300, blank=True, help_text="What the endpoint said it runs."
    )
    state = models.CharField(max_length=10, choices=State, default=State.READY)
    problem = models.JSONField(null=True, blank=True, help_text="Why it stopped.")
    calls = models.PositiveBigIntegerField(default=0, editable=False)
    prompt_tokens = models.PositiveBigIntegerField(default=0, editable=False)
    completion_tokens = models.PositiveBigIntegerField(default=0, editable=False)
    spent = models.DecimalField(
        max_digits=DIGITS, decimal_places=PLACES, default=Decimal(0), editable=False
    )
    created_by = models.ForeignKey(
        configured.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, blank=True
    )
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["project", "name"]
        constraints = [
            models.UniqueConstraint(fields=["project", "name"], name="judge_once"),
            models.CheckConstraint(
                condition=Q(backend__in=["model", "endpoint", "recorded", "panel"]),
                name="judge_backend_known",
            ),
            models.CheckConstraint(
                condition=Q(concurrency__gte=1, concurrency__lte=256),
                name="judge_concurrency_1_to_256",
            ),
            models.CheckConstraint(
                condition=Q(calibration__gt=0), name="judge_calibration_positive"
            ),
            models.CheckConstraint(
                condition=Q(price_prompt__gte=0, price_completion__gte=0),
                name="judge_prices_not_negative",
            ),
        ]

    def __str__(self) -> str:
        return self.name


class JudgeCall(models.Model):
    """One call that was sent: its reply is stored before anything is made of it.

    Equal calls have one key, so that a batch that was cut short pays nothing twice.
    A call that failed and may have cost something is kept for the accounts.
    """

    judge = models.ForeignKey(Judge, on_delete=models.CASCADE, related_name="record")
    key = models.CharField(max_length=64, help_text="Content address of the call.")
    reply = models.JSONField(null=True, blank=True)
    error = models.JSONField(null=True, blank=True)
    fingerprint = models.CharField(max_length=300, blank=True)
    prompt_tokens = models.PositiveIntegerField(default=0)
    completion_tokens = models.PositiveIntegerField(default=0)
    cost = models.DecimalField(
        max_digits=DIGITS, decimal_places=PLACES, default=Decimal(0)
    )
    estimated = models.BooleanField(
        default=False, help_text="The endpoint told no usage: the most it could be."
    )
    tries = models.PositiveSmallIntegerField(default=1)
    milliseconds = models.PositiveIntegerField(default=0)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["judge", "key", "fingerprint"],
                condition=Q(error__isnull=True),
                name="judge_call_once",
            ),
        ]
        indexes = [
            models.Index(fields=["judge", "created_at"], name="judge_call_by_time"),
        ]

    def __str__(self) -> str:
        return f"call {self.pk} of {self.judge_id}"


class JudgeIntent(models.Model):
    """A call that is about to be sent, or under way; gone once it has come to an end.

    What is left of a batch that was killed may have been answered and paid for, and
    nobody can say: it is counted at its most, as a call of its own.
    """

    judge = models.ForeignKey(Judge, on_delete=models.CASCADE, related_name="intents")
    key = models.CharField(max_length=64, help_text="Content address of the call.")
    prompt_tokens = models.PositiveIntegerField(default=0)
    completion_tokens = models.PositiveIntegerField(default=0)
    cost = models.DecimalField(
        max_digits=DIGITS, decimal_places=PLACES, default=Decimal(0)
    )
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["judge", "key"], name="judge_intent_once"),
        ]

    def __str__(self) -> str:
        return f"call under way of {self.judge_id}"


class JudgeFailure(models.Model):
    """A task that a judge could not answer, and why; gone once it has."""

    judge = models.ForeignKey(Judge, on_delete=models.CASCADE, related_name="failures")
    task = models.ForeignKey(Task, on_delete=models.CASCADE, related_name="+")
    name = models.CharField(max_length=40)
    error = models.JSONField(help_text="message, expected, found, fix")
    times = models.PositiveIntegerField(default=1)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["judge", "task"], name="judge_failure_once"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.name} on task {self.task_id}"


class JudgeBatch(models.Model):
    """A judge at work: over what waits for it, or a trial whose answers are shown only.

    A row in state running belongs to the process that holds the judge's lock; if it
    was killed, the next one closes the row as cut off and goes on.
    """

    class Kind(models.TextChoices):
        BATCH = "batch", "batch"
        TRIAL = "trial", "trial"

    class State(models.TextChoices):
        QUEUED = "queued", "queued"
        RUNNING = "running", "running"
        DONE = "done", "done"
        STOPPED = "stopped", "stopped"
        CUT_OFF = "cut_off", "cut off"

    judge = models.ForeignKey(Judge, on_delete=models.CASCADE, related_name="batches")
    kind = models.CharField(max_length=10, choices=Kind, default=Kind.BATCH)
    state = models.CharField(max_length=10, choices=State, default=State.QUEUED)
    counts = models.JSONField(default=dict, blank=True)
    error = models.JSONField(null=True, blank=True)
    report = models.JSONField(default=list, blank=True, help_text="A trial's answers.")
    created_at = models.DateTimeField(auto_now_add=True)
    ended_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["-created_at"]

    def __str__(self) -> str:
        return f"{self.kind} {self.pk} of {self.judge_id}"
