"""Small records to train on: projects, comparisons and snapshots on disk."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from annotation.hashing import completion_hash, group_key, prompt_hash
from annotation.models import Completion, Project, Prompt
from annotation.services.projects import create_project
from training.models import ModelVersion, Snapshot
from training.services import artifacts
from training.services.promoting import base_model

WORDS = ("pear", "plum", "fig", "oak", "ash", "elm", "red", "blue", "one", "two")


def make_project(slug: str = "pears", **settings: Any) -> Project:
    return create_project(slug=slug, **settings)


def make_prompt(project: Project, text: str, *, split: str = "train") -> Prompt:
    messages = [{"role": "user", "content": text}]
    return Prompt.objects.create(
        project=project,
        messages=messages,
        content_hash=prompt_hash(messages),
        group_key=group_key(messages),
        split=split,
    )


def make_completion(prompt: Prompt, text: str, **fields: Any) -> Completion:
    messages = [{"role": "assistant", "content": text}]
    return Completion.objects.create(
        prompt=prompt,
        messages=messages,
        content_hash=completion_hash(messages),
        **fields,
    )


def pair_rows(
    count: int, *, seed: int = 0, split: str = "train"
) -> list[dict[str, Any]]:
    """Return comparisons in which the longer answer wins: easy to learn."""
    draw = random.Random(seed)
    rows = []
    for number in range(count):
        words = draw.choices(WORDS, k=6)
        rows.append(
            {
                "row_id": f"{split}-{number}",
                "prompt": [{"role": "user", "content": f"name {words[0]} {number}"}],
                "chosen": [{"role": "assistant", "content": " ".join(words)}],
                "rejected": [{"role": "assistant", "content": words[1]}],
                "soft_label": 1.0,
                "margin": None,
                "weight": 1.0,
                "criterion": None,
                "annotator": "alice",
                "group": f"{split}-{number}",
                "split": split,
                "src": [],
                "task": str(number),
            }
        )
    return rows


_MESSAGES = pa.list_(pa.struct([("role", pa.string()), ("content", pa.string())]))
_SCHEMA = pa.schema(
    [
        ("row_id", pa.string()),
        ("prompt", _MESSAGES),
        ("chosen", _MESSAGES),
        ("rejected", _MESSAGES),
        ("soft_label", pa.float64()),
        ("margin", pa.float64()),
        ("weight", pa.float64()),
        ("criterion", pa.string()),
        ("annotator", pa.string()),
        ("group", pa.string()),
        ("split", pa.string()),
        (
            "src",
            pa.list_(pa.struct([("feedback", pa.string()), ("judgment", pa.int32())])),
        ),
        ("task", pa.string()),
    ]
)


def make_snapshot(
    project: Project, *, train: int = 32, validation: int = 0
) -> Snapshot:
    """Return a ready snapshot whose files hold easy comparisons."""
    snapshot = Snapshot.objects.create(
        project=project,
        name="easy",
        state=Snapshot.State.READY,
        rows=train + validation,
    )
    folder = artifacts.snapshot_dir(snapshot.pk)
    folder.mkdir(parents=True)
    for split, count in (("train", train), ("validation", validation), ("test", 0)):
        write_pairs(folder / f"{split}.parquet", pair_rows(count, split=split))
    return snapshot


def write_pairs(path: Path, rows: list[dict[str, Any]]) -> None:
    pq.write_table(pa.Table.from_pylist(rows, schema=_SCHEMA), path)


def tiny_encoder() -> ModelVersion:
    return base_model(project=None, source="tiny:encoder", role="encoder")


def tiny_policy() -> ModelVersion:
    return base_model(project=None, source="tiny:causal", role="policy")
