"""Prompts and completions: immutable, content-addressed; and where they came from."""

import uuid

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q

from annotation.models.projects import Project


class Import(models.Model):
    """One file that was read into a project, and what became of its rows."""

    class State(models.TextChoices):
        RUNNING = "running", "running"
        DONE = "done", "done"
        FAILED = "failed", "failed"

    project = models.ForeignKey(
        Project, on_delete=models.CASCADE, related_name="imports"
    )
    name = models.CharField(max_length=300)
    layout = models.CharField(max_length=20, blank=True)
    strict = models.BooleanField(default=False)
    state = models.CharField(max_length=10, choices=State, default=State.RUNNING)
    counts = models.JSONField(default=dict)
    errors = models.JSONField(default=list, help_text="The first bad rows.")
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, blank=True
    )
    created_at = models.DateTimeField(auto_now_add=True)
    finished_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["-created_at"]

    def __str__(self) -> str:
        return f"{self.name} into {self.project.slug}"


class Prompt(models.Model):
    """Chat messages and their context; the last message asks for a completion."""

    class Split(models.TextChoices):
        TRAIN = "train", "train"
        VALIDATION = "validation", "validation"
        TEST = "test", "test"

    project = models.ForeignKey(
        Project, on_delete=models.CASCADE, related_name="prompts"
    )
    messages = models.JSONField(help_text="[{role, content}]")
    context = models.JSONField(
        null=True, blank=True, help_text="reference, passages, persona, criterion"
    )
    metadata = models.JSONField(default=dict, blank=True)
    content_hash = models.CharField(max_length=64)
    group_key = models.CharField(max_length=64)
    split = models.CharField(max_length=10, choices=Split)
    source = models.CharField(max_length=200, blank=True)
    external_id = models.CharField(max_length=300, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["project", "content_hash"], name="prompt_once"
            ),
            models.CheckConstraint(
                condition=Q(split__in=["train", "validation", "test"]),
                name="prompt_split_known",
            ),
        ]
        indexes = [
            models.Index(fields=["project", "group_key"], name="prompt_group"),
            models.Index(fields=["project", "split"], name="prompt_split"),
        ]

    def __str__(self) -> str:
        last = self.messages[-1]["content"] if self.messages else ""
        return last if len(last) <= 80 else last[:79] + "…"


class Completion(models.Model):
    """One continuation of a prompt. Its id is random and tells nothing of its model."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    prompt = models.ForeignKey(
        Prompt, on_delete=models.CASCADE, related_name="completions"
    )
    messages = models.JSONField(
        help_text="[{role, content}], mostly one assistant turn"
    )
    generator = models.CharField(
        max_length=200, blank=True, help_text="The model's name, where it is known."
    )
    model_version = models.UUIDField(
        null=True, blank=True, help_text="The training.ModelVersion that sampled it."
    )
    sampling = models.JSONField(default=dict, blank=True)
    parent = models.ForeignKey(
        "self", on_delete=models.PROTECT, null=True, blank=True, related_name="children"
    )
    branch_at = models.PositiveIntegerField(null=True, blank=True)
    trace = models.JSONField(null=True, blank=True, help_text="Tool steps.")
    content_hash = models.CharField(max_length=64)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["prompt", "content_hash"], name="completion_once"
            ),
            models.CheckConstraint(
                condition=Q(parent__isnull=True, branch_at__isnull=True)
                | Q(parent__isnull=False, branch_at__isnull=False),
                name="completion_branch_has_parent",
            ),
        ]
        indexes = [
            models.Index(fields=["model_version"], name="completion_by_model"),
        ]

    def __str__(self) -> str:
        text = self.text
        return text if len(text) <= 80 else text[:79] + "…"

    @property
    def text(self) -> str:
        return "\n\n".join(message["content"] for message in self.messages)


class ImportedRow(models.Model):
    """A row of an imported file as it came, so that it can be written again.

    Texts and answers are in the record; `rest` holds what that has no place for.
    """

    project = models.ForeignKey(
        Project, on_delete=models.CASCADE, related_name="imported_rows"
    )
    form = models.CharField(max_length=20, help_text="The form of neutral row.")
    source = models.CharField(max_length=200, blank=True)
    external_id = models.CharField(max_length=300, blank=True)
    key = models.CharField(max_length=64, help_text="What makes two rows the same.")
    prompt = models.ForeignKey(Prompt, on_delete=models.CASCADE, related_name="+")
    task = models.ForeignKey(
        "Task", on_delete=models.CASCADE, null=True, blank=True, related_name="+"
    )
    completions = ArrayField(
        models.UUIDField(), help_text="In the row's order; equal ones come again."
    )
    answers = ArrayField(models.UUIDField(), help_text="Client ids, in order.")
    notes = models.JSONField(default=dict, help_text="How the row put it.")
    rest = models.JSONField(null=True, help_text="What it says beyond the record.")

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["project", "key"], name="imported_row_once"
            ),
        ]

    def __str__(self) -> str:
        return self.external_id or f"row {self.pk}"
