"""Projects, who belongs to them, and the versioned questions they ask."""

from django.conf import settings
from django.db import models
from django.db.models import Q


class Project(models.Model):
    class State(models.TextChoices):
        OPEN = "open", "open"
        PAUSED = "paused", "paused"

    slug = models.SlugField(unique=True)
    name = models.CharField(max_length=200)
    guidelines = models.TextField(
        blank=True, help_text="Markdown, shown to annotators."
    )
    state = models.CharField(max_length=10, choices=State, default=State.OPEN)
    overlap = models.PositiveSmallIntegerField(
        default=1, help_text="How many people answer each new task."
    )
    lease_seconds = models.PositiveIntegerField(
        default=900, help_text="How long a person may hold a task before it goes back."
    )
    routing = models.JSONField(
        default=dict, blank=True, help_text="Who answers what; see docs/rounds.md."
    )
    budgets = models.JSONField(default=dict, blank=True)
    visibility = models.JSONField(
        default=dict, blank=True, help_text="Extra rules on who may see which answers."
    )
    validation_share = models.FloatField(default=0.1)
    test_share = models.FloatField(default=0.1)
    seed = models.BigIntegerField(default=0, help_text="Seeds the presented orders.")
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["name"]
        constraints = [
            models.CheckConstraint(
                condition=Q(overlap__gte=1), name="project_overlap_at_least_1"
            ),
            models.CheckConstraint(
                condition=Q(lease_seconds__gte=1), name="project_lease_at_least_1s"
            ),
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def protocol(self) -> "ProtocolVersion":
        """The newest version of the questions: new tasks are asked by it."""
        latest = self.protocol_versions.order_by("-number").first()
        if latest is None:
            raise ProtocolVersion.DoesNotExist(f"Project {self.slug} has no protocol.")
        return latest


class ProtocolVersion(models.Model):
    """A list of typed questions; never edited, so an answer keeps what it answered."""

    project = models.ForeignKey(
        Project, on_delete=models.CASCADE, related_name="protocol_versions"
    )
    number = models.PositiveIntegerField()
    preset = models.CharField(max_length=60, blank=True)
    questions = models.JSONField()
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["project", "-number"]
        constraints = [
            models.UniqueConstraint(
                fields=["project", "number"], name="protocol_version_once"
            )
        ]

    def __str__(self) -> str:
        return f"{self.project.slug} protocol {self.number}"


class Scale(models.Model):
    """A versioned scale; judgments name it as `name@version`."""

    name = models.SlugField()
    version = models.PositiveIntegerField(default=1)
    kind = models.CharField(max_length=20, default="compare")
    options = models.JSONField(help_text="Options from left to right.")

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["name", "version"], name="scale_once")
        ]

    def __str__(self) -> str:
        return f"{self.name}@{self.version}"


class Membership(models.Model):
    class Role(models.TextChoices):
        ANNOTATOR = "annotator", "annotator"
        REVIEWER = "reviewer", "reviewer"
        RESEARCHER = "researcher", "researcher"
        OWNER = "owner", "owner"

    project = models.ForeignKey(
        Project, on_delete=models.CASCADE, related_name="memberships"
    )
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="memberships"
    )
    role = models.CharField(max_length=20, choices=Role, default=Role.ANNOTATOR)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["project", "user"], name="member_once"),
            models.CheckConstraint(
                condition=Q(role__in=["annotator", "reviewer", "researcher", "owner"]),
                name="member_role_known",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.user} as {self.role} of {self.project.slug}"
