"""Snapshot rows: reading Parquet, and pooling the labels of one comparison."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from training.engine.checked import check_columns
from training.engine.errors import FixableError

Messages = list[dict[str, str]]

PAIR_COLUMNS = ("prompt", "chosen", "rejected")
PROMPT_COLUMNS = ("prompt_id", "messages")
ROW_COLUMNS = ("row_id", "prompt", "completion")
MIXED = "conditions_mixed"
"""The count of comparisons that were made under more than one criterion or context."""
EQUAL = "equal_sides_left_out"
"""The count of comparisons of a text with itself."""


@dataclass(frozen=True)
class Pair:
    """One comparison.

    Attributes:
        soft_label: the probability that ``chosen`` is better, in [0.5, 1].
        margin: by how much, in the protocol's units; None if nobody said.
        weight: how much the row counts.
        group: rows of one prompt group share it; resampling keeps them together.
        extra: further columns that a method asked for; those of one side are named
            ``chosen_*`` or ``rejected_*``.
        condition: the context or criterion it was judged under; None if under none.
    """

    row_id: str
    prompt: Messages
    chosen: Messages
    rejected: Messages
    soft_label: float = 1.0
    margin: float | None = None
    weight: float = 1.0
    group: str = ""
    extra: Mapping[str, Any] = field(default_factory=dict)
    condition: str | None = None

    @property
    def is_decided(self) -> bool:
        """True if one side is preferred."""
        return self.soft_label != 0.5

    @property
    def is_of_itself(self) -> bool:
        """True if a text is preferred to the same text, under the same prompt."""
        same = self.is_decided and self.chosen == self.rejected
        return same and not self.extra.get("rejected_prompt")


@dataclass(frozen=True)
class PairSet:
    """The pairs a run uses, and what became of the others.

    Attributes:
        mixed: comparisons whose rows were made under more than one criterion or
            context, none of which is read.
        equal: comparisons of a text with itself, which were left out.
    """

    pairs: list[Pair]
    read: int
    pooled: int
    ties: int
    mixed: int = 0
    equal: int = 0

    def counts(self) -> dict[str, int]:
        """Return the counts as they are reported."""
        found = {
            "read": self.read,
            "after_pooling": self.pooled,
            "ties_left_out": self.ties,
            "used": len(self.pairs),
        }
        told = {MIXED: self.mixed, EQUAL: self.equal}
        return found | {name: count for name, count in told.items() if count}


def read_table(
    path: Path,
    columns: Sequence[str],
    field: str,
    *,
    may_be_empty: bool = False,
    optional: Sequence[str] = (),
) -> pa.Table:
    """Read a Parquet file that must have the given columns.

    Args:
        optional: columns that are read where they are there, and may be null.

    Raises:
        FixableError: if it is missing, is no Parquet file, lacks a column, has no
            rows, or one that cannot be used.
    """
    if not path.is_file():
        raise FixableError(
            "A data file is missing.",
            expected=f"a Parquet file at {path}",
            found="no such file",
            fix="Freeze the snapshot again or correct the path.",
            field=field,
        )
    try:
        table = pq.read_table(path)
    except (pa.ArrowInvalid, OSError) as error:
        raise FixableError(
            "A data file cannot be read.",
            expected="a Parquet file",
            found=str(error)[:300],
            fix=f"Write {path} again; it may have been cut short.",
            field=field,
        ) from error
    missing = [name for name in columns if name not in table.column_names]
    if missing:
        raise FixableError(
            f"A data file lacks {', '.join(missing)}.",
            expected=f"the columns {', '.join(columns)}",
            found=f"the columns {', '.join(table.column_names) or 'none'}",
            fix="Freeze a snapshot of the right view.",
            field=field,
        )
    if table.num_rows == 0 and not may_be_empty:
        raise FixableError(
            "A data file has no rows.",
            expected="at least one row",
            found=f"0 rows in {path}",
            fix="Collect more answers or widen the snapshot's filter.",
            field=field,
        )
    check_columns(table, columns, field, optional=optional)
    return table


def read_pairs(
    path: Path,
    *,
    field: str,
    pool: bool,
    decided_only: bool,
    may_be_empty: bool = False,
    extra: Sequence[str] = (),
    apart: Sequence[str] = (),
) -> PairSet:
    """Read comparisons from the pairs view.

    Args:
        extra: further columns to keep, where the file has them.
        pool: merge rows about the same two completions into one.
        decided_only: leave ties out, which hard-label losses cannot use.
        may_be_empty: return no pairs where there are none, as for a small split.
        apart: further columns whose values keep rows from being merged.

    Raises:
        FixableError: if the file is unusable or nothing is left.
    """
    table = read_table(
        path, PAIR_COLUMNS, field, may_be_empty=may_be_empty, optional=extra
    )
    kept_columns = [name for name in extra if name in table.column_names]
    read = [
        _pair(row, index, kept_columns) for index, row in enumerate(table.to_pylist())
    ]
    differing = [pair for pair in read if not pair.is_of_itself]
    pools = _pools(differing, apart)
    pooled = [_merged(same) for same in pools] if pool else differing
    mixed = sum(len({pair.condition for pair in same}) > 1 for same in pools)
    kept = [p for p in pooled if p.is_decided] if decided_only else pooled
    equal = len(read) - len(differing)
    if not may_be_empty and not any(pair.weight > 0 for pair in kept):
        raise FixableError(
            "No row can be used.",
            expected="at least one comparison with a preferred side and some weight",
            found=f"{len(read)} rows: {equal} of a text with itself, the others ties "
            "or of weight 0",
            fix="Collect decided comparisons.",
            field=field,
        )
    ties = len(pooled) - len(kept)
    return PairSet(kept, len(read), len(pooled), ties, mixed, equal)


def warnings_of(counts: Mapping[str, int]) -> list[str]:
    """Return what a person should know of the pairs that were read."""
    told = []
    if mixed := counts.get(MIXED, 0):
        told.append(
            f"{mixed} comparison(s) were made under more than one criterion or "
            "context, which this method does not read: their verdicts count as votes "
            "on one question. Freeze one criterion alone, or choose a method that "
            "reads contexts."
        )
    if equal := counts.get(EQUAL, 0):
        told.append(
            f"{equal} row(s) prefer a text to itself and were left out: nothing can be "
            "learned from them."
        )
    return told


def _pair(row: dict[str, Any], index: int, extra: Sequence[str] = ()) -> Pair:
    label = row.get("soft_label")
    margin, weight = row.get("margin"), row.get("weight")
    pair = Pair(
        row_id=str(row.get("row_id") or index),
        prompt=_messages(row["prompt"]),
        chosen=_messages(row["chosen"]),
        rejected=_messages(row["rejected"]),
        soft_label=1.0 if label is None else float(label),
        margin=None if margin is None else float(margin),
        weight=1.0 if weight is None else float(weight),
        group=str(row.get("group") or row.get("task") or index),
        extra=_extra(row, extra),
        condition=row.get("context") or row.get("criterion"),
    )
    return _turned(pair) if pair.soft_label < 0.5 else pair


def _extra(row: Mapping[str, Any], names: Sequence[str]) -> dict[str, Any]:
    """Return further columns; a row without a context was judged by its criterion."""
    found = {name: row[name] for name in names}
    if "context" in found and not found["context"]:
        found["context"] = row.get("criterion")
    return found


def _turned(pair: Pair) -> Pair:
    """Return the pair with its sides exchanged, and all that belongs to a side."""
    extra = {_of_other_side(k): v for k, v in pair.extra.items()}
    if "margins" in extra:
        extra = _negated(extra)
    prompt = pair.prompt
    if other := extra.get("rejected_prompt"):
        prompt, extra["rejected_prompt"] = _messages(other), pair.prompt
    return Pair(
        row_id=pair.row_id,
        prompt=prompt,
        chosen=pair.rejected,
        rejected=pair.chosen,
        soft_label=1.0 - pair.soft_label,
        margin=None if pair.margin is None else -pair.margin,
        weight=pair.weight,
        group=pair.group,
        extra=extra,
        condition=pair.condition,
    )


def _of_other_side(name: str) -> str:
    """Return a column's name after its pair was turned."""
    if name == "rejected_prompt":  # the other side's is the pair's own prompt
        return name
    for side, other in (("chosen_", "rejected_"), ("rejected_", "chosen_")):
        if name.startswith(side):
            return other + name.removeprefix(side)
    return name


