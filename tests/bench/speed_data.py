"""What the speed of training is measured on: pairs and lists of two kinds."""

from __future__ import annotations

import gzip
import json
import random
from typing import Any, Literal

from transformers import PreTrainedTokenizerBase as Tokenizer

from tests.bench.engine_runs import data_folder
from tests.engine.support import say
from training.engine.tokens import tokenize

SEED = 0
BATCH = 4
LONGEST = 320
"""Tokens of the longest sequence: both sides fit in a few gigabytes."""
Rows = list[dict[str, Any]]
Kind = Literal["multi-turn", "short"]


def decided(kind: Kind) -> Rows:
    """Return the pairs with a preferred side, in seeded order."""
    name = "hh_harmless" if kind == "multi-turn" else "llmeval2"
    path = data_folder(name) / "pairs_train.jsonl.gz"
    with gzip.open(path, "rt", encoding="utf-8") as file:
        found = [json.loads(line) for line in file]
    rows = []
    for record in found:
        turns = len(record["prompt"])
        fits = turns >= 3 if kind == "multi-turn" else turns == 1
        if record["gold"] not in ("a", "b") or not fits or record["lang"] != "en":
            continue
        better, worse = ("a", "b") if record["gold"] == "a" else ("b", "a")
        rows.append(
            {
                "row_id": record["id"],
                "prompt": record["prompt"],
                "chosen": say("assistant", record[better]["text"]),
                "rejected": say("assistant", record[worse]["text"]),
                "soft_label": 1.0,
                "weight": 1.0,
                "group": record["id"],
            }
        )
    random.Random(SEED).shuffle(rows)
    return rows


def chosen_pairs(
    kind: Kind, count: int, tokenizer: Tokenizer, longest: int = LONGEST
) -> Rows:
    """Return pairs that nobody has to shorten and that hold no empty completion."""
    kept: Rows = []
    for row in decided(kind):
        sides = [row["chosen"], row["rejected"]]
        prompt, parts = tokenize(tokenizer, row["prompt"], sides)
        fits = len(prompt) + max(map(len, parts)) <= longest
        if fits and all(side[0]["content"].strip() for side in sides):
            kept.append(row)
        if len(kept) == count:
            return kept
    raise SystemExit(f"error: expected {count} pairs that fit, found {len(kept)}")


def chosen_lists(
    kind: Kind, count: int, tokenizer: Tokenizer, longest: int = LONGEST
) -> Rows:
    """Return lists of four completions, ranked."""
    if kind == "short":
        path = data_folder("finegrained_qa") / "rankings.jsonl.gz"
        with gzip.open(path, "rt", encoding="utf-8") as file:
            records = [json.loads(line) for line in file]
        random.Random(SEED).shuffle(records)
        sets = [
            (record["prompt"], [answer["text"] for answer in record["responses"][:4]])
            for record in records
            if len(record["responses"]) >= 4
        ][:count]
    else:
        pairs = chosen_pairs(kind, count + 1, tokenizer, longest)
        sides = [
            [row[s][0]["content"] for s in ("chosen", "rejected")] for row in pairs
        ]
        sets = [
            (row["prompt"], [*sides[i], *sides[i + 1]])
            for i, row in enumerate(pairs[:-1])
        ]
    return [
        {
            "row_id": str(number),
            "prompt": prompt,
            "candidates": [say("assistant", text) for text in texts],
            "groups": [0, 1, 2, 3],
            "values": None,
            "weight": 1.0,
        }
        for number, (prompt, texts) in enumerate(sets)
    ]
