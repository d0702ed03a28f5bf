"""What a run that learns nothing works on: a snapshot's prompts, or its completions."""

import random
from typing import Any

from django.db.models import Exists, QuerySet

from annotation.models import Completion, Prompt
from annotation.services.prompt_rows import kept_from_training
from training.engine.registry import Preset
from training.models import Snapshot

USUAL_ROWS = 200
"""As many prompts or completions as are taken where nobody says how many."""


def works_alone(preset: Preset) -> bool:
    """True if the method learns nothing and reads no rows: it samples, or scores."""
    return preset.task in ("generate", "score")


def inputs_of(
    preset: Preset, snapshot: Snapshot, *, limit: int | None, seed: int
) -> dict[str, Any]:
    """Return the prompts that are answered, or the completions that are scored.

    They are those that the snapshot's feedback is about, at most ``limit`` of them, in
    an order drawn by the seed; prompts are those that may be trained on alone.
    """
    about = {"assignments__feedback__snapshots__snapshot": snapshot}
    rows: QuerySet[Any]
    if preset.task == "generate":
        name = "prompt_ids"
        # What is written may be asked about, and then trained on.
        rows = Prompt.objects.filter(
            ~Exists(kept_from_training()),
            split=Prompt.Split.TRAIN,
            **{f"tasks__{k}": v for k, v in about.items()},
        )
    else:
        name = "completion_ids"
        rows = Completion.objects.filter(
            **{f"slots__task__{k}": v for k, v in about.items()}
        )
    found = [
        str(pk) for pk in rows.order_by("id").values_list("id", flat=True).distinct()
    ]
    random.Random(seed).shuffle(found)
    return {name: found[: limit or USUAL_ROWS]}
