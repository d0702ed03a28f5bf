"""The prompts a policy practises on, in an order that depends on the seed alone."""

from __future__ import annotations

import hashlib
import json
import random
from collections.abc import Sequence
from pathlib import Path

from training.engine.context import RunContext
from training.engine.data import Messages, Pair, read_pairs, read_table
from training.engine.errors import FixableError
from training.engine.online.directions import directed
from training.engine.online.users import profile_of
from training.engine.registry.online_rows import OnlineRow
from training.engine.rewards import texts
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
        key = _key_of(messages)
        found.setdefault(key, Prompt(key, messages))
    return list(found.values())


def _key_of(messages: Messages) -> str:
    text = json.dumps(messages, ensure_ascii=False, sort_keys=True)
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:16]


def prompts_of(context: RunContext, row: OnlineRow) -> list[Prompt]:
    """Return what a method asks: the snapshot's prompts, or which answer is better.

    Raises:
        FixableError: if the file, or a row of it, is unusable.
    """
    data = context.spec.data
    if row.prompts in ("plain", "feedback", "conversation"):
        return practice_prompts(data)
    if row.prompts == "directed":
        return directed(
            practice_prompts(data),
            arc=context.number("arc"),
            count=context.integer("directions"),
            seed=context.spec.seed,
        )
    assert data.train is not None
    if row.prompts == "profiled":
        return profiled_prompts(data.train)
    if row.prompts in ("answered", "referenced", "completed"):
        return answered_prompts(data.train)
    graded = context.text("verdict") == "graded"
    pairs = read_pairs(data.train, field="data.train", pool=True, decided_only=True)
    return [judged(pair, graded=graded, seed=context.spec.seed) for pair in pairs.pairs]


def answered_prompts(path: Path) -> list[Prompt]:
    """Return the distinct prompts of a file, each with the text of its reference.

    Raises:
        FixableError: if the file is unusable or a row has no reference.
    """
    table = read_table(path, ("prompt", "reference"), "data.train")
    found: dict[str, Prompt] = {}
    for number, row in enumerate(table.to_pylist()):
        answer = texts.text_of(texts.chat(row["reference"] or [])).strip()
        if not answer:
            raise FixableError(
                "A prompt has no known answer.",
                expected="a reference in every row",
                found=f"none in row {row.get('row_id') or number}",
                fix="Import the prompts with their reference, or filter the snapshot.",
                field="data.train",
            )
        messages = texts.chat(row["prompt"])
        key = _key_of(messages)
        found.setdefault(key, Prompt(key, messages, answer))
    return list(found.values())


def profiled_prompts(path: Path) -> list[Prompt]:
    """Return the distinct prompts of a file, each with its person's profile as text.

    Raises:
        FixableError: if the file is unusable or a row's context names no slot.
    """
    table = read_table(path, ("prompt", "context"), "data.train")
    found: dict[str, Prompt] = {}
    for number, row in enumerate(table.to_pylist()):
        profile = str(row["context"] or "")
        if not profile_of(profile):
            raise FixableError(
                "A prompt has no profile.",
                expected="a context such as 'city: Oslo; diet: vegan' in every row",
                found=f"{profile[:80]!r} in row {row.get('row_id') or number}",
                fix="Import the prompts with the profile of their person as context.",
                field="data.train",
            )
        messages = texts.chat(row["prompt"])
        key = _key_of([*messages, {"role": "profile", "content": profile}])
        found.setdefault(key, Prompt(key, messages, profile))
    return list(found.values())


def judged(pair: Pair, *, graded: bool, seed: int) -> Prompt:
    """Return a question about a pair, in an order drawn by seed and row, answered.

    Raises:
        FixableError: if strengths are asked for and the row has none.

    Source: Hong et al. 2025, Think-RM (verdicts and strengths from -3 to 3).
    """
    turned = random.Random(f"{seed}/{pair.row_id}").random() < 0.5
    sides = (pair.rejected, pair.chosen) if turned else (pair.chosen, pair.rejected)
    answer = texts.FIRST_SECOND[turned]
    if graded:
        if pair.margin is None:
            raise FixableError(
                "A row has no strength.",
                expected="a margin in every row, for graded verdicts",
                found=f"none in row {pair.row_id}",
                fix="Ask for strengths, or set verdict to binary.",
                field="data.train",
            )
        size = min(max(round(abs(pair.margin)), 1), 3)
        answer = str(size if turned else -size)
    asked = texts.weighing_both(pair.prompt, *sides, graded=graded)
    return Prompt(pair.row_id, asked, answer)


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
