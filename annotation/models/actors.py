"""Whoever gives feedback, and the tokens by which programs come in."""

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q

from annotation.models.projects import Project


class Actor(models.Model):
    """A human, a model, a rule or an end user: one record for all of them.

    A signed-in person is one actor everywhere. Imported and model actors belong to
    a project: an origin's anonymous annotator is scoped to that source.
    """

    class Kind(models.TextChoices):
        HUMAN = "human", "human"
        MODEL = "model", "model"
        RULE = "rule", "rule"
        END_USER = "end_user", "end user"

    kind = models.CharField(max_length=10, choices=Kind)
    name = models.CharField(max_length=200)
    user = models.OneToOneField(
        settings.AUTH_USER_MODEL,
        # People are deactivated, never deleted while their feedback stands.
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="actor",
    )
    project = models.ForeignKey(
        Project, on_delete=models.CASCADE, null=True, blank=True, related_name="actors"
    )
    source = models.CharField(max_length=200, blank=True)
    external_id = models.CharField(max_length=200, blank=True)
    pool = models.CharField(max_length=60, blank=True)
    groups = models.JSONField(default=dict, blank=True)
    model_version = models.UUIDField(
        null=True, blank=True, help_text="The training.ModelVersion that answers."
    )
    model = models.JSONField(
        default=dict, blank=True, help_text="name, version, prompt_hash, sampling"
    )
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["project", "source", "external_id", "kind"],
                condition=Q(user__isnull=True),
                nulls_distinct=False,
                name="actor_once_per_source",
            ),
            models.CheckConstraint(
                condition=Q(user__isnull=True) | Q(kind="human"),
                name="actor_user_is_human",
            ),
            models.CheckConstraint(
                condition=Q(kind__in=["human", "model", "rule", "end_user"]),
                name="actor_kind_known",
            ),
        ]

    def __str__(self) -> str:
        return self.name


class ApiToken(models.Model):
    """A program's key: shown once, kept as a hash, limited to scopes and a project."""

    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="api_tokens"
    )
    project = models.ForeignKey(
        Project, on_delete=models.CASCADE, null=True, blank=True, related_name="tokens"
    )
    name = models.CharField(max_length=100)
    prefix = models.CharField(max_length=12)
    sha256 = models.CharField(max_length=64, unique=True)
    scopes = ArrayField(
        models.CharField(max_length=20), help_text="read, annotate, write, train"
    )
    created_at = models.DateTimeField(auto_now_add=True)
    expires_at = models.DateTimeField(null=True, blank=True)
    revoked_at = models.DateTimeField(null=True, blank=True)
    last_used_at = models.DateTimeField(null=True, blank=True)

    def __str__(self) -> str:
        return f"{self.name} ({self.prefix}…)"
