"""Do a curation job: the one place where the panel and `manage.py curate` meet."""

import logging
from dataclasses import asdict
from typing import Any

from annotation.errors import HoneError
from annotation.models import Judge, Project
from training.models import ModelVersion, Snapshot
from training.services import curation_jobs
from training.services.curation_jobs import Iterate, Recycle, Told, Verify, Votes
from training.services.runs import as_dict

SHOWN = 30
"""So many of the most doubted labels are kept to look at."""
log = logging.getLogger(__name__)


def run(job_id: int) -> None:
    """Do a waiting job; one that somebody else has is let be."""
    job = curation_jobs.claim(job_id)
    if job is None:
        return
    try:
        told = curation_jobs.read_settings(job.project, job.kind, job.settings)
        curation_jobs.finished(job, perform(job.project, told))
    except HoneError as error:
        curation_jobs.failed(job, as_dict(error))
    except Exception as error:
        log.exception("A curation job could not be done")
        curation_jobs.failed(
            job,
            {
                "message": "The curation could not be done.",
                "expected": "no error",
                "found": f"{type(error).__name__}: {error}"[:500],
                "fix": "Look at the worker's log, then start it again.",
            },
        )
        raise


def perform(project: Project, told: Told) -> dict[str, Any]:
    """Do what the settings say; return what was found, as JSON.

    Raises:
        HoneError: when it cannot be done.
    """
    if isinstance(told, Verify):
        from training.services.curation_verified import set_apart

        return asdict(set_apart(project=project, share=told.share, seed=told.seed))
    if isinstance(told, Iterate):
        return _iterate(project, told)
    if isinstance(told, Votes):
        return _vote(told)
    assert isinstance(told, Recycle)
    return _recycle(told)


def _iterate(project: Project, told: Iterate) -> dict[str, Any]:
    from workers.curation.iterate import CurationSettings, iterate

    found = iterate(
        project=project,
        reward_model=ModelVersion.objects.get(pk=told.model),
        judge=Judge.objects.get(pk=told.judge),
        settings=CurationSettings(examples=told.examples, most=told.most),
    )
    return asdict(found)


def _vote(told: Votes) -> dict[str, Any]:
    from training.services.curation_snapshots import ask_again
    from training.services.curation_votes import VoteSettings
    from workers.curation.votes import summary, vote

    made, rows = vote(
        Snapshot.objects.get(pk=told.snapshot),
        use=told.use,
        settings=VoteSettings(models=told.models, seed=told.seed),
    )
    doubted = sorted(
        (row for row in rows if row["vote_band"] in ("suspect", "ambiguous")),
        key=lambda row: float(row["vote_mean"]),
    )
    return {
        "snapshot": str(made.pk),
        "bands": summary(rows),
        "asked_again": ask_again(rows, limit=told.ask_again),
        "doubted": [
            {
                "task": int(row["task"]),
                "band": row["vote_band"],
                "strength": round(float(row["vote_mean"]), 4),
                "spread": round(float(row["vote_sd"]), 4),
            }
            for row in doubted[:SHOWN]
        ],
    }


def _recycle(told: Recycle) -> dict[str, Any]:
    from training.services.curation_votes import VoteSettings
    from workers.curation.recycling import recycle

    found = recycle(
        Snapshot.objects.get(pk=told.snapshot),
        settings=VoteSettings(models=told.models, seed=told.seed),
        ask=told.ask_again,
    )
    return asdict(found)
