"""Rows of pairs to examples for reward models."""

from __future__ import annotations

import math
import random
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from training.engine.checked import refuse_empty
from training.engine.data import Pair, read_pairs
from training.engine.errors import FixableError
from training.engine.preferences import columns as col
from training.engine.preferences import wording
from training.engine.registry import ParamValue, Preset
from training.engine.registry.rewards_algebra import RewardRow
from training.engine.rewards import texts
from training.engine.rewards.examples import Encoded, Encoder, Example, Number

FIELD = "data.train"
SIDED = ("rejected_prompt", "chosen_unsafe", "rejected_unsafe")
"""Columns about one side, which have no mean: rows that have them are not pooled."""

CONDITIONS = ("context", "reference", "principle")
"""What a comparison was made under: rows that differ in it are not pooled."""


@dataclass(frozen=True)
class Reading:
    """What a file gave.

    Attributes:
        names: users or domains in the order of the tables of a head.
        attributes: what was rated, in the order of the values.
        positive: the share of reactions that came, among rows of single completions.
    """

    examples: list[Example]
    counts: dict[str, int]
    names: tuple[str, ...] = ()
    attributes: tuple[str, ...] = ()
    positive: float = 0.0


@dataclass(frozen=True)
class PairReader:
    """Reads pairs for one method."""

    preset: Preset
    settings: RewardRow
    params: Mapping[str, ParamValue]
    encoder: Encoder
    seed: int

    def pairs(self, path: Path, rows: list[dict[str, Any]]) -> Reading:
        sided = [name for name in col.wanted(self.preset) if name in SIDED]
        three = self.settings.loss in ("rao_kupper", "davidson")
        whole = bool(sided) or three or bool(self.settings.named)
        found = read_pairs(
            path,
            field=FIELD,
            # Ties and the opinions of single people do not outlive pooling.
            pool=bool(self.params["pool_labels"]) and not whole,
            decided_only=self._decided_only(),
            extra=[*col.wanted(self.preset), "annotator", "source"],
            apart=[name for name in col.wanted(self.preset) if name in CONDITIONS],
        )
        pairs, counts = found.pairs, found.counts()
        for pair in pairs:
            refuse_empty(pair.row_id, [pair.chosen, pair.rejected])
        if self.settings.map == "factors":
            pairs, undecided = self._by_factors(pairs)
            counts["undecided_by_factors"] = undecided
        names = self._names(pairs)
        shots = self._shots(pairs)
        examples = [
            self._pair(pair, names, [pairs[i] for i in shots.get(place, ())])
            for place, pair in enumerate(pairs)
        ]
        return Reading(examples, counts, tuple(names))

    def _decided_only(self) -> bool:
        if self.settings.loss in ("anchored", "cost", "mixture"):
            return True
        return "soft_labels" in self.params and not self.params["soft_labels"]

    def _names(self, pairs: Sequence[Pair]) -> dict[str, int]:
        """Return the users or domains of the pairs, each with its number."""
        column = self.settings.named
        if not column:
            return {}
        found: dict[str, int] = {}
        for pair in pairs:
            name = pair.extra.get(column)
            if not name:
                raise col.lacking(self.preset, column, pair.row_id, name)
            found.setdefault(str(name), len(found))
        return found

    def _shots(self, pairs: Sequence[Pair]) -> dict[int, list[int]]:
        """Return others' positions of each pair's annotator, of other prompts."""
        asked = self.params.get("shots")
        if not isinstance(asked, int):
            return {}
        people: dict[str, list[int]] = {}
        for place, pair in enumerate(pairs):
            person = pair.extra.get("annotator")
            if not person:
                raise col.lacking(self.preset, "annotator", pair.row_id, person)
            people.setdefault(str(person), []).append(place)
        found = {}
        for members in people.values():
            for place in members:
                others = [i for i in members if pairs[i].group != pairs[place].group]
                draw = random.Random(f"{self.seed}/{pairs[place].row_id}")
                found[place] = draw.sample(others, min(asked, len(others)))
        return found

    def _by_factors(self, pairs: Sequence[Pair]) -> tuple[list[Pair], int]:
        """Return pairs labelled by the first factor that tells their sides apart.

        Source: HERON (the form of its margins is from memory).
        """
        margins = number_list(str(self.params["factor_margins"]))
        kept = []
        for pair in pairs:
            sides = [
                col.numbers(
                    self.preset, name, pair.row_id, pair.extra.get(name), len(margins)
                )
                for name in ("chosen_factors", "rejected_factors")
            ]
            said = lexicographic(sides[0], sides[1], margins)
            if said > 0:
                kept.append(replace(pair, soft_label=1.0))
            elif said < 0:
                kept.append(
                    replace(
                        pair,
                        chosen=pair.rejected,
                        rejected=pair.chosen,
                        soft_label=1.0,
                        margin=None,
                    )
                )
        return kept, len(pairs) - len(kept)

    def _pair(
        self, pair: Pair, names: Mapping[str, int], shots: Sequence[Pair]
    ) -> Example:
        numbers: dict[str, Number] = {"soft_label": pair.soft_label}
        if self.params.get("use_margin"):
            numbers["margin"] = pair.margin or 0.0
        if self.settings.named:
            numbers["named"] = float(names[str(pair.extra[self.settings.named])])
        if self.settings.loss == "bootstrap":
            numbers["draws"] = self._draws(pair.row_id)
        for name in ("chosen_unsafe", "rejected_unsafe"):
            if name in self.preset.columns:
                said = pair.extra.get(name)
                if not isinstance(said, bool):
                    raise col.lacking(self.preset, name, pair.row_id, said)
                numbers[name] = float(said)
        if self.settings.head == "features":
            count = int(self.params["features"] or 0)
            for name in ("chosen_factors", "rejected_factors"):
                numbers[name] = col.numbers(
                    self.preset, name, pair.row_id, pair.extra.get(name), count
                )
            # Equal texts of two rows may have been rated apart.
            numbers["named"] = float(zlib.crc32(pair.row_id.encode()))
        if self.settings.map == "judge":
            return self._judged(pair)
        return Example(
            pair.row_id, self._members(pair, shots), numbers, weight=pair.weight
        )

    def _members(self, pair: Pair, shots: Sequence[Pair]) -> tuple[Encoded | None, ...]:
        how = self.settings.map
        for name in ("context", "reference", "rejected_prompt"):
            if name in col.required(self.preset) and not pair.extra.get(name):
                raise col.lacking(self.preset, name, pair.row_id, pair.extra.get(name))
        prompt = pair.prompt
        if how == "shots":
            told = [(p.prompt, p.chosen, p.rejected) for p in shots]
            prompt = wording.with_shots(prompt, told)
        extra = dict(pair.extra)
        if how == "reference":
            extra["reference"] = texts.chat(extra["reference"])
        prompt = texts.under(how, prompt, extra)
        if how == "joint":
            other = texts.chat(pair.extra["rejected_prompt"])
            return (
                *self.encoder.sequences(prompt, [pair.chosen]),
                *self.encoder.sequences(other, [pair.rejected]),
            )
        members: list[Encoded | None] = [
            *self.encoder.sequences(prompt, [pair.chosen, pair.rejected])
        ]
        if self.settings.loss == "elbo":
            for shot in shots:
                members += self.encoder.sequences(
                    shot.prompt, [shot.chosen, shot.rejected]
                )
            wanted = 2 + 2 * int(self.params["shots"] or 0)
            members += [None] * (wanted - len(members))
        return tuple(members)

    def _judged(self, pair: Pair) -> Example:
        """Return both answers in one question, in an order drawn by seed and row."""
        first, second, label = pair.chosen, pair.rejected, pair.soft_label
        if random.Random(f"{self.seed}/{pair.row_id}").random() < 0.5:
            first, second, label = second, first, 1 - label
        asked = texts.asking_which(pair.prompt, first, second)
        return Example(
            pair.row_id,
            (self.encoder.question(asked),),
            {"label": label},
            weight=pair.weight,
        )

    def _draws(self, row_id: str) -> tuple[float, ...]:
        """Return how often each member of an ensemble meets this row: Poisson(1)."""
        members = int(self.params["members"] or 1)
        draw = random.Random(f"{self.seed}/{row_id}")
        counts = []
        for _ in range(members):
            count, product = 0, draw.random()
            while product > math.exp(-1):
                count, product = count + 1, product * draw.random()
            counts.append(float(count))
        return tuple(counts)


def lexicographic(
    one: Sequence[float], other: Sequence[float], margins: Sequence[float]
) -> int:
    """Return 1 if the first is better, -1 if the second is, 0 if nothing decides.

    The first factor whose values differ by more than its margin decides. With margins
    above 0 the order can have cycles.

    Source: Hu et al. 2022, HERON (form of the margins from memory).
    """
    for a, b, margin in zip(one, other, margins, strict=True):
        if abs(a - b) > margin:
            return 1 if a > b else -1
    return 0


def number_list(text: str) -> tuple[float, ...]:
    """Return numbers that stand with commas between them.

    Raises:
        FixableError: if one is none.
    """
    try:
        return tuple(float(part) for part in text.split(",") if part.strip())
    except ValueError as error:
        raise FixableError(
            "A list of numbers cannot be read.",
            expected="numbers with commas between them",
            found=repr(text),
            fix="Write them like 0.5,0.25.",
            field="params",
        ) from error
