"""Projects: made once, with their questions, scales and members."""

from collections.abc import Mapping, Sequence
from typing import Any

from django.contrib.auth.models import User
from django.db import IntegrityError, transaction
from django.db.models import Exists, Max, OuterRef
from pydantic import ValidationError

from annotation.errors import Conflict, InvalidInput
from annotation.models import (
    Assignment,
    Membership,
    Project,
    ProtocolVersion,
    Scale,
    Task,
)
from annotation.protocols.presets import PRESETS, Preset
from annotation.protocols.questions import dump_questions, parse_questions
from annotation.protocols.scales import CompareScale, RateScale


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
        preset: a name in `annotation.protocols.presets.PRESETS`; it gives guidelines,
            overlap and rules of agreement where `settings` say nothing.
        members: users and their roles.
        settings: further fields of Project, such as guidelines or overlap.

    Raises:
        InvalidInput: for a preset or role that does not exist.
        Conflict: when the slug is taken.
    """
    chosen = _preset(preset)
    settings["guidelines"] = settings.get("guidelines") or chosen.guidelines
    settings["overlap"] = settings.get("overlap") or chosen.overlap
    settings.setdefault("routing", chosen.routing)
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


def _preset(name: str) -> Preset:
    if name not in PRESETS:
        raise InvalidInput(
            "There is no such protocol preset.",
            expected="one of " + ", ".join(sorted(PRESETS)),
            found=repr(name),
            fix="Choose one of them.",
        )
    return PRESETS[name]


@transaction.atomic
def publish_protocol(
    *,
    project: Project,
    preset: str = "",
    questions: object = None,
    unseen_tasks: bool = False,
) -> ProtocolVersion:
    """Add the next version of a project's questions, and the scales they name.

    Answers keep the version that they were given under, and so does every task that
    somebody has met.

    Args:
        questions: JSON values; the preset's where None.
        unseen_tasks: ask the new questions of the tasks that nobody has met yet too,
            not of later tasks alone.

    Raises:
        InvalidInput: with every field that does not fit, or for a scale that goes by
            a name which another one has.
    """
    raw = _preset(preset).questions if questions is None else questions
    asked = dump_questions(parse_questions(raw))
    Project.objects.select_for_update().get(pk=project.pk)
    keep_scales(project, asked)
    latest = project.protocol_versions.order_by("-number").first()
    version = ProtocolVersion.objects.create(
        project=project,
        number=latest.number + 1 if latest else 1,
        preset=preset,
        questions=asked,
    )
    if unseen_tasks:
        # A task that is being leased now is locked, and has a lease when we get it.
        met = Assignment.objects.filter(task=OuterRef("pk"))
        Task.objects.filter(~Exists(met), project=project, leased=0, counted=0).update(
            protocol=version
        )
    return version


def keep_scales(project: Project, questions: Sequence[Mapping[str, Any]]) -> None:
    """Keep a row for each scale that questions name, so that it can always be read.

    Raises:
        InvalidInput: when a scale of that name says something else.
    """
    for place, question in enumerate(questions):
        scale = question.get("scale")
        if scale is None:
            continue
        name, _, version = scale["id"].partition("@")
        options = {key: value for key, value in scale.items() if key != "id"}
        kept, is_new = Scale.objects.get_or_create(
            project=project,
            name=name,
            version=int(version or 1),
            defaults={"options": options, "kind": question["kind"]},
        )
        if not is_new and kept.options != options:
            kept_as = _full(question["kind"], scale["id"], kept.options)
            if kept_as != scale:
                raise _taken(project, f"{place}.scale.id", scale["id"], name)


def _full(kind: str, scale_id: str, options: Mapping[str, Any]) -> dict[str, Any]:
    """Return a stored scale with every field; empty if it is of another kind."""
    model = CompareScale if kind == "compare" else RateScale
    try:
        scale = model.model_validate({"id": scale_id, **options})
    except ValidationError:
        return {}
    return scale.model_dump(mode="json")


def _taken(project: Project, path: str, scale_id: str, name: str) -> InvalidInput:
    newest = project.scales.filter(name=name).aggregate(Max("version"))["version__max"]
    free = f"{name}@{newest + 1}"
    return InvalidInput(
        f"The scale {scale_id} exists with other points, and answers lean on it.",
        expected="the points it has, or a name that is free",
        found="other points under the same name",
        fix=f"Name the changed scale {free}.",
        fields=[
            {
                "path": path,
                "message": f"is taken by a scale with other points; {free} is free",
                "value": repr(scale_id),
            }
        ],
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
