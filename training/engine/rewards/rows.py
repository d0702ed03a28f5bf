"""Rows of a snapshot to examples for reward models: one reader for each view."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from training.engine.checked import refuse_empty
from training.engine.data import read_table
from training.engine.errors import FixableError
from training.engine.preferences import columns as col
from training.engine.rewards import texts
from training.engine.rewards.examples import Example, Number
from training.engine.rewards.pair_rows import FIELD, PairReader, Reading
from training.engine.rewards.segments import labels, segmented

VIEWS: Mapping[str, tuple[str, ...]] = {
    "pairs": ("prompt", "chosen", "rejected"),
    "lists": ("prompt", "candidates", "groups"),
    "vectors": ("prompt", "completion", "names", "values"),
    "scalars": ("prompt", "completion", "value"),
    "unary": ("prompt", "completion", "label"),
    "tokens": ("prompt", "text", "spans"),
    "entailment": ("prompt", "completion", "principle", "label"),
}
"""What a file of each view must hold."""


@dataclass(frozen=True)
class Reader(PairReader):
    """Reads rows for one method."""

    def read(self, path: Path) -> Reading:
        """Return the examples of a Parquet file.

        Raises:
            FixableError: if the file, a column or a row is unusable; names the row.
        """
        must = [*VIEWS[self.settings.data], *col.required(self.preset)]
        rows = read_table(path, must, FIELD).to_pylist()
        readers = {
            "pairs": self.pairs,
            "lists": self._lists,
            "vectors": self._vectors,
            "scalars": self._scalars,
            "unary": self._unary,
            "tokens": self._tokens,
            "entailment": self._entailment,
        }
        reading = readers[self.settings.data](path, rows)
        if not reading.examples:
            raise FixableError(
                "No row can be used.",
                expected=f"at least one row that {self.preset.title} can learn from",
                found=str(reading.counts),
                fix="Collect more answers, or widen the snapshot's filter.",
                field=FIELD,
            )
        counts = reading.counts | {"used": len(reading.examples)}
        return replace(reading, counts=counts)

    # --- other views -----------------------------------------------------------------

    def _lists(self, path: Path, rows: list[dict[str, Any]]) -> Reading:
        examples, short = [], 0
        for index, row in enumerate(rows):
            row_id = _row_id(row, index)
            places = [None if g is None else -float(g) for g in row["groups"]]
            known = [place for place in places if place is not None]
            if len(set(known)) + (len(known) < len(places)) < 2:
                short += 1
                continue
            if self.settings.loss == "lambda":
                low, high = min(known), max(known)
                size = (high - low) or 1.0
                places = [None if p is None else (p - low) / size for p in places]
            values = tuple(math.nan if p is None else p for p in places)
            candidates = [texts.chat(each) for each in row["candidates"]]
            refuse_empty(row_id, candidates)
            prompt = texts.chat(row["prompt"])
            members = self.encoder.sequences(prompt, candidates)
            examples.append(
                Example(row_id, members, {"values": values}, weight=_weight(row))
            )
        return Reading(examples, {"read": len(rows), "lists_that_say_nothing": short})

    def _vectors(self, path: Path, rows: list[dict[str, Any]]) -> Reading:
        wanted = [n.strip() for n in str(self.params["attributes"] or "").split(",")]
        names = [name for name in wanted if name]
        if not names:
            names = sorted({str(name) for row in rows for name in row["names"]})
        examples, empty = [], 0
        for index, row in enumerate(rows):
            rated = row.get("normalised") or row["values"]
            told = {
                str(name): float(value)
                for name, value, raw in zip(
                    row["names"], rated, row["values"], strict=True
                )
                if raw is not None and value is not None
            }
            values = tuple(told.get(name, math.nan) for name in names)
            if all(math.isnan(value) for value in values):
                empty += 1
                continue
            examples.append(self._single(row, index, {"values": values}))
        counts = {"read": len(rows), "unrated_left_out": empty}
        return Reading(examples, counts, attributes=tuple(names))

    def _scalars(self, path: Path, rows: list[dict[str, Any]]) -> Reading:
        kept = [(i, row) for i, row in enumerate(rows) if row["value"] is not None]
        examples = []
        for index, row in kept:
            row_id = _row_id(row, index)
            value = col.number(self.preset, "value", row_id, row["value"])
            examples.append(self._single(row, index, {"value": value}))
        counts = {"read": len(rows), "unrated_left_out": len(rows) - len(kept)}
        return Reading(examples, counts)

    def _unary(self, path: Path, rows: list[dict[str, Any]]) -> Reading:
        kept = [(i, row) for i, row in enumerate(rows) if row["label"] is not None]
        examples = [
            self._single(row, index, {"label": float(bool(row["label"]))})
            for index, row in kept
        ]
        positive = sum(float(bool(row["label"])) for _, row in kept) / max(len(kept), 1)
        if kept and not 0 < positive < 1:
            raise FixableError(
                "All reactions are alike.",
                expected="rows with and without the reaction",
                found=f"{len(kept)} rows with label {bool(positive)}",
                fix="Collect completions that people did not react to as well.",
                field=FIELD,
            )
        counts = {"read": len(rows), "neutral_left_out": len(rows) - len(kept)}
        return Reading(examples, counts, positive=positive)

    def _tokens(self, path: Path, rows: list[dict[str, Any]]) -> Reading:
        words = str(self.params["categories"] or "").split(",")
        categories = [word.strip() for word in words if word.strip()]
        density, least = str(self.params["density"]), int(self.params["min_words"] or 1)
        examples, elsewhere = [], 0
        for index, row in enumerate(rows):
            if row.get("target", "completion") != "completion":
                elsewhere += 1
                continue
            text = texts.chat(row["text"])
            refuse_empty(_row_id(row, index), [text])
            found = segmented(
                self.encoder.tokenizer,
                texts.chat(row["prompt"]),
                text,
                density=density,
                min_words=least,
            )
            contents = [message["content"] for message in text]
            span_words = least if density == "clause" else 1
            said = labels(found, row["spans"], categories, span_words, contents)
            sequence = self.encoder.cut(found.ids, found.prompt, found.ends)
            classes = tuple(float(value) for value in said[: len(sequence)])
            examples.append(
                Example(
                    _row_id(row, index),
                    (sequence,),
                    {"token_labels": classes},
                    weight=_weight(row),
                )
            )
        return Reading(examples, {"read": len(rows), "not_completions": elsewhere})

    def _entailment(self, path: Path, rows: list[dict[str, Any]]) -> Reading:
        examples, unclear = [], 0
        for index, row in enumerate(rows):
            if row["label"] not in ("yes", "no"):
                unclear += 1
                continue
            completion = texts.chat(row["completion"])
            refuse_empty(_row_id(row, index), [completion])
            asked = texts.asking_principle(
                texts.chat(row["prompt"]), completion, str(row["principle"])
            )
            examples.append(
                Example(
                    _row_id(row, index),
                    (self.encoder.question(asked),),
                    {"label": float(row["label"] == "yes")},
                    weight=_weight(row),
                )
            )
        return Reading(examples, {"read": len(rows), "unclear_left_out": unclear})

    def _single(
        self, row: Mapping[str, Any], index: int, numbers: dict[str, Number]
    ) -> Example:
        prompt, completion = texts.chat(row["prompt"]), texts.chat(row["completion"])
        refuse_empty(_row_id(row, index), [completion])
        members = self.encoder.sequences(prompt, [completion])
        return Example(_row_id(row, index), members, numbers, weight=_weight(row))


def _row_id(row: Mapping[str, Any], index: int) -> str:
    return str(row.get("row_id") or index)


def _weight(row: Mapping[str, Any]) -> float:
    weight = row.get("weight")
    return 1.0 if weight is None else float(weight)
