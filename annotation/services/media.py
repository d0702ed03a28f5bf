"""Images that prompts and completions show: uploaded, kept by content, for members.

A text shows one by `![what it is](media:SHA256)`. What a model writes can name no
other place: the browser fetches images from here alone.

    HONE_VAR/media/<project>/<sha256>.<type>
"""

import hashlib
import os
import re
import tempfile
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from django.conf import settings
from django.contrib.auth.models import AbstractBaseUser

from annotation.errors import InvalidInput, NotFound, TooManyRequests
from annotation.models import Project
from annotation.services.image_sizes import size_of
from annotation.services.rates import spend

# By their first bytes; what a sender calls a file counts for nothing. SVG is a
# program, not a picture, and is none of them.
TYPES: dict[str, tuple[str, Callable[[bytes], bool]]] = {
    "png": ("image/png", lambda head: head.startswith(b"\x89PNG\r\n\x1a\n")),
    "jpg": ("image/jpeg", lambda head: head.startswith(b"\xff\xd8\xff")),
    "gif": ("image/gif", lambda head: head[:6] in (b"GIF87a", b"GIF89a")),
    "webp": (
        "image/webp",
        lambda head: head[:4] == b"RIFF" and head[8:12] == b"WEBP",
    ),
    "avif": (
        "image/avif",
        lambda head: head[4:8] == b"ftyp" and head[8:12] in (b"avif", b"avis"),
    ),
}
HEAD_BYTES = 16
UNFINISHED, UNFINISHED_SECONDS = ".", 3600
DAY_SECONDS = 86_400
SHA256 = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True)
class Image:
    """A kept image.

    Attributes:
        path: where it lies.
        type: such as image/png.
    """

    sha256: str
    path: Path
    type: str


def keep_image(
    *, project: Project, pieces: Iterable[bytes], user: AbstractBaseUser | None = None
) -> Image:
    """Keep an uploaded image of a project; the same one again is kept once.

    Args:
        user: who uploads it; what they bring in a day is counted.

    Raises:
        InvalidInput: for what is no image, a larger one than MEDIA_MAX_BYTES or
            MEDIA_MAX_PIXELS, or one for which the project has no room.
        TooManyRequests: beyond MEDIA_PERSON_BYTES_PER_DAY.
    """
    folder = _folder(project)
    folder.mkdir(parents=True, exist_ok=True)
    room = settings.MEDIA_PROJECT_BYTES - _used(folder)
    digest, size, head = hashlib.sha256(), 0, b""
    with tempfile.NamedTemporaryFile(
        dir=folder, prefix=UNFINISHED, delete=False
    ) as new:
        temporary = Path(new.name)
        try:
            for piece in pieces:
                size += len(piece)
                if size > settings.MEDIA_MAX_BYTES:
                    raise _too_large()
                head += piece[: HEAD_BYTES - len(head)]
                digest.update(piece)
                new.write(piece)
            new.flush()
            name = _type_of(head)
            with temporary.open("rb") as whole:
                _check_pixels(whole, name)
            target = folder / f"{digest.hexdigest()}.{name}"
            if not target.exists():
                if size > room:
                    raise _no_room()
                _count(user, size)
        except BaseException:
            temporary.unlink()
            raise
    os.replace(temporary, target)
    return Image(digest.hexdigest(), target, TYPES[name][0])


def drop_image(*, project: Project, sha256: str) -> None:
    """Remove an image of a project for good; texts that show it show its words.

    Raises:
        NotFound: when the project has none of that name.
    """
    image_of(project=project, sha256=sha256).path.unlink(missing_ok=True)


def _used(folder: Path) -> int:
    """Return the bytes a project's images take; drop uploads that were cut off."""
    used, long_ago = 0, time.time() - UNFINISHED_SECONDS
    with os.scandir(folder) as entries:
        for entry in entries:
            try:
                found = entry.stat(follow_symlinks=False)
                if entry.name.startswith(UNFINISHED) and found.st_mtime < long_ago:
                    os.unlink(entry.path)
                    continue
            except FileNotFoundError:  # another upload has ended meanwhile
                continue
            used += found.st_size
    return used


def _check_pixels(file: IO[bytes], kind: str) -> None:
    """Refuse an image that no browser should have to unpack.

    Raises:
        InvalidInput: where it is too large, or does not say how large it is.
    """
    try:
        width, height = size_of(file, kind)
    except ValueError as error:
        raise InvalidInput(
            "This image is broken.",
            expected=f"a whole {TYPES[kind][0]} file",
            found=str(error),
            fix="Export it again.",
        ) from error
    if width * height > settings.MEDIA_MAX_PIXELS:
        raise InvalidInput(
            "The image has too many pixels.",
            expected=f"at most {settings.MEDIA_MAX_PIXELS:,}",
            found=f"{width:,} x {height:,}",
            fix="Scale it down, or ask for another HONE_MEDIA_MAX_PIXELS.",
        )


def _count(user: AbstractBaseUser | None, size: int) -> None:
    if user is None:
        return
    key = f"media:{user.pk}:{int(time.time() // DAY_SECONDS)}"
    limit = settings.MEDIA_PERSON_BYTES_PER_DAY
    if (sent := spend(key, size, window_seconds=DAY_SECONDS)) > limit:
        error = TooManyRequests(
            "You have uploaded as many images as one person may in a day.",
            expected=f"at most {limit:,} bytes a day",
            found=f"{sent:,} with this one",
            fix="Go on tomorrow (UTC), or ask for another "
            "HONE_MEDIA_PERSON_BYTES_PER_DAY.",
        )
        error.retry_after = int(DAY_SECONDS - time.time() % DAY_SECONDS) + 1
        raise error


def image_of(*, project: Project, sha256: str) -> Image:
    """Return an image that a project has.

    Raises:
        NotFound: when it has none of that name.
    """
    if SHA256.fullmatch(sha256):
        for name, (type_, _) in TYPES.items():
            path = _folder(project) / f"{sha256}.{name}"
            if path.is_file():
                return Image(sha256, path, type_)
    raise NotFound(
        "The project has no such image.",
        expected="the sha256 of an image that was uploaded to it",
        found="another name",
        fix="Upload the image to this project.",
    )


def _folder(project: Project) -> Path:
    return Path(settings.MEDIA) / str(project.pk)


def _type_of(head: bytes) -> str:
    for name, (_, fits) in TYPES.items():
        if fits(head):
            return name
    raise InvalidInput(
        "This is no image that can be shown.",
        expected="PNG, JPEG, GIF, WebP or AVIF, by its first bytes",
        found=repr(head[:8]) if head else "nothing",
        fix="Convert it to one of these.",
    )


def _too_large() -> InvalidInput:
    return InvalidInput(
        "The image is too large.",
        expected=f"at most {settings.MEDIA_MAX_BYTES:,} bytes",
        found="more",
        fix="Make it smaller, or ask for another HONE_MEDIA_MAX_BYTES.",
    )


def _no_room() -> InvalidInput:
    return InvalidInput(
        "The project has no room for this image.",
        expected=f"at most {settings.MEDIA_PROJECT_BYTES:,} bytes of images a project",
        found="more, with this one",
        fix="Delete images that no text shows any more, or ask for another "
        "HONE_MEDIA_PROJECT_BYTES.",
    )