def _negated(extra: dict[str, Any]) -> dict[str, Any]:
    margins = extra["margins"]
    return extra | {"margins": None if margins is None else [-m for m in margins]}


def _messages(value: Any) -> Messages:
    return [{"role": m["role"], "content": m["content"] or ""} for m in value]


def pool_pairs(pairs: Iterable[Pair], apart: Sequence[str] = ()) -> list[Pair]:
    """Merge rows about the same prompt and two completions, in order of first sight.

    The label is the weighted mean of the rows' labels, the margin the weighted mean
    of the known ones, the weight the sum; the side with more weight is the chosen one.
    Five labels of one comparison would otherwise count five times and contradict each
    other in one epoch. Of further columns numbers are averaged; texts are those of
    the first row that preferred the side which is chosen in the end.

    Args:
        apart: further columns; rows that differ in one are not merged. A pair under
            two criteria, or of two people, is two comparisons.
    """
    return [_merged(pool) for pool in _pools(pairs, apart)]


def _pools(pairs: Iterable[Pair], apart: Sequence[str]) -> list[list[Pair]]:
    """Return rows about one prompt and two completions together, turned one way."""
    pools: dict[str, list[Pair]] = {}
    for pair in pairs:
        chosen, rejected = _digest(pair.chosen), _digest(pair.rejected)
        first, second = sorted((chosen, rejected))
        oriented = pair if chosen == first else _turned(pair)
        other = oriented.extra.get("rejected_prompt")
        prompts = _digest(oriented.prompt) + (_digest(other) if other else "")
        told = repr([oriented.extra.get(name) for name in apart])
        key = f"{prompts}:{first}:{second}:{told}"
        pools.setdefault(key, []).append(oriented)
    return list(pools.values())


