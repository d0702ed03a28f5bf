"""Projects, who belongs to them, and the versioned questions they ask."""

import secrets

from django.conf import settings
from django.db import models as orm  # a project's `models` are model versions
from django.db.models import Q


def secret_seed() -> int:
    """Return a number to draw from that nobody guesses."""
    return secrets.randbits(62)


class Project(orm.Model):
    class State(orm.TextChoices):
        OPEN = "open", "open"
        PAUSED = "paused", "paused"

    slug = orm.SlugField(unique=True)
    name = orm.CharField(max_length=200)
    guidelines = orm.TextField(blank=True, help_text="Markdown, shown to annotators.")
    state = orm.CharField(max_length=10, choices=State, default=State.OPEN)
    overlap = orm.PositiveSmallIntegerField(
        default=1, help_text="How many people answer each new task."
    )
    lease_seconds = orm.PositiveIntegerField(
        default=900, help_text="How long a person may hold a task before it goes back."
    )
    routing = orm.JSONField(
        default=dict, blank=True, help_text="Who answers what; see docs/rounds.md."
    )
    budgets = orm.JSONField(default=dict, blank=True)
    visibility = orm.JSONField(
        default=dict, blank=True, help_text="Extra rules on who may see which answers."
    )
    validation_share = orm.FloatField(default=0.1)
    test_share = orm.FloatField(default=0.1)
    seed = orm.BigIntegerField(
        default=secret_seed, help_text="Secret: presented orders are drawn from it."
    )
    created_at = orm.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["name"]
        constraints = [
            orm.CheckConstraint(
                condition=Q(overlap__gte=1), name="project_overlap_at_least_1"
            ),
            orm.CheckConstraint(
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


class ProtocolVersion(orm.Model):
    """A list of typed questions; never edited, so an answer keeps what it answered."""

    project = orm.ForeignKey(
        Project, on_delete=orm.CASCADE, related_name="protocol_versions"
    )
    number = orm.PositiveIntegerField()
    preset = orm.CharField(max_length=60, blank=True)
    questions = orm.JSONField()
    created_at = orm.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["project", "-number"]
        constraints = [
            orm.UniqueConstraint(
                fields=["project", "number"], name="protocol_version_once"
            )
        ]

    def __str__(self) -> str:
        return f"{self.project.slug} protocol {self.number}"


class Scale(orm.Model):
    """A project's versioned scale; judgments name it as `name@version`."""

    project = orm.ForeignKey(Project, on_delete=orm.CASCADE, related_name="scales")
    name = orm.SlugField()
    version = orm.PositiveIntegerField(default=1)
    kind = orm.CharField(max_length=20, default="compare")
    options = orm.JSONField(help_text="Options from left to right.")

    class Meta:
        constraints = [
            orm.UniqueConstraint(
                fields=["project", "name", "version"], name="scale_once"
            )
        ]

    def __str__(self) -> str:
        return f"{self.name}@{self.version}"


class Membership(orm.Model):
    class Role(orm.TextChoices):
        ANNOTATOR = "annotator", "annotator"
        REVIEWER = "reviewer", "reviewer"
        RESEARCHER = "researcher", "researcher"
        OWNER = "owner", "owner"

    project = orm.ForeignKey(Project, on_delete=orm.CASCADE, related_name="memberships")
    user = orm.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=orm.CASCADE, related_name="memberships"
    )
    role = orm.CharField(max_length=20, choices=Role, default=Role.ANNOTATOR)

    class Meta:
        constraints = [
            orm.UniqueConstraint(fields=["project", "user"], name="member_once"),
            orm.CheckConstraint(
                condition=Q(role__in=["annotator", "reviewer", "researcher", "owner"]),
                name="member_role_known",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.user} as {self.role} of {self.project.slug}"
