"""Snapshots made of snapshots: votes on labels as columns, the labels kept beside.

Nothing of the record changes: a new snapshot names its parent, how the votes were
taken and what was made of them. pyarrow; import this module late.
"""

import hashlib
import json
import os
import shutil
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any, get_args

import pyarrow as pa
import pyarrow.parquet as pq
from django.db import connection, transaction

from annotation.errors import InvalidInput
from annotation.models import Task
from training.models import Snapshot
from training.services.artifacts import snapshot_dir
from training.services.curation_jobs import USES, Use
from training.services.curation_pools import Fate
from training.services.curation_votes import Strength

SPLITS = ("train", "validation", "test")
VOTE_COLUMNS = {
    "vote_mean": pa.float64(),
    "vote_sd": pa.float64(),
    "vote_probability": pa.float64(),
    "vote_band": pa.string(),
    "given_soft_label": pa.float64(),
    "given_margin": pa.float64(),
    "swapped": pa.bool_(),
}
TRANSFORM = "votes@1"
Row = dict[str, Any]


def decided_rows(snapshot: Snapshot) -> tuple[pa.Table, list[int]]:
    """Return a snapshot's training rows and the places of those with a winner.

    Raises:
        InvalidInput: when it is no frozen snapshot of pairs, or has been voted on.
    """
    if snapshot.view != "pairs" or snapshot.state != Snapshot.State.READY:
        raise InvalidInput(
            "Votes need a frozen snapshot of pairs.",
            expected="a snapshot of the view pairs that is ready",
            found=f"{snapshot.view}, {snapshot.get_state_display()}",
            fix="Freeze one of the view pairs.",
        )
    table = pq.read_table(snapshot_dir(snapshot.pk) / "train.parquet")
    if "vote_mean" in table.column_names:
        raise InvalidInput(
            "This snapshot has been voted on.",
            expected="a snapshot of labels as people gave them",
            found="columns of votes",
            fix="Choose its parent, which its manifest names.",
        )
    labels = table.column("soft_label").to_pylist()
    return table, [place for place, label in enumerate(labels) if label != 0.5]


def restated(
    rows: Sequence[Row],
    places: Sequence[int],
    votes: Strength,
    use: Use,
    fates: Sequence[Fate] | None = None,
) -> list[Row]:
    """Return rows with their votes, and labels as the use, or each one's fate, has it.

    Ties have no votes and stay as they are. A label that falls below one half has its
    sides swapped, so that chosen is what is believed better; what was given is kept in
    `given_soft_label`, `given_margin` and `swapped`.

    Args:
        fates: of each voted row, in the place of a use: kept, turned, or left out.
    """
    told: Sequence[Fate | None] = fates or [None] * len(places)
    found: list[Row | None] = [_with_votes(row) for row in rows]
    for place, fate, mean, spread, probability, band in zip(
        places,
        told,
        votes.mean.tolist(),
        votes.spread.tolist(),
        votes.probability.tolist(),
        votes.bands(),
        strict=True,
    ):
        row = found[place]
        assert row is not None
        row |= {
            "vote_mean": mean,
            "vote_sd": spread,
            "vote_probability": probability,
            "vote_band": band,
        }
        is_out = use == "drop" and band == "suspect"
        is_turned = use == "flip" and band == "suspect"
        if is_out or fate in ("drop", "relabel"):
            found[place] = None
        elif is_turned or fate == "flip":
            found[place] = _swapped(row)
        elif use == "soft":
            believed = _swapped(row) if probability < 0.5 else row
            found[place] = believed | {"soft_label": max(probability, 1 - probability)}
        elif use == "margin":
            row["margin"] = mean
    return [row for row in found if row is not None]


def _with_votes(row: Row) -> Row:
    return {
        **row,
        **dict.fromkeys(VOTE_COLUMNS),
        "given_soft_label": row["soft_label"],
        "given_margin": row["margin"],
        "swapped": False,
        "transform": f"{row['transform']}+{TRANSFORM}",
    }


def _swapped(row: Row) -> Row:
    """Return a row with its sides exchanged, whatever columns they have."""
    turned = dict(row)
    for name in row:
        if name == "chosen" or name.startswith("chosen_"):
            other = "rejected" + name.removeprefix("chosen")
            turned[name], turned[other] = row[other], row[name]
    return turned | {"swapped": True}


