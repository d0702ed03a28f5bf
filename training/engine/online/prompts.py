"""The prompts a policy practises on, in an order that depends on the seed alone."""

from __future__ import annotations

import hashlib
import json
import random
from collections.abc import Sequence

from training.engine.data import read_table
from training.engine.sampling import Prompt
from training.engine.spec import DataPart


def practice_prompts(data: DataPart) -> list[Prompt]:
    """Return the distinct prompts of ``data.prompts``, or else of the snapshot.

    Raises:
        FixableError: if the file is unusable.
    """
    if data.prompts is not None:
        table = read_table(data.prompts, ("messages",), "data.prompts")
        column = "messages"
    else:
        assert data.train is not None
        table = read_table(data.train, ("prompt",), "data.train")
        column = "prompt"
    found: dict[str, Prompt] = {}
    for value in table.column(column).to_pylist():
        messages = [{"role": m["role"], "content": m["content"] or ""} for m in value]
        text = json.dumps(messages, ensure_ascii=False, sort_keys=True)
        key = hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:16]
        found.setdefault(key, Prompt(key, messages))
    return list(found.values())


def batch_of(
    prompts: Sequence[Prompt], step: int, size: int, seed: int
) -> list[Prompt]:
    """Return the prompts of an update, counted from 0.

    Every pass over the prompts has an order of its own; a batch may span two passes.
    """
    batch = []
    orders: dict[int, list[int]] = {}
    for position in range(step * size, (step + 1) * size):
        epoch, place = divmod(position, len(prompts))
        if epoch not in orders:
            order = list(range(len(prompts)))
            random.Random(f"{seed}/{epoch}").shuffle(order)
            orders[epoch] = order
        batch.append(prompts[orders[epoch][place]])
    return batch