def _merged(pool: list[Pair]) -> Pair:
    weight = sum(pair.weight for pair in pool)
    if weight <= 0:
        weight, share = 0.0, 0.5
    else:
        share = sum(pair.weight * pair.soft_label for pair in pool) / weight
        # Sums of equal votes must come out as an exact tie.
        share = 0.5 if abs(share - 0.5) < 1e-9 else share
    known = [(p.margin, p.weight) for p in pool if p.margin is not None]
    known_weight = sum(w for _, w in known)
    margin = sum(m * w for m, w in known) / known_weight if known_weight > 0 else None
    first = pool[0]
    agreeing = [p for p in pool if (p.soft_label - 0.5) * (share - 0.5) > 0] or pool
    merged = Pair(
        row_id=first.row_id,
        prompt=first.prompt,
        chosen=first.chosen,
        rejected=first.rejected,
        soft_label=share,
        margin=margin,
        weight=weight,
        group=first.group,
        extra={
            name: _merged_values(
                [p.extra[name] for p in pool], [p.extra[name] for p in agreeing]
            )
            for name in first.extra
        },
    )
    return _turned(merged) if share < 0.5 else merged


def _merged_values(values: list[Any], agreeing: list[Any]) -> Any:
    """Return the mean of numbers, or of lists of them; else the first that agrees."""
    known = [value for value in values if value is not None]
    if not known:
        return None
    if all(_is_number(value) for value in known):
        return sum(known) / len(known)
    if all(isinstance(v, list) and len(v) == len(known[0]) for v in known) and all(
        _is_number(item) for v in known for item in v
    ):
        return [sum(column) / len(known) for column in zip(*known, strict=True)]
    return next((value for value in agreeing if value is not None), known[0])


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _digest(messages: Messages) -> str:
    text = json.dumps(messages, ensure_ascii=False, sort_keys=True)
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
