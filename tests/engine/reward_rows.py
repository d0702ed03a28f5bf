"""Rows of every view that a reward model learns from, and small models with heads."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tests.engine.preference_rows import full_pair, list_row, unary_row
from tests.engine.support import WORDS, pair_row, say, write_rows
from training.engine.models import Loaded, load_backbone, load_policy
from training.engine.rewards.contract import Item, Scorer
from training.engine.rewards.model import Description, RewardModel
from training.engine.spec import ModelPart


def reward_pair(index: int, **changes: Any) -> dict[str, Any]:
    """Return a row of pairs with the columns that some reward models need."""
    row = full_pair(index) | {
        "context": f"Be {WORDS[index % 12]}.",
        "reference": say("assistant", f"{WORDS[(index + 2) % 12]} please"),
        "chosen_unsafe": False,
        "rejected_unsafe": index % 2 == 0,
        "chosen_factors": [1.0, 0.2],
        "rejected_factors": [1.0 - index % 2, 0.4],
        "source": f"forum-{index % 2}",
    }
    return row | changes


def vector_row(index: int, **changes: Any) -> dict[str, Any]:
    """Return one completion's ratings; every other row lacks one."""
    good = index % 2
    pair = pair_row(index)
    row = {
        "row_id": f"vector-{index}",
        "prompt": pair["prompt"],
        "completion": pair["chosen" if good else "rejected"],
        "names": ["helpful", "verbose"],
        "values": [4.0 * good, 2.0 if index % 4 < 2 else None],
        "normalised": [1.0 * good, 0.5 if index % 4 < 2 else 0.0],
        "mask": [True, index % 4 < 2],
        "weight": 1.0,
    }
    return row | changes


def scalar_row(index: int, **changes: Any) -> dict[str, Any]:
    """Return one number for a completion."""
    row = {k: v for k, v in vector_row(index).items() if k not in _OF_VECTORS}
    return row | {"row_id": f"scalar-{index}", "value": float(index % 2)} | changes


_OF_VECTORS = ("names", "values", "normalised", "mask")


def token_row(index: int, **changes: Any) -> dict[str, Any]:
    """Return a text of two sentences whose second is marked in every other row."""
    text = f"The {WORDS[index % 12]} is kind. No, go away."
    spans = [{"message": 0, "start": 18, "end": len(text), "category": "rude"}]
    row = {
        "row_id": f"tokens-{index}",
        "prompt": pair_row(index)["prompt"],
        "text": say("assistant", text),
        "spans": spans if index % 2 else [],
        "target": "completion",
        "weight": 1.0,
    }
    return row | changes


def principle_row(index: int, **changes: Any) -> dict[str, Any]:
    """Return a verdict on a principle."""
    pair = pair_row(index)
    row = {
        "row_id": f"principle-{index}",
        "prompt": pair["prompt"],
        "completion": pair["chosen" if index % 2 else "rejected"],
        "principle": "The answer is polite.",
        "label": "yes" if index % 2 else "no",
        "weight": 1.0,
    }
    return row | changes


def write_reward_views(path: Path, count: int = 8) -> dict[str, str]:
    """Write a file of each view and return their paths."""
    rows = {
        "pairs": [reward_pair(i) for i in range(count)],
        "lists": [list_row(i) for i in range(count)],
        "vectors": [vector_row(i) for i in range(count)],
        "scalars": [scalar_row(i) for i in range(count)],
        "unary": [unary_row(i) for i in range(count)],
        "tokens": [token_row(i) for i in range(count)],
        "entailment": [principle_row(i) for i in range(count)],
    }
    return {
        view: str(write_rows(path / f"{view}.parquet", found))
        for view, found in rows.items()
    }


def small(
    head: str = "linear", *, source: str = "tiny:causal", **told: Any
) -> tuple[Loaded, Scorer]:
    """Return an untrained reward model, and what asks it."""
    load = load_policy if head == "verdict" else load_backbone
    backbone = load(ModelPart(source=source), seed=0)
    model = RewardModel(backbone.model, Description(preset="x", head=head, **told))
    loaded = Loaded(model, backbone.tokenizer, backbone.template)
    scorer = Scorer(model, backbone.tokenizer, max_length=128, batch_size=4)
    return loaded, scorer


def items(count: int, **extra: Any) -> list[Item]:
    """Return completions of two prompts, in turns."""
    prompts = [say("user", "what is kind?"), say("user", "what is true?")]
    return [
        Item(prompts[i % 2], say("assistant", f"the {WORDS[i % 12]} list {i}"), extra)
        for i in range(count)
    ]
