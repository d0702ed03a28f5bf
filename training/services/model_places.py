"""Which models somebody may name by their source, and from where.

What a run made is named by its id, which belongs to a project. A directory of this
machine may hold anybody's model, so a project's people name those alone that the
operator has put where the project may read: HONE_VAR/models/SLUG, which is the
project's, and the directories of HONE_MODEL_DIRECTORIES, which are everybody's.
"""

import os
from pathlib import Path

from django.conf import settings

from annotation.errors import InvalidInput
from annotation.models import Project
from training.services import artifacts

WITH_HONE = ("wheel:", "tiny:")


def own_directory(project: Project) -> Path:
    """Return where the operator puts models for one project alone."""
    return (Path(settings.VAR) / "models" / project.slug).resolve()


def check_source(source: str, project: Project | None) -> None:
    """Refuse a source that leads where whoever typed it may not read.

    Args:
        source: a directory, hub id, .gguf file, wheel:NAME or tiny:NAME.
        project: for whom it is named; None for the operator, who has a shell on this
            machine and may name any model that is not among Hone's own files.

    Raises:
        InvalidInput: for artifact:, Hone's own files, and for a project's people any
            directory that is not opened to the project.
    """
    place = (settings.BASE_DIR / source.replace("\0", "/")).resolve()
    if project is not None and _is_open_to(place, project, source):
        return
    ours = (Path(settings.VAR).resolve(), artifacts.root().resolve())
    if source.startswith(artifacts.SCHEME) or any(map(place.is_relative_to, ours)):
        raise _refused(
            source,
            expected="a model from outside: a directory, hub id, .gguf file or wheel:",
            found=f"{source!r}, which is among Hone's own files",
            fix="Choose the model that a run made by its id, or from the list.",
        )
    if project is None or source.startswith(WITH_HONE) or not _is_place(source, place):
        return
    raise _refused(
        source,
        expected=f"a hub id, wheel:NAME, or a model under {own_directory(project)} or "
        "in a directory of HONE_MODEL_DIRECTORIES",
        found=f"{source!r}, another place on this machine",
        fix="Ask the operator to put the model there, or to list its directory "
        "(docs/operations.md).",
    )


def _is_open_to(place: Path, project: Project, source: str) -> bool:
    opened = [Path(each).resolve() for each in settings.MODEL_DIRECTORIES]
    # A relative path means another place to each process that reads it.
    return Path(source).is_absolute() and any(
        place.is_relative_to(each) for each in (own_directory(project), *opened)
    )


def _is_place(source: str, place: Path) -> bool:
    """Whether the engine would look for the source among this machine's files."""
    return (
        source.startswith(("/", ".", "~"))
        or source.endswith(".gguf")
        or source.count("/") > 1
        or "\\" in source
        or "\0" in source
        or os.path.exists(place)  # an overlong name does not, and raises nothing
    )


def _refused(source: str, *, expected: str, found: str, fix: str) -> InvalidInput:
    return InvalidInput(
        "This model cannot be named by its place.",
        expected=expected,
        found=found,
        fix=fix,
        fields=[{"path": "source", "message": "not from there", "value": source}],
    )
