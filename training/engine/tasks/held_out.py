"""Pairs to evaluate on, with what a reward model reads besides prompt and answers."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from training.engine.data import Messages, Pair, read_pairs
from training.engine.errors import FixableError
from training.engine.models import Loaded
from training.engine.rewards.contract import Item
from training.engine.rewards.model import Description, RewardModel
from training.engine.rewards.texts import chat

TAGS = (
    *("criterion", "question", "source", "lang", "domain", "subset", "tags"),
    *("annotator_kind", "round"),
)
"""Columns by whose values accuracy is told apart, where a file has them."""

EXTRA = (
    *("context", "reference", "principle", "annotator", "rejected_prompt"),
    *("factors", "chosen_factors", "rejected_factors"),
)
"""Columns that some reward models read."""

_BY_MAP = {"context": "context", "reference": "reference", "joint": "rejected_prompt"}


def needed(loaded: Loaded) -> tuple[str, ...]:
    """Return the columns without which a reward model's answer means nothing."""
    told = _description(loaded)
    if told is None or told.map not in _BY_MAP:
        return ()
    return (_BY_MAP[told.map],)


def asks_whom(loaded: Loaded) -> bool:
    """Return whether a reward model's answer depends on whose opinion is asked."""
    told = _description(loaded)
    if told is None:
        return False
    return told.head in ("ideal_point", "latent") or told.map == "shots"


def shots_wanted(loaded: Loaded) -> bool:
    """Return whether a reward model reads earlier pairs of the same person."""
    told = _description(loaded)
    return told is not None and (told.head == "latent" or told.map == "shots")


def _description(loaded: Loaded) -> Description | None:
    model = loaded.model
    return model.description if isinstance(model, RewardModel) else None


def read_decided(path: Path, field: str, *, keep: Sequence[str] = ()) -> list[Pair]:
    """Return a file's decided pairs, pooled where a model would see no difference.

    Rows about the same two completions are one pair, unless they differ in a column
    of ``keep``: a context, or whose opinion it is.
    """
    return read_pairs(
        path,
        field=field,
        pool=True,
        decided_only=True,
        may_be_empty=True,
        extra=[*dict.fromkeys([*EXTRA, *TAGS])],
        apart=keep,
    ).pairs


def some_of(pairs: list[Pair], limit: int | None, seed: int) -> list[Pair]:
    """Return a seeded choice of ``limit`` pairs, in their order."""
    if limit is None or len(pairs) <= limit:
        return pairs
    kept = random.Random(seed).sample(range(len(pairs)), limit)
    return [pairs[i] for i in sorted(kept)]


def check_columns(loaded: Loaded, pairs: Sequence[Pair], field: str) -> None:
    """Refuse pairs that lack what the model must read.

    Raises:
        FixableError: naming the first such row.
    """
    for name in needed(loaded):
        for pair in pairs:
            if not pair.extra.get(name):
                raise lacking(name, pair.row_id, pair.extra.get(name), field)


def lacking(name: str, row_id: str, found: object, field: str) -> FixableError:
    """Return the refusal of a row without what the reward model must read."""
    return FixableError(
        f"A row lacks {name}, which this reward model reads.",
        expected=f"a value of {name} in every row of {field}",
        found=f"{found!r} in row {row_id}",
        fix=f"Give rows that have {name}, or take a reward model that needs none.",
        field=field,
    )


def items_of(
    loaded: Loaded,
    pairs: Sequence[Pair],
    history: Mapping[int, list[Pair]] | None = None,
) -> tuple[list[Item], list[Item]]:
    """Return both sides of every pair as a reward model is asked about them.

    Args:
        history: of each pair's place, earlier pairs of the same person.
    """
    own_prompts = "rejected_prompt" in needed(loaded)
    firsts, seconds = [], []
    for place, pair in enumerate(pairs):
        extra = readable(pair.extra)
        shots = (history or {}).get(place, [])
        if shots:
            extra["shots"] = [(p.prompt, p.chosen, p.rejected) for p in shots]
        other = chat(extra["rejected_prompt"]) if own_prompts else pair.prompt
        firsts.append(Item(pair.prompt, pair.chosen, _of_side(extra, "chosen")))
        seconds.append(Item(other, pair.rejected, _of_side(extra, "rejected")))
    return firsts, seconds


def _of_side(extra: dict[str, Any], side: str) -> dict[str, Any]:
    """Return what a model may read of one side of a pair."""
    factors = extra.get(f"{side}_factors")
    return extra if factors is None else extra | {"factors": factors}


def readable(extra: Any) -> dict[str, Any]:
    """Return the columns that models read, conversations as plain messages."""
    found = {name: extra[name] for name in EXTRA if extra.get(name)}
    if "reference" in found:
        found["reference"] = as_answer(found["reference"])
    return found


def as_answer(value: Any) -> Messages:
    """Return an answer given as messages, or as its text alone."""
    if isinstance(value, str):
        return [{"role": "assistant", "content": value}]
    return chat(value)


def histories(
    pairs: Sequence[Pair], known: Sequence[Pair], *, shots: int, seed: int
) -> dict[int, list[Pair]]:
    """Return a few known pairs of each test pair's person, never of its own group."""
    people: dict[str, list[Pair]] = {}
    for pair in known:
        if person := pair.extra.get("annotator"):
            people.setdefault(str(person), []).append(pair)
    found = {}
    for place, pair in enumerate(pairs):
        theirs = people.get(str(pair.extra.get("annotator")), [])
        others = [other for other in theirs if other.group != pair.group]
        draw = random.Random(f"{seed}/{pair.row_id}")
        found[place] = draw.sample(others, min(shots, len(others)))
    return found


def unknown_people(
    loaded: Loaded, pairs: Sequence[Pair], history: Mapping[int, list[Pair]] | None
) -> Counter[str]:
    """Return how many pairs are answered for nobody in particular, and why."""
    counts: Counter[str] = Counter()
    told = _description(loaded)
    if told is None or not asks_whom(loaded):
        return counts
    for place, pair in enumerate(pairs):
        person = pair.extra.get("annotator")
        if not person:
            counts["name nobody"] += 1
        elif told.head == "ideal_point" and str(person) not in told.names:
            counts["name somebody the model never met"] += 1
        elif shots_wanted(loaded) and not (history or {}).get(place):
            counts["name somebody without earlier pairs"] += 1
    return counts
