"""Freezing: a filter over the record becomes Parquet files that never change.

All of it is read in one REPEATABLE READ transaction through a server-side cursor,
written beside its place and moved there at the end. A claim is a conditional update;
an advisory lock, which dies with its connection, tells a freeze that still runs from
one whose process is gone.
"""

import errno
import hashlib
import json
import os
import shutil
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any
from uuid import UUID

from django.contrib.auth.models import AbstractBaseUser
from django.db import InterfaceError, OperationalError, connection, transaction

from annotation.errors import HoneError, InvalidInput, NotFound, Unavailable
from annotation.models import Project
from annotation.projections.columns import as_json, schema_of
from annotation.projections.parquet import ParquetRows
from annotation.projections.query import read_query
from annotation.projections.views import VIEWS
from annotation.services.answers import Tally, stream_rows
from training.models import Snapshot, SnapshotFeedback
from training.services.artifacts import snapshot_dir
from training.services.frozen_facts import Facts

SPLITS = ("train", "validation", "test")
MEMBERS_CHUNK = 2000
LOCK_SPACE = 7102  # the first half of the advisory lock's key: snapshots
Progress = Callable[[int], object]


class FreezeFailed(HoneError):
    code, status = "freeze_failed", 500


def create_snapshot(
    *,
    project: Project,
    name: str = "",
    query: dict[str, Any] | None = None,
    view: str = "pairs",
    user: AbstractBaseUser | None = None,
) -> Snapshot:
    """Keep a queued snapshot; `freeze` fills it.

    Raises:
        InvalidInput: for a view or filter that cannot be read.
    """
    if view not in VIEWS:
        raise InvalidInput(
            "There is no such view to freeze.",
            expected="one of " + ", ".join(VIEWS),
            found=repr(view),
            fix="Choose one of them.",
        )
    checked = read_query(query)
    checked.check_view(view)
    snapshot = Snapshot(
        project=project,
        name=name,
        view=view,
        query=checked.model_dump(mode="json", exclude_defaults=True),
        created_by_id=user.pk if user is not None else None,
    )
    snapshot.name = name or f"{view} {str(snapshot.pk)[:8]}"
    snapshot.save()
    return snapshot


def freeze(snapshot_id: UUID | str, *, progress: Progress | None = None) -> Snapshot:
    """Freeze a snapshot; a ready one, or one being frozen elsewhere, stays as it is.

    Args:
        progress: called with the number of rows written since the last call.

    Returns:
        The snapshot: ready, or running where another process is at it.

    Raises:
        FreezeFailed: with what was expected, found and to do; the row says so, too,
            is `failed`, and may be frozen again.
    """
    if not Snapshot.objects.filter(pk=snapshot_id).exists():
        raise NotFound(
            "There is no such snapshot.",
            expected="the id of a snapshot that is kept",
            found=str(snapshot_id),
            fix="Look it up on the panel's page of snapshots.",
        )
    waiting = Snapshot.objects.filter(pk=snapshot_id, state__in=["queued", "failed"])
    claimed = waiting.update(state=Snapshot.State.RUNNING, error=None)
    snapshot = Snapshot.objects.get(pk=snapshot_id)
    if not claimed and snapshot.state != Snapshot.State.RUNNING:
        return snapshot
    place = snapshot_dir(snapshot.pk)
    draft = place.with_name(f".{place.name}.{os.getpid()}")
    try:
        with _one_moment():
            if not _alone(snapshot):
                return snapshot
            _clear(place, draft)
            _write(snapshot, draft, progress or (lambda rows: None))
            os.replace(draft, place)
            snapshot.save(update_fields=["state", "manifest", "sha256", "rows"])
    except Exception as error:
        shutil.rmtree(draft, ignore_errors=True)
        try:
            current = Snapshot.objects.get(pk=snapshot_id)
            if current.state == Snapshot.State.READY:
                return current  # another process was done an instant earlier
        except (OperationalError, InterfaceError) as worse:
            raise _unavailable(worse) from error
        if _lost_connection(error):
            # It stays running: whoever looks next freezes it.
            raise _unavailable(error) from error
        raise _failed(current, error) from error
    return snapshot


def _lost_connection(error: Exception) -> bool:
    """Whether it was the server that went away, and not the work that cannot be done.

    Class 57P is a server that stops, 08 a connection; a dead one says nothing.
    """
    if not isinstance(error, OperationalError | InterfaceError):
        return False
    state = getattr(error.__cause__, "sqlstate", None)
    return state is None or state.startswith(("57P", "08"))


def _unavailable(error: Exception) -> Unavailable:
    return Unavailable(
        "The database went away while a snapshot was frozen.",
        expected="a PostgreSQL server that answers",
        found=str(error).splitlines()[0],
        fix="Start it and freeze the snapshot again; nothing of it was kept.",
    )


@contextmanager
def _one_moment() -> Iterator[None]:
    """A transaction that sees one moment, unless the caller's already runs."""
    outermost = not connection.in_atomic_block
    with transaction.atomic():
        if outermost:
            with connection.cursor() as cursor:
                cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        yield


