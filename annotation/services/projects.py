"""Projects: made once, with their questions, scales and members."""

from collections.abc import Mapping
from typing import Any

from django.contrib.auth.models import User
from django.db import IntegrityError, transaction

from annotation.errors import Conflict, InvalidInput
from annotation.models import Membership, Project, ProtocolVersion, Scale
from annotation.protocols.presets import PRESETS
from annotation.protocols.scales import SCALES


@transaction.atomic
def create_project(
    *,
    slug: str,
    name: str = "",
    preset: str = "compare",
    members: Mapping[User, str] | None = None,
    **settings: Any,
) -> Project:
    """Make a project with the first version of its protocol.

    Args:
        preset: a name in `annotation.protocols.presets.PRESETS`.
        members: users and their roles.
        settings: further fields of Project, such as guidelines or overlap.

    Raises:
        InvalidInput: for a preset or role that does not exist.
        Conflict: when the slug is taken.
    """
    if preset not in PRESETS:
        raise InvalidInput(
            "There is no such protocol preset.",
            expected="one of " + ", ".join(sorted(PRESETS)),
            found=repr(preset),
            fix="Choose one of them.",
        )
    try:
        with transaction.atomic():
            project = Project.objects.create(slug=slug, name=name or slug, **settings)
    except IntegrityError as error:
        if not Project.objects.filter(slug=slug).exists():
            raise
        raise Conflict(
            "A project with this slug exists.",
            expected="a slug that is free",
            found=repr(slug),
            fix="Choose another slug.",
        ) from error
    publish_protocol(project=project, preset=preset)
    for user, role in (members or {}).items():
        add_member(project=project, user=user, role=role)
    return project


@transaction.atomic
def publish_protocol(
    *, project: Project, preset: str = "", questions: list[dict[str, Any]] | None = None
) -> ProtocolVersion:
    """Add the next version of a project's questions, and the scales they name."""
    asked = questions if questions is not None else PRESETS[preset]
    ensure_scales(
        {item["scale"]["id"]: item["scale"] for item in asked if item.get("scale")}
    )
    Project.objects.select_for_update().get(pk=project.pk)
    latest = project.protocol_versions.order_by("-number").first()
    return ProtocolVersion.objects.create(
        project=project,
        number=latest.number + 1 if latest else 1,
        preset=preset,
        questions=asked,
    )


def ensure_scales(scales: Mapping[str, Mapping[str, Any]] = SCALES) -> None:
    """Keep a row for each scale, so that a judgment's scale can always be read."""
    for scale_id, scale in scales.items():
        name, _, version = scale_id.partition("@")
        options = {key: value for key, value in scale.items() if key != "id"}
        Scale.objects.get_or_create(
            name=name, version=int(version or 1), defaults={"options": options}
        )


def add_member(*, project: Project, user: User, role: str) -> Membership:
    """Give a user a role in a project, or change it."""
    if role not in Membership.Role.values:
        raise InvalidInput(
            "There is no such role.",
            expected="one of " + ", ".join(Membership.Role.values),
            found=repr(role),
            fix="Choose one of them.",
        )
    member, _ = Membership.objects.update_or_create(
        project=project, user=user, defaults={"role": role}
    )
    return member
