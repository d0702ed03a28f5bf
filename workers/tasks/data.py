"""Files in and out of the record: uploads to read, snapshots to freeze."""

import logging
from uuid import UUID

from annotation.errors import HoneError
from annotation.services.importing.queued import run_kept
from config.celery import app
from config.dispatch import enqueue
from training.models import Round
from training.services import freezing
from training.services.runs import ADVANCE

log = logging.getLogger(__name__)


@app.task(name="workers.import_file")
def import_file(import_id: int) -> None:
    """Read an upload that was too large for its request."""
    try:
        run_kept(import_id)
    except HoneError as error:
        log.warning("Import %s could not be read: %s", import_id, error)


@app.task(name="workers.freeze_snapshot")
def freeze_snapshot(snapshot_id: str) -> None:
    """Freeze a snapshot, then wake the rounds that wait for it."""
    try:
        freezing.freeze(snapshot_id)
    except HoneError as error:
        # The row keeps it for people; here it is for the log.
        log.warning("Snapshot %s was not frozen: %s", snapshot_id, error)
    waiting = Round.objects.filter(snapshot_id=UUID(snapshot_id))
    for round_id in waiting.values_list("pk", flat=True):
        enqueue(ADVANCE, round_id)