def derive(
    parent: Snapshot, rows: Sequence[Row], schema: pa.Schema, told: Mapping[str, Any]
) -> Snapshot:
    """Freeze a snapshot with other training rows than its parent's, in one piece.

    Args:
        told: how the rows came about; into the manifest, with the parent's id.
    """
    made = Snapshot(
        project=parent.project,
        name=f"{parent.name}, {told['use']}"[:200],
        view=parent.view,
        query=parent.query,
        state=Snapshot.State.RUNNING,
    )
    place, source = snapshot_dir(made.pk), snapshot_dir(parent.pk)
    draft = place.with_name(f".{place.name}.{os.getpid()}")
    draft.mkdir(parents=True)
    try:
        for name, kind in VOTE_COLUMNS.items():
            schema = schema.append(pa.field(name, kind))
        pq.write_table(
            pa.Table.from_pylist(list(rows), schema=schema), draft / "train.parquet"
        )
        for split in SPLITS[1:]:
            shutil.copyfile(source / f"{split}.parquet", draft / f"{split}.parquet")
        files = {
            f"{split}.parquet": hashlib.sha256(
                (draft / f"{split}.parquet").read_bytes()
            ).hexdigest()
            for split in SPLITS
        }
        manifest = dict(parent.manifest)
        counts = {**manifest.get("counts", {}), "train": len(rows)}
        ties = sum(row["soft_label"] == 0.5 for row in rows)
        bands = Counter(str(row["vote_band"] or "tie") for row in rows)
        made.rows = sum(counts.values())
        made.sha256 = hashlib.sha256(
            json.dumps(files, sort_keys=True).encode()
        ).hexdigest()
        made.manifest = {
            **manifest,
            "counts": counts,
            "ties": {**manifest.get("ties", {}), "train": ties},
            "files": files,
            "sha256": made.sha256,
            "votes": {**told, "bands": dict(sorted(bands.items()))},
            "parents": {
                **manifest.get("parents", {}),
                "snapshot": str(parent.pk),
                "snapshot_sha256": parent.sha256,
            },
        }
        made.state = Snapshot.State.READY
        text = json.dumps(made.manifest, indent=2, sort_keys=True, ensure_ascii=False)
        (draft / "manifest.json").write_text(text + "\n", encoding="utf-8")
        with transaction.atomic():
            made.save()
            _copy_members(parent, made)
            os.replace(draft, place)
    finally:
        shutil.rmtree(draft, ignore_errors=True)
    return made


def _copy_members(parent: Snapshot, made: Snapshot) -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO training_snapshotfeedback (snapshot_id, feedback_id) "
            "SELECT %s, feedback_id FROM training_snapshotfeedback "
            "WHERE snapshot_id = %s",
            [made.pk, parent.pk],
        )


def check_use(use: str) -> Use:
    """Return a use by its name.

    Raises:
        InvalidInput: when there is none of the name.
    """
    for known in get_args(Use):
        if known == use:
            found: Use = known
            return found
    raise InvalidInput(
        "Votes cannot be used this way.",
        expected="one of " + ", ".join(USES),
        found=repr(use),
        fix="Choose one of them.",
    )


def ask_again(rows: Sequence[Row], *, limit: int, priority: int = 8) -> int:
    """Ask one more person about each of the labels that are doubted most; count them.

    Suspected labels first, then ambiguous ones. A task that is asked again stays the
    same task, with one more slot; one that still waits for answers is left alone.
    """
    doubted = sorted(
        (row for row in rows if row["vote_band"] in ("suspect", "ambiguous")),
        key=lambda row: (row["vote_band"] != "suspect", row["vote_mean"]),
    )
    tasks = list(dict.fromkeys(int(row["task"]) for row in doubted))
    return ask_people(
        tasks[:limit], "asked again: reward models doubt its label", priority=priority
    )


def ask_people(tasks: Sequence[int], reason: str, *, priority: int = 8) -> int:
    """Give tasks one more slot, for a person; count those that have one now.

    What still waits for an answer is left alone.
    """
    asked = 0
    with transaction.atomic():
        for pk in sorted(tasks):
            task = Task.objects.select_for_update().get(pk=pk)
            if task.state == Task.State.OPEN and task.counted < task.overlap:
                continue
            task.overlap = task.counted + task.leased + 1
            task.state = Task.State.OPEN
            task.priority = priority
            task.reason = reason
            if task.route == Task.Route.AI:
                task.route = Task.Route.HUMAN
            task.save(update_fields=["overlap", "state", "priority", "reason", "route"])
            asked += 1
    return asked
