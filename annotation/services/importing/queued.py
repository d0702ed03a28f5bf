"""Imports too large for a request: kept as files, read by a worker.

The row in the state `running` with its file still there is the truth; a message only
wakes a worker, and a message that comes twice finds the lock taken or the file gone.
"""

import errno
import json
import logging
import os
from collections.abc import Iterable
from datetime import timedelta
from pathlib import Path

from django.conf import settings
from django.contrib.auth.models import AbstractBaseUser
from django.utils import timezone

from annotation.errors import HoneError, InvalidInput, Unavailable
from annotation.models import Import, Project
from annotation.services.importing.options import ImportOptions
from annotation.services.importing.readers import is_heavy
from annotation.services.importing.running import import_file
from annotation.services.locks import alone
from config.dispatch import enqueue

TASK = "workers.import_file"
LARGE_BYTES = 5 * 2**20
LOCK_SPACE = 7103  # the first half of the advisory lock's key: queued imports
log = logging.getLogger(__name__)


def folder() -> Path:
    return Path(settings.ARTIFACTS) / "imports"


def _file(row: Import) -> Path:
    return folder() / f"{row.pk}.upload"


def _options(row: Import) -> Path:
    return folder() / f"{row.pk}.json"


def receive(
    *,
    project: Project,
    name: str,
    pieces: Iterable[bytes],
    options: ImportOptions,
    user: AbstractBaseUser | None = None,
) -> Import:
    """Take an upload: read a small one now, leave a large one to a worker.

    Returns:
        The import: done, or still running where a worker has it.

    Raises:
        InvalidInput: when it is too large, or nothing of it can be read.
        Unavailable: when there is no room for it.
    """
    options.fitted(
        project.protocol
    )  # what cannot be asked is refused before it is kept
    row = Import.objects.create(
        project=project,
        name=name.encode("utf-8", "replace").decode().replace("\x00", "")[:300],
        layout=options.layout,
        strict=options.strict,
        created_by_id=user.pk if user is not None else None,
    )
    try:
        size = _keep(_file(row), pieces)
        _options(row).write_text(json.dumps(options.as_json()))
    except (HoneError, OSError) as error:
        _forget(row)
        row.delete()  # nothing was received, so there is nothing to tell of later
        if isinstance(error, HoneError):
            raise
        full = error.errno in (errno.ENOSPC, errno.EDQUOT)
        raise Unavailable(
            "The upload could not be kept.",
            expected=f"free space under {folder()}",
            found="a full disk" if full else str(error),
            fix="Free some space on the server and upload it again.",
        ) from error
    if size > LARGE_BYTES or is_heavy(_file(row), LARGE_BYTES):
        enqueue(TASK, row.pk)
        return row
    return run_kept(row.pk, name=name)


def _keep(path: Path, pieces: Iterable[bytes]) -> int:
    """Write an upload to its file; return its size in bytes."""
    path.parent.mkdir(parents=True, exist_ok=True)
    size, limit = 0, settings.IMPORT_MAX_BYTES
    with open(path, "wb") as file:
        for piece in pieces:
            size += len(piece)
            if size > limit:
                raise InvalidInput(
                    "The upload is too large.",
                    expected=f"at most {limit:,} bytes",
                    found="more",
                    fix="Split the file, or use manage.py import on the server.",
                )
            file.write(piece)
        file.flush()
        os.fsync(file.fileno())
    return size


def run_kept(import_id: int, *, name: str = "") -> Import:
    """Read a kept upload into its project; one process at a time does.

    Raises:
        InvalidInput: when nothing of it can be read. The row says so, too.
    """
    row = Import.objects.select_related("project").get(pk=import_id)
    with alone(LOCK_SPACE, row.pk) as is_mine:
        if not is_mine or not _file(row).exists():
            return row
        options = ImportOptions(**json.loads(_options(row).read_text()))
        try:
            done = import_file(
                project=row.project,
                path=_file(row),
                name=name or row.name,
                options=options,
                kept=row,
            )
        except HoneError:
            _forget(row)
            raise
        _forget(done)
        return done


def _forget(row: Import) -> None:
    _file(row).unlink(missing_ok=True)
    _options(row).unlink(missing_ok=True)


def waiting_imports(*, older_than_seconds: int = 60) -> list[int]:
    """Return kept uploads that nobody may be reading: beat wakes workers for them."""
    before = timezone.now() - timedelta(seconds=older_than_seconds)
    rows = Import.objects.filter(state=Import.State.RUNNING, created_at__lt=before)
    return [row.pk for row in rows if _file(row).exists()]


def wake_waiting_imports() -> int:
    """Send a message for each kept upload that waits; return how many."""
    waiting = waiting_imports()
    for pk in waiting:
        enqueue(TASK, pk)
    return len(waiting)