def _alone(snapshot: Snapshot) -> bool:
    """Take the snapshot's lock; False where another process freezes it."""
    key = int.from_bytes(snapshot.pk.bytes[:4], "big", signed=True)
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_xact_lock(%s, %s)", [LOCK_SPACE, key])
        row = cursor.fetchone()
    if not row or not row[0]:
        return False
    # Fails where another process committed after this transaction's moment.
    now = Snapshot.objects.select_for_update().get(pk=snapshot.pk)
    return now.state == Snapshot.State.RUNNING


def _clear(place: Path, draft: Path) -> None:
    """Remove what a process that was killed left behind."""
    place.parent.mkdir(parents=True, exist_ok=True)
    for left in [place, draft, *place.parent.glob(f".{place.name}.*")]:
        if left.exists():
            shutil.rmtree(left)
    draft.mkdir()


def _write(snapshot: Snapshot, draft: Path, progress: Progress) -> None:
    query = read_query(snapshot.query)
    tally = Tally()
    members = Members(snapshot)
    counts: Counter[str] = Counter()
    ties: Counter[str] = Counter()
    facts = Facts()
    schema = schema_of(VIEWS[snapshot.view].row)
    with ExitStack() as files:
        writers = {
            split: files.enter_context(ParquetRows(draft / f"{split}.parquet", schema))
            for split in SPLITS
        }
        for row in stream_rows(snapshot.project, snapshot.view, query, tally):
            writers[row.split].add(as_json(row))
            counts[row.split] += 1
            ties[row.split] += row.soft_label == 0.5
            facts.add(row)
            members.add(source.feedback for source in row.src)
            progress(1)
    members.close()
    files_written = {
        f"{split}.parquet": _sha256(draft / f"{split}.parquet") for split in SPLITS
    }
    snapshot.rows = sum(counts.values())
    snapshot.sha256 = hashlib.sha256(
        json.dumps(files_written, sort_keys=True).encode()
    ).hexdigest()
    snapshot.manifest = {
        "version": 1,
        "view": snapshot.view,
        "query": query.model_dump(mode="json"),
        "counts": {split: counts[split] for split in SPLITS},
        "ties": {split: ties[split] for split in SPLITS},
        "answers": tally.answers,
        "feedback": members.count,
        "dropped": dict(sorted(tally.dropped.items())),
        "other_kinds": dict(sorted(tally.other_kinds.items())),
        **facts.told(),
        "files": files_written,
        "sha256": snapshot.sha256,
        "parents": {
            "project": snapshot.project.slug,
            "protocols": sorted(tally.protocols),
            "scales": sorted(tally.scales),
        },
    }
    snapshot.state = Snapshot.State.READY
    text = json.dumps(snapshot.manifest, indent=2, sort_keys=True, ensure_ascii=False)
    (draft / "manifest.json").write_text(text + "\n", encoding="utf-8")
    for file in draft.iterdir():
        descriptor = os.open(file, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


class Members:
    """The feedback whose rows a snapshot holds, kept in batches.

    Rows come task by task and a feedback belongs to one task, so that a feedback seen
    again is in the current batch or just before it.
    """

    def __init__(self, snapshot: Snapshot) -> None:
        self.snapshot = snapshot
        self.count = 0
        self._waiting: dict[str, None] = {}
        self._last: set[str] = set()

    def add(self, ids: Iterable[str]) -> None:
        for pk in ids:
            if pk not in self._last:
                self._waiting[pk] = None
        if len(self._waiting) >= MEMBERS_CHUNK:
            self.close()

    def close(self) -> None:
        SnapshotFeedback.objects.bulk_create(
            SnapshotFeedback(snapshot=self.snapshot, feedback_id=UUID(pk))
            for pk in self._waiting
        )
        self.count += len(self._waiting)
        self._last = set(self._waiting)
        self._waiting = {}


def _sha256(path: Path) -> str:
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _failed(snapshot: Snapshot, error: Exception) -> FreezeFailed:
    """Mark the snapshot as failed and return the error to raise."""
    text = str(error).splitlines()[0] if str(error) else ""
    problem = FreezeFailed(
        "The snapshot could not be frozen.",
        expected="rows of the record in Parquet files",
        found=f"{type(error).__name__}: {text}",
        fix="Mend it and freeze the snapshot again; nothing half-done was kept.",
    )
    if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
        problem.expected = f"free space under {snapshot_dir(snapshot.pk).parent}"
        problem.found = "a full disk"
        problem.fix = "Free some space and freeze the snapshot again."
    elif isinstance(error, HoneError):
        problem.found, problem.fix = str(error), error.fix or problem.fix
    elif isinstance(error, OperationalError):
        problem.expected = "a PostgreSQL server that answers"
    running = Snapshot.objects.filter(pk=snapshot.pk, state=Snapshot.State.RUNNING)
    running.update(
        state=Snapshot.State.FAILED,
        error={
            "message": problem.message,
            "expected": problem.expected,
            "found": problem.found,
            "fix": problem.fix,
        },
    )
    return problem
