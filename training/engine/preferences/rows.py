"""Rows of a snapshot to examples: one reader for each view."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from training.engine.data import Messages, Pair, read_pairs, read_table
from training.engine.errors import FixableError
from training.engine.objectives.pairs import other_weights
from training.engine.preferences import columns as col
from training.engine.preferences import wording
from training.engine.preferences.degrees import Degrader, tells_degrees
from training.engine.preferences.examples import Encoder, Example, Number
from training.engine.registry import ParamValue, Preset
from training.engine.registry.algebra import Objective

TIES_ALLOWED = ("soft", "value_gap", "self")
"""Labels that ties are fine for: they say which side is better in other ways."""


@dataclass(frozen=True)
class Reading:
    """The examples of a file, and what became of the other rows."""

    examples: list[Example]
    counts: dict[str, int]


@dataclass
class Reader:
    """Reads rows for one method.

    Attributes:
        settings: the method's row of the algebra.
        params: its settings, defaults filled in.
    """

    preset: Preset
    settings: Objective
    params: Mapping[str, ParamValue]
    encoder: Encoder
    seed: int
    _degrader: Degrader | None = field(default=None, init=False)

    def read(self, path: Path) -> Reading:
        """Return the examples of a Parquet file.

        Raises:
            FixableError: if the file, a column or a row is unusable; names the row.
        """
        table = read_table(path, [*VIEWS[self.settings.data], *self._must()], _FIELD)
        readers = {
            "pairs": self._pairs,
            "lists": self._lists,
            "unary": self._unary,
            "demonstrations": self._demonstrations,
        }
        examples, counts = readers[self.settings.data](path, table.to_pylist)
        if not examples:
            raise FixableError(
                "No row can be used.",
                expected=f"at least one row that {self.preset.title} can learn from",
                found=str(counts),
                fix="Collect more answers, or widen the snapshot's filter.",
                field=_FIELD,
            )
        return Reading(examples, counts | {"used": len(examples)})

    def _must(self) -> list[str]:
        return list(col.required(self.preset))

    # --- pairs ---------------------------------------------------------------------

    def _pairs(self, path: Path, rows: Any) -> tuple[list[Example], dict[str, int]]:
        free = self.settings.label in TIES_ALLOWED or self.settings.link in (
            *("win_rate_target", "value_target", "reward_gap"),
        )
        found = read_pairs(
            path,
            field=_FIELD,
            pool=bool(self.params["pool_labels"]),
            decided_only=not free,
            extra=[*col.wanted(self.preset), "chosen_value", "rejected_value"],
            # A personal method learns what each person said, not what most did.
            apart=["annotator"] if self.settings.map == "shots" else [],
        )
        pairs, counts = found.pairs, found.counts()
        least = self.params.get("min_gap")
        if isinstance(least, float):
            kept = [p for p in pairs if self._gap(p) >= least]
            counts["small_gaps_left_out"] = len(pairs) - len(kept)
            pairs = kept
        shots = self._shots(found.pairs)
        self._degrader = self._degrading(pairs)
        examples = []
        for position, pair in enumerate(pairs):
            if self.settings.map == "goals":
                examples += self._with_goals(pair)
            elif self.settings.map == "rewrites":
                examples += self._rewrites(pair)
            else:
                prompt = wording.with_shots(pair.prompt, shots.get(position, ()))
                examples.append(self._pair(pair, prompt))
        return examples, counts

    def _degrading(self, pairs: Sequence[Pair]) -> Degrader | None:
        if not tells_degrees(self.settings, self.params):
            return None
        degrees = self.params["degrees"]
        assert isinstance(degrees, int)
        return Degrader([pair.chosen[-1]["content"] for pair in pairs], degrees)

    def _gap(self, pair: Pair) -> float:
        chosen, rejected = self._values(pair)
        return chosen - rejected

    def _values(self, pair: Pair) -> tuple[float, float]:
        one, two = (
            col.number(self.preset, name, pair.row_id, pair.extra.get(name))
            for name in ("chosen_value", "rejected_value")
        )
        return one, two

    def _with_goals(self, pair: Pair) -> list[Example]:
        """Return the pair under its chosen's goal, and turned under its rejected's."""
        good, bad = self._values(pair)
        turned = Pair(
            row_id=pair.row_id,
            prompt=pair.prompt,
            chosen=pair.rejected,
            rejected=pair.chosen,
            weight=pair.weight,
            group=pair.group,
            extra=pair.extra,
        )
        return [
            self._pair(pair, wording.with_goal(pair.prompt, good)),
            self._pair(turned, wording.with_goal(pair.prompt, bad)),
        ]

    def _rewrites(self, pair: Pair) -> list[Example]:
        return [
            Example(
                row_id=pair.row_id,
                members=self.encoder.branches(pair.row_id, prompt, [target]),
                weight=pair.weight,
            )
            for prompt, target in wording.rewrites(pair)
        ]

    def _shots(
        self, pairs: Sequence[Pair]
    ) -> dict[int, list[tuple[Messages, Messages, Messages]]]:
        """Return for each pair others of its annotator, of other prompts, by seed."""
        if self.settings.map != "shots":
            return {}
        asked = self.params["shots"]
        assert isinstance(asked, int)
        by_person: dict[str, list[int]] = {}
        for position, pair in enumerate(pairs):
            person = pair.extra.get("annotator")
            if not person:
                raise col.lacking(self.preset, "annotator", pair.row_id, person)
            by_person.setdefault(str(person), []).append(position)
        found = {}
        for members in by_person.values():
            for position in members:
                others = [i for i in members if pairs[i].group != pairs[position].group]
                draw = random.Random(f"{self.seed}/{pairs[position].row_id}")
                chosen = draw.sample(others, min(asked, len(others)))
                found[position] = [
                    (pairs[i].prompt, pairs[i].chosen, pairs[i].rejected)
                    for i in chosen
                ]
        return found

    def _pair(self, pair: Pair, prompt: Messages) -> Example:
        before = self.encoder.shortened
        numbers: dict[str, Number] = {"soft_label": pair.soft_label}
        if self.settings.scale == "strength":
            numbers["margin"] = col.number(
                self.preset, "margin", pair.row_id, pair.margin
            )
        if self.settings.margin == "rewards":
            numbers["margins"] = col.numbers(
                self.preset,
                "margins",
                pair.row_id,
                pair.extra.get("margins"),
                len(other_weights(self.params)),
            )
        if "chosen_value" in self.preset.columns:
            numbers["values"] = self._values(pair)
        return Example(
            row_id=pair.row_id,
            members=self._members(pair, prompt),
            extras=self._extras(pair, prompt),
            contexts=self._contexts(pair),
            columns=numbers,
            weight=pair.weight,
            shortened=self.encoder.shortened > before,
        )

    def _members(self, pair: Pair, prompt: Messages) -> tuple[Any, ...]:
        if "rejected_prompt" not in col.required(self.preset):
            return self.encoder.branches(
                pair.row_id, prompt, [pair.chosen, pair.rejected]
            )
        other = pair.extra.get("rejected_prompt")
        if not other:
            raise col.lacking(self.preset, "rejected_prompt", pair.row_id, other)
        contrast = self.settings.map == "contrast_prompts"
        worse = pair.chosen if contrast else pair.rejected
        return (
            *self.encoder.branches(pair.row_id, prompt, [pair.chosen]),
            *self.encoder.branches(pair.row_id, _chat(other), [worse]),
        )

    def _extras(self, pair: Pair, prompt: Messages) -> dict[str, Any]:
        extras = {}
        needs = col.required(self.preset)
        calibration = pair.extra.get("calibration")
        if "calibration" in needs and not calibration:
            raise col.lacking(self.preset, "calibration", pair.row_id, calibration)
        if calibration:
            (extras["calibration"],) = self.encoder.branches(
                pair.row_id, prompt, [_chat(calibration)], plain=True
            )
        if self._degrader is not None:
            for name, copy in self._degrader.copies(pair.chosen).items():
                (extras[name],) = self.encoder.branches(pair.row_id, prompt, [copy])
        if "rationale" in needs:
            reason = pair.extra.get("rationale")
            if not isinstance(reason, str) or not reason.strip():
                raise col.lacking(self.preset, "rationale", pair.row_id, reason)
            first, second = pair.chosen, pair.rejected
            if random.Random(f"{self.seed}/{pair.row_id}").random() < 0.5:
                first, second = second, first
            (extras["rationale"],) = self.encoder.branches(
                pair.row_id,
                wording.asking_why(pair.prompt, first, second),
                [[{"role": "assistant", "content": reason}]],
                plain=True,
            )
        return extras

    def _contexts(self, pair: Pair) -> dict[str, tuple[Any, ...]]:
        if "token_reward" not in self.settings.anchors:
            return {}
        return {
            name: self.encoder.branches(
                pair.row_id,
                wording.revising(pair.prompt, better=name == "better"),
                [pair.chosen, pair.rejected],
            )
            for name in ("better", "worse")
        }

    # --- other views -----------------------------------------------------------------

    def _lists(self, path: Path, rows: Any) -> tuple[list[Example], dict[str, int]]:
        examples, short, unranked = [], 0, 0
        for index, row in enumerate(rows()):
            row_id = str(row.get("row_id") or index)
            values = self._list_values(row_id, row)
            places = [i for i, value in enumerate(values) if value is not None]
            unranked += len(values) - len(places)
            if len(places) < 2:
                short += 1
                continue
            kept = self._list_scale([values[i] or 0.0 for i in places])
            examples.append(
                Example(
                    row_id=row_id,
                    members=self.encoder.branches(
                        row_id,
                        _chat(row["prompt"]),
                        [_chat(row["candidates"][i]) for i in places],
                    ),
                    columns={"values": kept},
                    weight=_weight(row),
                )
            )
        return examples, {
            "read": index + 1,
            "lists_too_short": short,
            "unranked_left_out": unranked,
        }

    def _list_values(self, row_id: str, row: dict[str, Any]) -> list[float | None]:
        """Return how good each candidate is; None where nobody said."""
        groups = [None if g is None else -float(g) for g in row["groups"]]
        given = row.get("values") or []
        if "values" in col.required(self.preset):
            return [*col.numbers(self.preset, "values", row_id, given, len(groups))]
        if self.settings.link == "levels" or not any(v is not None for v in given):
            return groups
        return [
            None if group is None or value is None else float(value)
            for group, value in zip(groups, given, strict=True)
        ]

    def _list_scale(self, values: list[float]) -> tuple[float, ...]:
        # Gains of ranking measures are for values from 0 to 1.
        if self.settings.link in ("lambda", "tree"):
            return col.scaled(values)
        return tuple(values)

    def _unary(self, path: Path, rows: Any) -> tuple[list[Example], dict[str, int]]:
        kept, neutral = [], 0
        for index, row in enumerate(rows()):
            if row["label"] is None:
                neutral += 1
            else:
                kept.append((str(row.get("row_id") or index), row))
        examples = []
        prompts = [_chat(row["prompt"]) for _, row in kept]
        strangers = strangers_of(prompts)
        for (row_id, row), prompt, strange in zip(
            kept, prompts, strangers, strict=True
        ):
            (member,) = self.encoder.branches(
                row_id, prompt, [_chat(row["completion"])]
            )
            # What the policy says of answers to something else sets the level that
            # good and bad are measured from.
            other = _chat(kept[strange][1]["completion"])
            (stranger,) = self.encoder.branches(row_id, prompt, [other])
            examples.append(
                Example(
                    row_id=row_id,
                    members=(member,),
                    extras={"mismatched": stranger},
                    columns={"label": float(bool(row["label"]))},
                    weight=_weight(row),
                )
            )
        return examples, {"read": len(kept) + neutral, "neutral_left_out": neutral}

    def _demonstrations(
        self, path: Path, rows: Any
    ) -> tuple[list[Example], dict[str, int]]:
        examples = []
        for index, row in enumerate(rows()):
            row_id = str(row.get("row_id") or index)
            examples.append(
                Example(
                    row_id=row_id,
                    members=self.encoder.branches(
                        row_id, _chat(row["prompt"]), [_chat(row["completion"])]
                    ),
                    weight=_weight(row),
                )
            )
        return examples, {"read": len(examples)}


_FIELD = "data.train"

VIEWS: Mapping[str, tuple[str, ...]] = {
    "pairs": ("prompt", "chosen", "rejected"),
    "lists": ("prompt", "candidates", "groups"),
    "unary": ("prompt", "completion", "label"),
    "demonstrations": ("prompt", "completion"),
}
"""What a file of each view must hold."""


def strangers_of(prompts: Sequence[Messages]) -> list[int]:
    """Return for each row the next one, in a circle, with another prompt.

    Completions of one prompt often stand in neighbouring rows, and those are no
    strangers. Where all prompts are equal it is the next row.
    """
    count = len(prompts)
    found = [(place + 1) % count for place in range(count)]
    if all(prompt == prompts[0] for prompt in prompts):
        return found
    # From the back, twice round: a row passes on whom the next one of its prompt has.
    for place in [*reversed(range(count))] * 2:
        after = (place + 1) % count
        if prompts[after] == prompts[place]:
            found[place] = found[after]
    return found


def _chat(value: Any) -> Messages:
    return [{"role": m["role"], "content": m["content"] or ""} for m in value]


def _weight(row: Mapping[str, Any]) -> float:
    weight = row.get("weight")
    return 1.0 if weight is None else float(weight)
